"""The match simulator: fixtures that kick off, score, suspend, finish and make room for the next, all within minutes.

Everything follows from the seed and the clock it is stepped with. Its own time stands still while it is paused or not
running, so that a restart continues where it stopped.
"""

import asyncio
from dataclasses import dataclass, field
from random import Random
from typing import Any

from overround.paper.bookmaking import move_limits, reprice
from overround.paper.fixtures import clock_of, make_fixture, period_scores, results_of, summary_of
from overround.paper.pricing_model import drift, new_match, play
from overround.paper.rules import contract_values
from overround.paper.slots import Slot, dump_slot, load_slot
from overround.paper.sports import SPORTS
from overround.paper.takers import Takers, TakerSettings
from overround.paper.world import PaperFixture, Topic, World

LONGEST_STEP = 2.0
"""Seconds of simulated time a single step may cover: a stalled process does not skip half a match."""
RESULTS_AFTER, RESOLVED_AFTER, NEXT_RESOLVED, AFTERMATH = 2.0, 3.0, 2.0, 12.0
"""Seconds after the end: the bookmaker's results, the first exchange's payout, each further one's, the replacement."""
STALE_CHANCE = 0.012
"""Of each ordinary move, that the bookmaker's connection is lost instead."""


@dataclass(frozen=True, slots=True)
class SimulatorSettings:
    """``moves_per_second`` bounds odds moves over all fixtures; times are seconds; one fixture in ``void_every`` is
    abandoned. A match begins and one ends about every ``turn``."""

    seed: int = 1
    fixtures: int = 16
    moves_per_second: float = 10.0
    turn: float = 17.5
    pregame: float = 60.0
    margin: float = 0.05
    void_every: int = 12
    kick_off_halt: float = 1.0
    takers: TakerSettings = field(default_factory=TakerSettings)

    @property
    def in_play(self) -> float:
        """How long a match is in play."""
        return max(20.0, self.turn * self.fixtures - self.pregame - AFTERMATH)


