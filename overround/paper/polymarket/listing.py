"""What the venue lists: one condition for a two-way market, one per outcome (neg-risk) for a wider one."""

import hashlib
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from typing import Literal

from overround.paper.world import NativeIds, PaperFixture, PaperMarket, PaperOutcome

Side = Literal["yes", "no"]
SPORTS_RATE = Decimal("0.03")


@dataclass(slots=True)
class Condition:
    """Two assets of one claim: the first is the engine's YES. ``outcomes`` maps feed outcomes to their side."""

    condition_id: str
    fixture_id: str
    market_id: int
    event_id: str
    event_slug: str
    question: str
    title: str
    labels: tuple[str, str]
    assets: tuple[str, str]
    outcomes: dict[int, Side]
    neg_risk: bool
    version: str
    starts_at: int
    event_title: str
    tick: Decimal = Decimal("0.01")
    min_size: Decimal = Decimal(5)
    fee_rate: Decimal = SPORTS_RATE
    fee_exponent: int = 1
    seconds_delay: int = 0

    @property
    def market_number(self) -> str:
        """Gamma's own id of the market."""
        return str(int.from_bytes(_draw("market", self.condition_id)[:4], "big"))

    @property
    def book_id(self) -> str:
        return f"polymarket:{self.condition_id}"

    def side_of(self, asset_id: str) -> Side:
        return "yes" if asset_id == self.assets[0] else "no"

    def asset_of(self, side: str) -> str:
        return self.assets[0] if side == "yes" else self.assets[1]

    def label_of(self, side: str) -> str:
        return self.labels[0] if side == "yes" else self.labels[1]

    @property
    def start_text(self) -> str:
        return datetime.fromtimestamp(self.starts_at, UTC).strftime("%Y-%m-%d %H:%M:%S+00")


def _draw(*parts: object) -> bytes:
    return hashlib.sha256(":".join(str(part) for part in ("paper-polymarket", *parts)).encode()).digest()


def _assets(claim: tuple[object, ...], version: str) -> tuple[str, str]:
    """CTF token ids, or position ids with module 1 and the outcome in the last byte (section 1)."""
    if version == "v2":
        head = b"\x01" + _draw("condition", *claim)[:18] + bytes(8) + _draw("condition", *claim)[18:22]
        return str(int.from_bytes(head + b"\0", "big")), str(int.from_bytes(head + b"\1", "big"))
    first, second = (int.from_bytes(_draw("token", side, *claim), "big") for side in ("yes", "no"))
    return str(first), str(second)


def _condition_id(claim: tuple[object, ...], version: str, assets: tuple[str, str]) -> str:
    if version == "v2":
        return "0x" + int(assets[0]).to_bytes(32, "big")[:-1].hex()
    return "0x" + _draw("condition", *claim).hex()


def name_of(fixture: PaperFixture, outcome: PaperOutcome) -> str:
    """The participant an outcome stands for, where the feed only numbers it."""
    known = {"1": fixture.participant1, "home": fixture.participant1, "2": fixture.participant2}
    known |= {"away": fixture.participant2, "x": "Draw", "draw": "Draw"}
    return known.get(outcome.name.strip().lower(), outcome.name)


def _subject(fixture: PaperFixture, market: PaperMarket) -> str:
    line = "" if market.handicap is None else f" {market.handicap}"
    return f"{fixture.participant1} vs. {fixture.participant2}: {market.name}{line}"


def _make(
    fixture: PaperFixture,
    market: PaperMarket,
    claim: tuple[object, ...],
    question: str,
    title: str,
    labels: tuple[str, str],
    outcomes: dict[int, Side],
) -> Condition:
    version = str(fixture.extra.get("polymarket_version", "v1"))
    assets = _assets(claim, version)
    return Condition(
        condition_id=_condition_id(claim, version, assets),
        fixture_id=fixture.fixture_id,
        market_id=market.market_id,
        event_id=str(int.from_bytes(_draw("event", fixture.fixture_id)[:4], "big")),
        event_slug=f"paper-{fixture.fixture_id}".lower(),
        question=question,
        title=title,
        labels=labels,
        assets=assets,
        outcomes=outcomes,
        neg_risk=len(outcomes) == 1,
        version=version,
        starts_at=fixture.start_time,
        event_title=f"{fixture.participant1} vs. {fixture.participant2}",
    )


def conditions_of(fixture: PaperFixture, market: PaperMarket) -> list[Condition]:
    """The conditions of one market, always the same ones for the same fixture."""
    subject = _subject(fixture, market)
    names = {outcome.outcome_id: name_of(fixture, outcome) for outcome in market.outcomes}
    if len(names) == 2:
        (first, label1), (second, label2) = names.items()
        claim = (fixture.fixture_id, market.market_id)
        return [_make(fixture, market, claim, subject, "", (label1, label2), {first: "yes", second: "no"})]
    return [
        _make(
            fixture,
            market,
            (fixture.fixture_id, market.market_id, outcome_id),
            f"{subject}: {name}?",
            name,
            ("Yes", "No"),
            {outcome_id: "yes"},
        )
        for outcome_id, name in names.items()
    ]


def native_ids(conditions: list[Condition]) -> NativeIds:
    """The cross-references the odds feed carries for these conditions."""
    ids = NativeIds(conditions[0].event_slug)
    for condition in conditions:
        for outcome_id, side in condition.outcomes.items():
            ids.markets[str(outcome_id)] = condition.condition_id
            ids.outcomes[str(outcome_id)] = condition.asset_of(side)
    return ids
