"""A Kalshi account as the engine sees it (kalshi sheet; what it can do is in the README of this folder)."""

import time
from collections.abc import AsyncIterator, Callable, Sequence
from typing import Any

from overround.domain.markets import Instrument, MarketKey
from overround.domain.numbers import ZERO
from overround.domain.orders import Absent, Accepted, Lost, Refused, Seen
from overround.exchanges.base import (
    Balance,
    CancelResult,
    Capabilities,
    NativeIds,
    OpenOrder,
    OrderRef,
    PlaceRequest,
    PlaceResult,
    Prepared,
    Resolution,
    StreamEvent,
    VenueContract,
    VenueFill,
    VenueMarket,
    VenuePosition,
)
from overround.exchanges.kalshi import messages as wire
from overround.exchanges.kalshi import placing
from overround.exchanges.kalshi.rest import DEFAULT_COST, TIERS, Rest
from overround.exchanges.kalshi.signing import Signer
from overround.exchanges.kalshi.stream import UserStream
from overround.venues import Account, Definitive, NotFound, Unreadable, VenueError

VENUE = "kalshi"
QUIET_SECONDS = 3.0
CANCEL_CHUNK = 20


class Kalshi:
    """One account. Endpoints ``rest`` (ending in ``/trade-api/v2``) and ``ws``; secrets ``key_id`` and
    ``private_key_pem``; option ``tier`` (section 10, default ``basic``). ``clock`` gives epoch seconds."""

    name = VENUE

    def __init__(
        self, account: Account, *, clock: Callable[[], float] = time.time, timeout: float = 3.0, silence: float = 4.0
    ) -> None:
        tier = account.options.get("tier", "basic")
        signer = Signer(account.secrets["key_id"], account.secrets["private_key_pem"], clock)
        self._clock = clock
        self.rest = Rest(account.endpoints["rest"], signer, tier=tier, timeout=timeout)
        self._stream = UserStream(account.endpoints["ws"], signer, silence=silence)
        self.capabilities = Capabilities(
            client_order_ids=True,
            known_before_send=False,
            max_batch=min(20, TIERS[tier][1] // DEFAULT_COST),
            amend=True,
            post_only=True,
            expiring_orders=True,
            heartbeat_seconds=None,
            private_stream_replays=False,
            quiet_seconds=QUIET_SECONDS,
        )

    async def __aenter__(self) -> "Kalshi":
        return self

    async def __aexit__(self, *exc: object) -> None:
        await self.rest.close()

    # -- metadata -----------------------------------------------------------------------------------------------------

    async def market(self, fixture_id: str, market_id: int, ids: NativeIds) -> VenueMarket:
        """The event of the feed's tickers with one contract per outcome. ``NotFound`` when a ticker is not in it."""
        if not ids.outcomes:
            raise NotFound(VENUE, "the feed names no market tickers")
        event_ticker = ids.event or await self._event_of(next(iter(ids.outcomes.values())))
        body = await self.rest.event(event_ticker)
        event = wire.required(body, "event")
        series = wire.required(await self.rest.series(wire.text(event, "series_ticker")), "series")
        rows = {wire.text(row, "ticker"): row for row in event.get("markets") or wire.required(body, "markets")}
        if missing := [ticker for ticker in ids.outcomes.values() if ticker not in rows]:
            raise NotFound(VENUE, f"{missing[0]} is not a market of {event_ticker}")
        chosen = {outcome: rows[ticker] for outcome, ticker in ids.outcomes.items()}
        fee = wire.fee_schedule(event, series)
        key = MarketKey(fixture_id, market_id)
        return VenueMarket(
            venue_market=event_ticker,
            title=wire.text(event, "title"),
            participants=tuple(dict.fromkeys(wire.text(row, "yes_sub_title") for row in chosen.values())),
            starts_at=_starts_at(event, chosen.values()),
            open=all(wire.status_of(row) == "active" for row in chosen.values()),
            contracts={outcome: _contract(row) for outcome, row in chosen.items()},
            instruments={
                outcome: Instrument(
                    exchange=VENUE,
                    key=key,
                    outcome_id=outcome,
                    venue_market=event_ticker,
                    contract=wire.text(row, "ticker"),
                    position="no",
                    grid=wire.mirrored_grid(row),
                    fee=fee,
                    min_size=wire.SIZE_STEP,
                    size_step=wire.SIZE_STEP,
                    details={"price_level_structure": wire.text(row, "price_level_structure")},
                )
                for outcome, row in chosen.items()
            },
        )

    async def _event_of(self, ticker: str) -> str:
        return wire.text(wire.required(await self.rest.market(ticker), "market"), "event_ticker")

    # -- orders -------------------------------------------------------------------------------------------------------

    def prepare(self, request: PlaceRequest) -> Prepared:
        return Prepared(request, wire.payload(request))

    async def place(self, orders: Sequence[Prepared]) -> list[PlaceResult]:
        results = await placing.place(self.rest, orders)
        return [
            await self._claim(prepared, result) if isinstance(result, placing.Exists) else result
            for prepared, result in zip(orders, results, strict=True)
        ]

    async def _claim(self, prepared: Prepared, exists: placing.Exists) -> PlaceResult:
        """409: an earlier attempt lives. Name it, or leave it open."""
        request = prepared.request
        try:
            row = await self._by_client_id(request.instrument.contract, request.client_order_id, 0)
        except VenueError as error:
            return Lost(f"{exists.reason}; looking it up failed: {error.message}")
        return Lost(exists.reason) if row is None else Accepted(wire.text(row, "order_id"))

    async def cancel(self, orders: Sequence[OrderRef]) -> list[CancelResult]:
        named = [await self._named(ref) for ref in orders]
        known = [item for item in named if isinstance(item, OrderRef)]
        answers: list[CancelResult] = []
        for start in range(0, len(known), CANCEL_CHUNK):
            answers += await placing.cancel(self.rest, known[start : start + CANCEL_CHUNK])
        results = iter(answers)
        return [next(results) if isinstance(item, OrderRef) else item for item in named]

    async def _named(self, ref: OrderRef) -> OrderRef | CancelResult:
        """The order with the venue's id, which a cancel needs, or what stands in the way."""
        if ref.venue_order_id is not None:
            return ref
        match await self.find(ref):
            case Seen(venue_order_id, _, None):
                return OrderRef(ref.client_order_id, venue_order_id, ref.instrument, ref.placed_at)
            case Seen() as over:
                return over
            case Absent():
                return Refused("not_found", "the venue never had this order")
            case Lost() as lost:
                return lost

    async def cancel_market(self, venue_market: str) -> None:
        await self._cancel_rows(await self.rest.all_orders(status="resting", event_ticker=venue_market))

    async def cancel_all(self) -> None:
        """One call for everything; where the account may not use it (section 6), everything one by one."""
        try:
            await self.rest.cancel_all()
        except Definitive:
            await self._cancel_rows(await self.rest.all_orders(status="resting"))

    async def _cancel_rows(self, rows: list[dict[str, Any]]) -> None:
        for start in range(0, len(rows), CANCEL_CHUNK):
            chunk = rows[start : start + CANCEL_CHUNK]
            body = [{"order_id": wire.text(r, "order_id"), "market_ticker": wire.text(r, "ticker")} for r in chunk]
            answer = wire.required(await self.rest.cancel_orders(body), "orders")
            for item in answer:
                if item.get("error") and placing.error_of(item)[0] != "not_found":
                    raise Unreadable(VENUE, f"order {item.get('order_id')} was not cancelled: {item['error']}")

    async def renew(self, orders: Sequence[OrderRef], expires_at: int) -> list[CancelResult]:
        return [await placing.renew(self.rest, ref, expires_at) for ref in orders]

    async def keep_alive(self) -> None:
        """Nothing: Kalshi has no heartbeat (section 8); orders expire instead."""

    async def find(self, order: OrderRef) -> Seen | Absent | Lost:
        try:
            if (row := await self._row_of(order)) is not None:
                return wire.seen(row)
            if not await self._caught_up(order):
                return Lost("not listed, and too early to be sure")
            row = await self._row_of(order)
            return Absent() if row is None else wire.seen(row)
        except VenueError as error:
            return Lost(error.message)

    async def _row_of(self, order: OrderRef) -> dict[str, Any] | None:
        if order.venue_order_id is not None:
            try:
                row: dict[str, Any] = wire.required(await self.rest.order(order.venue_order_id), "order")
            except NotFound:
                pass
            else:
                return row
        placed_seconds = placing.epoch_ms(order.placed_at) // 1000
        return await self._by_client_id(order.instrument.contract, order.client_order_id, placed_seconds)

    async def _by_client_id(self, ticker: str, client_order_id: str, since: int) -> dict[str, Any] | None:
        """The order with our id among the market's since a minute before ``since`` (epoch seconds, 0 for all)."""
        params = {"ticker": ticker} | ({"min_ts": str(since - 60)} if since else {})
        rows = await self.rest.all_orders(**params)
        return next((row for row in rows if row.get("client_order_id") == client_order_id), None)

    async def _caught_up(self, order: OrderRef) -> bool:
        """Whether reads made from now on are sure to show an order sent at ``placed_at`` (sections 6 and 9)."""
        if not order.placed_at:
            return False
        quiet_after = placing.epoch_ms(order.placed_at) + int(QUIET_SECONDS * 1000)
        if self._clock() * 1000 <= quiet_after:
            return False
        as_of = wire.moment(wire.required(await self.rest.user_data_timestamp(), "as_of_time"), "as_of_time")
        return as_of > quiet_after

    # -- the account --------------------------------------------------------------------------------------------------

    async def open_orders(self) -> list[OpenOrder]:
        return [wire.open_order(row) for row in await self.rest.all_orders(status="resting")]

    async def fills(self, since: int) -> list[VenueFill]:
        return [wire.rest_fill(row) for row in await self.rest.all_fills(min_ts=str(since // 1000))]

    async def positions(self) -> list[VenuePosition]:
        rows = await self.rest.all_positions(count_filter="position")
        return [item for item in map(wire.position, rows) if item.size != ZERO]

    async def balance(self) -> Balance:
        """Available cash, and with it what resting orders hold (assumed excluded from ``balance``, section 6)."""
        available = wire.amount(await self.rest.balance(), "balance_dollars")
        resting = await self.rest.all_orders(status="resting")
        return Balance("USD", available, available + sum((wire.locked(row) for row in resting), ZERO))

    async def resolution(self, venue_market: str, contract: str) -> Resolution:
        row = wire.required(await self.rest.market(contract), "market")
        if wire.text(row, "event_ticker") != venue_market:
            raise Unreadable(VENUE, f"{contract} is not a market of {venue_market}")
        return wire.resolution(row)

    def stream(self) -> AsyncIterator[StreamEvent]:
        return self._stream.events()


def _contract(row: Any) -> VenueContract:
    """A market's label and best YES prices; an empty side shows 0 or 1."""
    bid, ask = wire.amount(row, "yes_bid_dollars"), wire.amount(row, "yes_ask_dollars")
    return VenueContract(
        contract=wire.text(row, "ticker"),
        label=wire.text(row, "yes_sub_title"),
        best_bid=bid if 0 < bid < 1 else None,
        best_ask=ask if 0 < ask < 1 else None,
    )


def _starts_at(event: Any, rows: Any) -> int | None:
    """Epoch seconds of the game where the venue tells it."""
    for row, name in [*((row, "occurrence_datetime") for row in rows), (event, "strike_date")]:
        if row.get(name):
            return wire.moment(row[name], name) // 1000
    return None