class Simulator:
    """A source of fixtures for a world whose exchanges are in place; ``run`` it, or ``step`` it as its clock moves."""

    def __init__(self, world: World, settings: SimulatorSettings | None = None) -> None:
        self.world = world
        self.settings = settings or SimulatorSettings()
        self.takers = Takers(world, self.settings.takers)
        self.paused = False
        self.moves = 0
        self.time = 0.0
        self._next_number = 0
        self._allowance = 0.0
        self._last: float | None = None
        self._slots: list[Slot] = []
        self._restore()

    # -- life -------------------------------------------------------------------------------------------------------

    async def run(self, interval: float = 0.1) -> None:
        """Step for ever."""
        while True:
            self.step()
            await asyncio.sleep(interval)

    def step(self) -> None:
        """Bring everything to the world's clock."""
        now = self.world.clock()
        elapsed = 0.0 if self._last is None else max(0.0, min(LONGEST_STEP, now - self._last))
        self._last = now
        if self.paused:
            return
        rate = self.settings.moves_per_second
        self.time, self._allowance = self.time + elapsed, min(rate, self._allowance + elapsed * rate)
        self._fill()
        for index in sorted(range(len(self._slots)), key=lambda i: self._slots[i].next_move):
            self._advance(index)
        self._save_clock()
        self.world.store.commit()
        self.takers.step(self.time, self.fairs())

    def fairs(self) -> dict[str, dict[int, float]]:
        """Fair chances of the fixtures whose bookmaker is open, by outcome id."""
        open_slots = (slot for slot in self._slots if slot.stage != "over" and slot.suspended_until is None)
        return {slot.fixture_id: slot.chances() for slot in open_slots}

    def status(self) -> dict[str, Any]:
        """What an operator sees."""
        return {
            "source": "simulator",
            "paused": self.paused,
            "moves": self.moves,
            "seconds": round(self.time, 1),
            "fixtures": [{**summary_of(self._fixture(slot)), "stage": slot.stage} for slot in self._slots],
        }

    # -- slots ------------------------------------------------------------------------------------------------------

    def _fill(self) -> None:
        first = not self._slots
        while len(self._slots) < self.settings.fixtures:
            index = len(self._slots)
            self._slots.append(self._new_slot(index if first else None))
            first = first and index + 1 < self.settings.fixtures
            self._publish(index, "fixture", "bookmaker", "odds")

    def _new_slot(self, place: int | None) -> Slot:
        """A new fixture; ``place`` staggers the first ones so that they end one turn after another."""
        number, self._next_number = self._next_number, self._next_number + 1
        rng, sport = Random(f"{self.settings.seed}/{number}"), SPORTS[number % len(SPORTS)]
        kick_off, length = self._times(place)
        playing = [self._fixture(slot) for slot in self._slots]
        busy = {side for other in playing for side in (other.participant1, other.participant2)}
        fixture = make_fixture(sport, number, rng, round(self.world.clock() + kick_off - self.time), busy)
        base, abandoned = rng.randrange(300, 2001, 50), self._abandonment(number, rng)
        slot = Slot(number, fixture.fixture_id, kick_off, length, base, abandoned, new_match(sport, rng))
        self.world.fixtures[fixture.fixture_id] = fixture
        self._reprice(slot)
        move_limits(fixture.markets[0], slot.limit, rng)
        self._list(fixture)
        return slot

    def _times(self, place: int | None) -> tuple[float, float]:
        if place is None:
            return self.time + self.settings.pregame, self.settings.in_play
        end = self.settings.turn * (place + 2)
        kick_off = max(8.0 + 4.0 * place, end - self.settings.in_play)
        return self.time + kick_off, max(20.0, end - kick_off)

    def _abandonment(self, number: int, rng: Random) -> float | None:
        every = self.settings.void_every
        chosen = Random(f"{self.settings.seed}/void/{number // every}").randrange(max(1, every // 2))
        share = rng.uniform(0.3, 0.8)
        return share if number % every == chosen else None

    def _list(self, fixture: PaperFixture) -> None:
        for name in sorted(self.world.exchanges):
            self.world.exchanges[name].list_fixture(fixture)

    # -- one slot ---------------------------------------------------------------------------------------------------

    def _advance(self, index: int) -> None:
        slot = self._slots[index]
        if slot.stage == "over":
            self._wind_up(index)
            return
        if slot.stage == "pregame" and self.time >= slot.kick_off:
            self._kick_off(index)
        over = slot.stage == "live" and self.time >= slot.next_play and self._play(index)
        if not over:
            self._reopen(index)
            self._move(index)

    def _kick_off(self, index: int) -> None:
        slot, fixture = self._slots[index], self._fixture(self._slots[index])
        slot.stage, slot.next_play, slot.halted, fixture.status = "live", self.time, True, 1
        fixture.scores, fixture.clock = period_scores(slot.sport, slot.state), clock_of(slot.sport, slot.state)
        self._suspend(index, self.settings.kick_off_halt)
        self._publish(index, "fixture", "scores", "clock")
        self._halt(fixture, True)

    def _play(self, index: int) -> bool:
        """Play on to now; whether the match ended."""
        slot = self._slots[index]
        slot.next_play = self.time + 1.0
        share = (self.time - slot.kick_off) / slot.length
        if slot.abandoned_at is not None and share >= slot.abandoned_at:
            self._end(index, 3)
            return True
        periods = len(slot.state.units)
        if play(slot.sport, slot.state, share, slot.random(self.settings.seed)):
            self._scored(index, new_period=len(slot.state.units) != periods)
        if slot.state.over:
            self._end(index, 2)
            return True
        if self.time >= slot.next_clock:
            slot.next_clock = self.time + 10.0
            self._fixture(slot).clock = clock_of(slot.sport, slot.state)
            self._publish(index, "clock")
        return False

    def _scored(self, index: int, *, new_period: bool) -> None:
        slot, rng = self._slots[index], self._slots[index].random(self.settings.seed)
        self._fixture(slot).scores = period_scores(slot.sport, slot.state)
        if new_period or rng.random() < slot.sport.suspends:
            self._suspend(index, rng.uniform(1.5, 4.0))
        self._publish(index, "scores")

    def _suspend(self, index: int, seconds: float) -> None:
        slot, fixture = self._slots[index], self._fixture(self._slots[index])
        slot.suspended_until = max(slot.suspended_until or 0.0, self.time + seconds)
        fixture.suspended, fixture.markets[0].active = True, False
        self._publish(index, "bookmaker", "odds")

    def _reopen(self, index: int) -> None:
        slot, fixture = self._slots[index], self._fixture(self._slots[index])
        fresh = slot.stale_until is not None and self.time >= slot.stale_until
        open_again = slot.suspended_until is not None and self.time >= slot.suspended_until
        if not fresh and not open_again:
            return
        if fresh:
            slot.stale_until, fixture.stale = None, False
        if open_again:
            slot.suspended_until, fixture.suspended, fixture.markets[0].active = None, False, True
        resumed, slot.halted = slot.halted and open_again, slot.halted and not open_again
        if slot.stale_until is None and slot.suspended_until is None:
            self._reprice(slot)
        self._publish(index, "odds", "bookmaker")
        if resumed:
            self._halt(fixture, False)

    def _halt(self, fixture: PaperFixture, halted: bool) -> None:
        for exchange in self.world.exchanges.values():
            exchange.suspend(fixture, halted)

    def _move(self, index: int) -> None:
        """An ordinary price move, wandering limits, or a lost bookmaker connection, as far as the rate allows."""
        slot, fixture = self._slots[index], self._fixture(self._slots[index])
        blocked = slot.suspended_until is not None or slot.stale_until is not None
        if blocked or self.time < slot.next_move or self._allowance < 1.0:
            return
        rng = slot.random(self.settings.seed)
        mean = self.settings.fixtures / max(0.01, self.settings.moves_per_second)
        slot.next_move = self.time + mean * rng.uniform(0.5, 1.5)
        if rng.random() < STALE_CHANCE:
            slot.stale_until, fixture.stale = self.time + rng.uniform(4.0, 9.0), True
            self._publish(index, "bookmaker")
            return
        drift(slot.state, rng)
        moved = self._reprice(slot)
        if rng.random() < 0.15:
            move_limits(fixture.markets[0], slot.limit, rng)
            moved = True
        if moved:
            self._publish(index, "odds")

    # -- the end ----------------------------------------------------------------------------------------------------

    def _end(self, index: int, status: int) -> None:
        slot, fixture = self._slots[index], self._fixture(self._slots[index])
        slot.last_fair = {str(key): value for key, value in slot.chances().items()}
        slot.stage, slot.ended, fixture.status = "over", self.time, status
        slot.suspended_until = slot.stale_until = None
        fixture.suspended, fixture.stale, fixture.has_odds = True, False, False
        fixture.markets[0].active = False
        fixture.scores = period_scores(slot.sport, slot.state)
        fixture.clock = {**clock_of(slot.sport, slot.state), "stopped": True}
        self._publish(index, "bookmaker", "odds", "scores", "fixture")

    def _wind_up(self, index: int) -> None:
        slot, fixture = self._slots[index], self._fixture(self._slots[index])
        since = self.time - slot.ended
        if since >= RESULTS_AFTER and not slot.graded:
            slot.graded, fixture.markets[0].results = True, results_of(fixture)
            self._publish(index, "fixture")
        for place, name in enumerate(sorted(self.world.exchanges)):
            if slot.graded and name not in slot.resolved and since >= RESOLVED_AFTER + place * NEXT_RESOLVED:
                self._resolve(slot, fixture, name)
                self._save(index)
        if since >= AFTERMATH and set(slot.resolved) >= set(self.world.exchanges):
            self._slots[index] = self._new_slot(None)
            self._publish(index, "fixture", "bookmaker", "odds")

    def _resolve(self, slot: Slot, fixture: PaperFixture, name: str) -> None:
        fair = {int(key): value for key, value in slot.last_fair.items()}
        market = fixture.markets[0]
        self.world.exchanges[name].resolve(fixture, market, contract_values(name, market, fair))
        slot.resolved.append(name)

    # -- inside -----------------------------------------------------------------------------------------------------

    def _fixture(self, slot: Slot) -> PaperFixture:
        return self.world.fixtures[slot.fixture_id]

    def _reprice(self, slot: Slot) -> bool:
        chances = list(slot.chances().values())
        return reprice(self._fixture(slot).markets[0], chances, self.settings.margin, self.world.now_ms())

    def _publish(self, index: int, *topics: Topic) -> None:
        """Save the slot with its fixture, in one commit, then tell the world."""
        self._save(index)
        fixture = self._fixture(self._slots[index])
        for topic in topics:
            if topic == "odds":
                self.moves, self._allowance = self.moves + 1, self._allowance - 1.0
            self.world.tell(fixture, topic, fixture.markets[0].market_id if topic == "odds" else None)

    def _save(self, index: int) -> None:
        self.world.store.put("slot", str(index), dump_slot(self._slots[index]))
        self._save_clock()

    def _save_clock(self) -> None:
        self.world.store.put("simulator", "clock", {"time": self.time, "next": self._next_number})

    def _restore(self) -> None:
        clock: Any = self.world.store.get("simulator", "clock")
        if clock is None:
            return
        self.time, self._next_number = clock["time"], clock["next"]
        bodies: list[Any] = [body for _, body in self.world.store.all("slot")]
        self._slots = [load_slot(body) for body in bodies]
        for slot in self._slots:
            fixture = self._fixture(slot)
            if slot.stage == "pregame":
                fixture.start_time = round(self.world.clock() + slot.kick_off - self.time)
            self._list(fixture)
            self.world.tell(fixture, "fixture")
