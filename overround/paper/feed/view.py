"""What the feed last said of one fixture, so that only what changed is sent."""

from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

from overround.paper.feed.rows import (
    bookmaker_objects,
    bookmaker_row,
    clock_object,
    exchange_row,
    fixture_object,
    iso,
    odds_id,
    score_object,
)
from overround.paper.world import PaperFixture

Json = dict[str, Any]
TIMES = ("changedAt", "bookmakerChangedAt", "updatedAt")
INDICATIVE = (*TIMES, "price")


@dataclass(slots=True)
class View:
    """``rows`` are slug to oddsId to row. ``refresh`` brings all of it up to date and returns payloads by channel."""

    fixture: PaperFixture
    rows: dict[str, dict[str, Json]] = field(default_factory=dict)
    states: dict[str, Json] = field(default_factory=dict)
    scores: dict[str, Json] = field(default_factory=dict)
    body: Json = field(default_factory=dict)
    prices: dict[int, Decimal] = field(default_factory=dict)

    def refresh(self, now_ms: int) -> list[tuple[str, Json]]:
        """Channel and payload of everything that differs from what was last said; empty when nothing does."""
        payloads = []
        for channel, key, changed in (
            ("bookmakers", "bookmakers", self._states(now_ms)),
            ("odds", "odds", self._odds(now_ms)),
            ("scores", "scores", self._scores(now_ms)),
        ):
            if changed:
                payloads.append((channel, {"fixtureId": self.fixture.fixture_id, key: changed}))
        return payloads + self._fixture()

    def snapshot(self, bookmakers: frozenset[str] | None, since: int = 0) -> Json:
        """The answer of ``/fixtures/odds``."""
        return self.listed() | {
            "bookmakers": {slug: state for slug, state in self.states.items() if _wanted(slug, bookmakers)},
            "odds": {
                slug: {key: row for key, row in rows.items() if row["changedAt"] >= since}
                for slug, rows in self.rows.items()
                if _wanted(slug, bookmakers)
            },
        }

    def listed(self) -> Json:
        """The fixture as the list endpoints answer it."""
        return self.body | {"scores": self.scores}

    def _fixture(self) -> list[tuple[str, Json]]:
        old, self.body = self.body, fixture_object(self.fixture)
        clock = {"fixtureId": self.fixture.fixture_id, "clock": clock_object(self.fixture)}
        if old | {"clock": None} != self.body | {"clock": None}:
            return [("fixtures", self.listed())]
        return [("clocks", clock)] if old.get("clock") != self.body["clock"] else []

    def _odds(self, now_ms: int) -> dict[str, dict[str, Json]]:
        changed: dict[str, dict[str, Json]] = {}
        for row, loose in self._built():
            slug, key = row["bookmaker"], odds_id(self.fixture.fixture_id, row["bookmaker"], row["outcomeId"])
            old = self.rows.setdefault(slug, {}).get(key)
            if old is not None and _same(old, row, loose):
                continue
            row["changedAt"] = max(row["bookmakerChangedAt"] or now_ms, old["changedAt"] if old else 0)
            self.rows[slug][key] = changed.setdefault(slug, {})[key] = row
        return changed

    def _built(self) -> list[tuple[Json, tuple[str, ...]]]:
        """Every row, with the fields whose change alone is not worth sending: exchange prices are only indicative."""
        built: list[tuple[Json, tuple[str, ...]]] = []
        for market in self.fixture.markets:
            for outcome in market.outcomes:
                if outcome.price is not None:
                    self.prices[outcome.outcome_id] = outcome.price
                price = self.prices.get(outcome.outcome_id)
                if price is not None:
                    built.append((bookmaker_row(self.fixture, market, outcome, price), TIMES))
                for slug, ids in self.fixture.native.items():
                    if str(outcome.outcome_id) in ids.outcomes:
                        row = exchange_row(slug, ids, market, outcome, price or Decimal(2))
                        built.append((row, INDICATIVE))
        return built

    def _states(self, now_ms: int) -> dict[str, Json]:
        return _timed(self.states, bookmaker_objects(self.fixture), now_ms)

    def _scores(self, now_ms: int) -> dict[str, Json]:
        new = {period: score_object(period, score, now_ms) for period, score in self.fixture.scores.items()}
        return _timed(self.scores, new, now_ms)


def _timed(held: dict[str, Json], new: dict[str, Json], now_ms: int) -> dict[str, Json]:
    """Take over what differs, stamped now; returns that."""
    stamp = {"updatedAt": iso(now_ms)}
    changed = {key: item | stamp for key, item in new.items() if key not in held or not _same(held[key], item, TIMES)}
    held.update(changed)
    return changed


def _same(old: Json, new: Json, loose: tuple[str, ...]) -> bool:
    return all(old.get(name) == value for name, value in new.items() if name not in loose)


def _wanted(slug: str, bookmakers: frozenset[str] | None) -> bool:
    return bookmakers is None or slug in bookmakers
