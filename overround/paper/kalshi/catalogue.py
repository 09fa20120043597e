"""Series, events and markets: what is listed, how it is described, and where it is kept (kalshi sheet, section 5)."""

from collections.abc import Iterable
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

from overround.paper.kalshi.grids import STRUCTURES, Ranges
from overround.paper.kalshi.wire import ApiError
from overround.paper.store import Store
from overround.paper.world import PaperFixture, PaperMarket, PaperOutcome

SERIES = {
    "soccer": ("KXSOCCERGAME", "tapered_deci_cent", "quadratic_with_maker_fees"),
    "basketball": ("KXNBAGAME", "linear_cent", "quadratic_with_maker_fees"),
    "tennis": ("KXATPMATCH", "tapered_deci_cent", "quadratic"),
    "baseball": ("KXMLBGAME", "linear_cent", "quadratic_with_maker_fees"),
    "american football": ("KXNFLGAME", "linear_cent", "quadratic_with_maker_fees"),
    "ice hockey": ("KXNHLGAME", "linear_cent", "quadratic_with_maker_fees"),
    "dota 2": ("KXDOTA2GAME", "deci_cent", "quadratic"),
    "counter-strike": ("KXCS2GAME", "linear_cent", "quadratic"),
}
OTHER = ("KXGAME", "linear_cent", "quadratic")


def sport_key(name: str) -> str:
    return name.strip().lower().replace("_", " ").replace("counter strike", "counter-strike")


@dataclass(slots=True)
class KalshiEvent:
    """An event; ``fee_type`` and ``fee_multiplier`` are its series' (an override would be the event's own)."""

    event_ticker: str
    series_ticker: str
    fixture_id: str
    title: str
    sub_title: str
    category: str
    start_time: int
    exclusive: bool
    fee_type: str
    fee_multiplier: str = "1"
    fee_type_override: str | None = None
    fee_multiplier_override: str | None = None

    def fees(self) -> tuple[str, Decimal]:
        """Fee type and multiplier that apply."""
        multiplier = self.fee_multiplier if self.fee_multiplier_override is None else self.fee_multiplier_override
        return self.fee_type_override or self.fee_type, Decimal(multiplier)


@dataclass(slots=True)
class KalshiMarket:
    """One yes/no question. Times are epoch milliseconds; ``result`` is empty until determined."""

    ticker: str
    event_ticker: str
    fixture_id: str
    market_id: int
    outcome_id: int
    label: str
    title: str
    structure: str
    opened_at: int
    start_time: int
    status: str = "active"
    result: str = ""
    value: str | None = None
    settled_at: int | None = None
    exchange_index: int = 0

    @property
    def book_id(self) -> str:
        return f"kalshi:{self.ticker}"

    @property
    def ranges(self) -> Ranges:
        return STRUCTURES[self.structure]


def label_of(fixture: PaperFixture, outcome: PaperOutcome) -> str:
    """The participant, tie or line an outcome names, in the venue's words."""
    name = outcome.name.strip()
    if name.lower() in {"1", "home", fixture.participant1.lower()}:
        return fixture.participant1
    if name.lower() in {"2", "away", fixture.participant2.lower()}:
        return fixture.participant2
    return "Tie" if name.lower() in {"x", "draw", "tie"} else name


def code_of(label: str) -> str:
    """The tail a label gives a ticker: three letters of its last word."""
    words = ["".join(c for c in word if c.isascii() and c.isalnum()) for word in label.upper().split()]
    return next((word for word in reversed(words) if word), "")[:3].ljust(3, "X")


