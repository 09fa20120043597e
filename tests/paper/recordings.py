"""Recordings written message by message, for tests of what is played from them."""

import json
from datetime import UTC, datetime
from pathlib import Path
from random import Random
from typing import Any

from overround.paper.recording import RecordingSource
from overround.paper.takers import TakerSettings
from tests.paper.worlds import Stage

T0 = 1_600_000_000_000
QUIET = TakerSettings(noise_per_second=0.0, visits_per_step=0)


class Script:
    """One market's recording in the making; times are seconds after the first message."""

    def __init__(self, *runners: str, market: str = "1.7", starts: float = 60.0, **definition: Any) -> None:
        self.lines: list[dict[str, Any]] = []
        self.market = market
        self.status, self.in_play = "OPEN", False
        self.runners = dict.fromkeys(range(1, len(runners) + 1), "ACTIVE")
        self.names = dict(zip(self.runners, runners, strict=True))
        begins = datetime.fromtimestamp(T0 / 1000 + starts, UTC).isoformat().replace("+00:00", "Z")
        kind = {"eventTypeId": "2", "marketType": "MATCH_ODDS", "numberOfWinners": 1, "marketTime": begins}
        self.fields = {**kind, "betDelay": 0, **definition}

    def say(self, at: float, **change: Any) -> "Script":
        self.lines.append({"op": "mcm", "pt": T0 + round(at * 1000), "mc": [{"id": self.market, **change}]})
        return self

    def define(self, at: float, status: str = "", *, in_play: bool | None = None, **runners: str) -> "Script":
        """A new definition; ``r2="REMOVED"`` changes runner 2."""
        self.in_play = self.in_play if in_play is None else in_play
        return self._define(at, status or self.status, {int(name[1:]): state for name, state in runners.items()})

    def _define(self, at: float, status: str, runners: dict[int, str]) -> "Script":
        self.status, self.runners = status, self.runners | runners
        listed = [
            {"id": key, "status": state, "sortPriority": key, "name": self.names[key]}
            for key, state in self.runners.items()
        ]
        body = {**self.fields, "status": self.status, "inPlay": self.in_play, "runners": listed}
        return self.say(at, marketDefinition=body)

    def price(self, at: float, **backs: float) -> "Script":
        """Back prices ``r1=1.9`` with lays a tick above, replacing what stood; 0 takes the price away."""
        rows: list[dict[str, Any]] = []
        for name, back in backs.items():
            key = int(name[1:])
            rows.append({"id": key, "atb": [], "atl": []})
            if back:
                rows.append({"id": key, "atb": [[back, 40]], "atl": [[round(back + 0.02, 2), 40]]})
        return self.say(at, rc=rows)

    def close(self, at: float, winner: int | None = None) -> "Script":
        ended = {key: "WINNER" if key == winner else "LOSER" for key, s in self.runners.items() if s == "ACTIVE"}
        return self._define(at, "CLOSED", {} if winner is None else ended)

    def write(self, folder: Path, name: str = "made.ndjson") -> Path:
        path = folder / name
        path.write_text("".join(json.dumps(line) + "\n" for line in self.lines))
        return path


def course(seed: int) -> Script:
    """A random match of a minute and a half with suspensions, a withdrawn price and a winner."""
    rng, script = Random(seed), Script("Ann", "Bea")
    chance = 0.5
    script.define(0.0)
    for second in range(1, 90):
        draw = rng.random()
        if draw < 0.08:
            script.define(second, "SUSPENDED" if script.status == "OPEN" else "OPEN", in_play=second > 60)
        elif draw < 0.8:
            chance = min(0.9, max(0.1, chance + rng.uniform(-0.03, 0.03)))
            gone = 0.0 if rng.random() < 0.05 else 1.0
            script.price(second, r1=round(1 / chance, 2) * gone, r2=round(1 / (1 - chance), 2))
    return script.close(90, rng.choice((1, 2)))


def playing(stage: Stage, *paths: Path, **options: Any) -> RecordingSource:
    """On the stage's own clock, with nobody else trading."""
    return RecordingSource(stage.world, list(paths), steady=stage.clock, **{"takers": QUIET, **options})


def play_out(stage: Stage, source: RecordingSource, step: float = 0.1) -> None:
    for _ in range(3000):
        if source.finished:
            return
        stage.run(source, step, step=step)
    raise AssertionError("not finished in time")
