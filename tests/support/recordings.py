"""A Betfair Exchange Stream recording made up for tests: the shapes of real ones (betfair sheet, section 6)."""

import gzip
import json
import random
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

T0 = 1_600_000_000_000
MARKET = "1.900000001"
RUNNERS = {47972: "Rovers", 47973: "United"}


def definition(status: str, *, in_play: bool = False, winner: int | None = None) -> dict[str, Any]:
    """A two-way ``MATCH_ODDS`` of a tennis match; runners are over once a ``winner`` is named."""
    runners = [
        {
            "id": key,
            "name": name,
            "sortPriority": place,
            "status": "ACTIVE" if winner is None else "WINNER" if key == winner else "LOSER",
        }
        for place, (key, name) in enumerate(RUNNERS.items(), 1)
    ]
    return {
        "status": status, "inPlay": in_play, "eventId": "29000001", "eventName": "Rovers v United", "eventTypeId": "2",
        "marketType": "MATCH_ODDS", "name": "Match Odds", "numberOfWinners": 1, "numberOfActiveRunners": 2,
        "marketTime": datetime.fromtimestamp(T0 / 1000 + 60, UTC).isoformat().replace("+00:00", "Z"),
        "betDelay": 5 if in_play else 0, "bspMarket": False, "turnInPlayEnabled": True, "persistenceEnabled": True,
        "version": 1, "runners": runners,
    }  # fmt: skip


def _message(at: float, change: dict[str, Any]) -> dict[str, Any]:
    return {"op": "mcm", "id": 1, "clk": str(round(at)), "pt": T0 + round(at * 1000), "mc": [{"id": MARKET, **change}]}


def _ladder(chance: float, margin: float, traded: float) -> dict[str, Any]:
    back = round(1 / (chance + margin / 2), 2)
    lay = round(back + 0.04, 2)
    return {"atb": [[back, 400], [round(back - 0.02, 2), 900]], "atl": [[lay, 400]], "trd": [[back, traded]]}


def _prices(at: float, chance: float, before: float | None, traded: float) -> dict[str, Any]:
    changes: list[dict[str, Any]] = []
    for place, key in enumerate(RUNNERS):
        if before is not None:
            old = _ladder(before if place == 0 else 1 - before, 0.02, 0.0)
            changes.append({"id": key, **{side: [[price, 0] for price, _ in old[side]] for side in ("atb", "atl")}})
        changes.append({"id": key, **_ladder(chance if place == 0 else 1 - chance, 0.02, traded)})
    return _message(at, {"rc": changes})


def made_up(*, seconds: int = 120, seed: int = 1) -> list[dict[str, Any]]:
    """A match of that many recorded seconds: pregame until a third, in play from there, suspended three times for a few
    seconds, closed with a winner at the end."""
    rng, chance, before = random.Random(seed), 0.52, None
    messages = [_message(0, {"img": True, "marketDefinition": definition("OPEN")})]
    halts = {seconds // 3: 5, seconds // 2: 6, seconds * 4 // 5: 8}
    in_play, reopens, traded = False, 0, 10.0
    for second in range(1, seconds):
        if second in halts:
            in_play, reopens = True, second + halts[second]
            messages.append(_message(second, {"marketDefinition": definition("SUSPENDED", in_play=in_play)}))
        elif second == reopens:
            chance = min(0.8, max(0.2, chance + rng.uniform(-0.12, 0.12)))
            messages.append(_message(second, {"marketDefinition": definition("OPEN", in_play=in_play)}))
        if second >= reopens:
            chance = min(0.85, max(0.15, chance + rng.uniform(-0.012, 0.012)))
            traded += rng.choice((0.0, 20.0, 60.0))
            messages.append(_prices(second, chance, before, traded))
            before = chance
    winner = next(iter(RUNNERS)) if chance > 0.5 else list(RUNNERS)[1]
    messages.append(_message(seconds, {"marketDefinition": definition("SUSPENDED", in_play=True)}))
    messages.append(_message(seconds + 3, {"marketDefinition": definition("CLOSED", in_play=True, winner=winner)}))
    return messages


def write_recording(path: Path, messages: list[dict[str, Any]]) -> Path:
    """One message a line; gzip when the name ends in ``.gz``."""
    text = "\n".join(json.dumps(message) for message in messages) + "\n"
    path.write_bytes(gzip.compress(text.encode()) if path.suffix == ".gz" else text.encode())
    return path