class Catalogue:
    """Everything listed, by ticker."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self.events: dict[str, KalshiEvent] = {}
        self.markets: dict[str, KalshiMarket] = {}
        self.by_outcome: dict[tuple[str, int], KalshiMarket] = {}
        for key, body in store.all("kalshi_event"):
            self.events[key] = KalshiEvent(**body)  # type: ignore[arg-type]
        for _, body in store.all("kalshi_market"):
            self._index(KalshiMarket(**body))  # type: ignore[arg-type]

    def _index(self, market: KalshiMarket) -> None:
        self.markets[market.ticker] = market
        self.by_outcome[(market.fixture_id, market.outcome_id)] = market

    def save(self, record: KalshiEvent | KalshiMarket) -> None:
        if isinstance(record, KalshiEvent):
            self.events[record.event_ticker] = record
            self._store.put("kalshi_event", record.event_ticker, asdict(record))
        else:
            self._index(record)
            self._store.put("kalshi_market", record.ticker, asdict(record))
        self._store.commit()

    def market(self, ticker: str) -> KalshiMarket:
        if ticker not in self.markets:
            raise ApiError(404, "not_found", f"market {ticker} not found")
        return self.markets[ticker]

    def event(self, ticker: str) -> KalshiEvent:
        if ticker not in self.events:
            raise ApiError(404, "not_found", f"event {ticker} not found")
        return self.events[ticker]

    def markets_of(self, event_ticker: str) -> list[KalshiMarket]:
        return [market for market in self.markets.values() if market.event_ticker == event_ticker]

    def event_of_fixture(self, fixture: PaperFixture) -> KalshiEvent:
        """The fixture's event, made on first sight."""
        for event in self.events.values():
            if event.fixture_id == fixture.fixture_id:
                return event
        event = self._new_event(fixture)
        self.save(event)
        return event

    def _new_event(self, fixture: PaperFixture) -> KalshiEvent:
        series, _, fee_type = SERIES.get(sport_key(fixture.sport), OTHER)
        day = datetime.fromtimestamp(fixture.start_time, UTC).strftime("%y%b%d").upper()
        base = f"{series}-{day}{code_of(fixture.participant1)}{code_of(fixture.participant2)}"
        ticker = _unused(base, self.events)
        return KalshiEvent(
            event_ticker=ticker,
            series_ticker=series,
            fixture_id=fixture.fixture_id,
            title=f"{fixture.participant1} vs {fixture.participant2}",
            sub_title=f"{fixture.participant1} at {fixture.participant2}",
            category="Sports",
            start_time=fixture.start_time,
            exclusive=len(fixture.markets) == 1 and fixture.markets[0].winners == 1,
            fee_type=fee_type,
        )

    def add_market(
        self, fixture: PaperFixture, market: PaperMarket, outcome: PaperOutcome, event: KalshiEvent, now_ms: int
    ) -> KalshiMarket:
        """List one outcome as a market of its own."""
        label = label_of(fixture, outcome)
        structure = SERIES.get(sport_key(fixture.sport), OTHER)[1]
        listed = KalshiMarket(
            ticker=_unused(f"{event.event_ticker}-{code_of(label)}", self.markets),
            event_ticker=event.event_ticker,
            fixture_id=fixture.fixture_id,
            market_id=market.market_id,
            outcome_id=outcome.outcome_id,
            label=label,
            title=f"{market.name}: {label}?",
            structure=structure,
            opened_at=now_ms,
            start_time=fixture.start_time,
        )
        self.save(listed)
        return listed


def _unused(base: str, taken: Iterable[str]) -> str:
    used, ticker, number = set(taken), base, 2
    while ticker in used:
        ticker, number = f"{base}{number}", number + 1
    return ticker


def event_json(event: KalshiEvent) -> dict[str, Any]:
    body: dict[str, Any] = {
        "event_ticker": event.event_ticker,
        "series_ticker": event.series_ticker,
        "title": event.title,
        "sub_title": event.sub_title,
        "category": event.category,
        "collateral_return_type": "MECNET" if event.exclusive else "",
        "mutually_exclusive": event.exclusive,
        "settlement_sources": [{"name": "paper", "url": ""}],
        "strike_date": datetime.fromtimestamp(event.start_time, UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
        "exchange_index": 0,
    }
    if event.fee_type_override is not None:
        body["fee_type_override"] = event.fee_type_override
        body["fee_multiplier_override"] = float(event.fee_multiplier_override or "1")
    return body


def series_json(event: KalshiEvent) -> dict[str, Any]:
    return {
        "ticker": event.series_ticker,
        "frequency": "custom",
        "title": f"{event.series_ticker} games",
        "category": event.category,
        "categories": [event.category],
        "tags": [],
        "settlement_sources": [],
        "contract_url": "",
        "contract_terms_url": "",
        "fee_type": event.fee_type,
        "fee_multiplier": float(event.fee_multiplier),
        "additional_prohibitions": [],
        "exchange_index": 0,
    }
