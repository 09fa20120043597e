"""Polymarket's JSON, read strictly into plain values (polymarket sheet, sections 5.3, 6, 7 and 11)."""

import json
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any, Literal, TypeVar

from overround.domain.numbers import BadNumber, exact
from overround.domain.orders import Seen
from overround.exchanges.polymarket.amounts import ROUNDINGS, tokens
from overround.venues import Unreadable

VENUE = "polymarket"
T = TypeVar("T")
Ended = Literal["FILLED", "CANCELLED", "EXPIRED", "FAILED"]
ORDER_ENDS: dict[str, Ended] = {"CANCELED_EXPIRED_ORDER": "EXPIRED", "INVALID": "FAILED"}


def parse(text: str | bytes) -> Any:
    """JSON with every number that has a point as an exact Decimal; ``Unreadable`` when it is not JSON."""
    try:
        return json.loads(text, parse_float=Decimal)
    except (ValueError, RecursionError) as error:
        raise Unreadable(VENUE, "the answer is not JSON") from error


def field(row: Any, name: str, convert: Callable[[Any], T]) -> T:
    """A required field, converted; ``Unreadable`` naming it when it is missing or of the wrong kind."""
    if not isinstance(row, dict) or row.get(name) is None:
        raise Unreadable(VENUE, f"field {name!r} is missing")
    try:
        return convert(row[name])
    except (BadNumber, ValueError, TypeError, OverflowError, RecursionError) as error:
        raise Unreadable(VENUE, f"field {name!r} cannot be read: {row[name]!r:.200}") from error


def text(value: Any) -> str:
    if not isinstance(value, str):
        raise TypeError("not text")
    return value


def flag(value: Any) -> bool:
    if not isinstance(value, bool):
        raise TypeError("not a truth value")
    return value


def rows(value: Any) -> list[Any]:
    if not isinstance(value, list):
        raise TypeError("not a list")
    return value


def listed(value: Any) -> list[Any]:
    """A whole answer that must be a list."""
    return field({"answer": value}, "answer", rows)


def strings(value: Any) -> list[str]:
    """A list of strings, also where Gamma sends it as JSON inside a string (section 6)."""
    found = json.loads(value) if isinstance(value, str) else value
    return [text(item) for item in rows(found)]


def written(value: Any) -> Decimal:
    """A number in a text."""
    return exact(text(value))


def decimals(value: Any) -> list[Decimal]:
    """A list of numbers, each in a text."""
    return [exact(item) for item in strings(value)]


def seconds(value: Any) -> int:
    return int(exact(value))


@dataclass(frozen=True, slots=True)
class ClobMarket:
    """Trading facts of one condition: both assets, tick, minimum size, neg-risk flag and taker fee (section 6)."""

    condition_id: str
    assets: tuple[str, str]
    tick: Decimal
    min_size: Decimal
    neg_risk: bool
    fee_rate: Decimal
    fee_exponent: Decimal


def clob_market(condition_id: str, row: Any) -> ClobMarket:
    """``GET /clob-markets/{condition}``. Without ``fd`` a market has no fees, without ``nr`` it is not neg-risk: both
    official clients read it so."""
    assets = [field(token, "t", text) for token in field(row, "t", rows)]
    if len(assets) != 2:
        raise Unreadable(VENUE, f"condition {condition_id} has {len(assets)} assets, not two")
    tick = field(row, "mts", exact)
    if tick not in ROUNDINGS:
        raise Unreadable(VENUE, f"condition {condition_id} has the unknown tick {tick}")
    fee = row.get("fd")
    return ClobMarket(
        condition_id=condition_id,
        assets=(assets[0], assets[1]),
        tick=tick,
        min_size=field(row, "mos", exact),
        neg_risk=field(row, "nr", flag) if row.get("nr") is not None else False,
        fee_rate=Decimal(0) if fee is None else field(fee, "r", exact),
        fee_exponent=Decimal(1) if fee is None else field(fee, "e", exact),
    )


@dataclass(frozen=True, slots=True)
class GammaMarket:
    """Discovery facts of one condition. ``labels`` and ``prices`` are parallel to ``assets``."""

    condition_id: str
    version: str
    question: str
    title: str
    labels: tuple[str, ...]
    assets: tuple[str, ...]
    prices: tuple[Decimal, ...]
    open: bool
    closed: bool
    resolution_status: str
    starts_at: int | None


def _moment(value: Any) -> int:
    return int(datetime.fromisoformat(text(value)).timestamp())


def gamma_market(row: Any) -> GammaMarket:
    """One market of Gamma; the assets are position ids where the market is of protocol v2 (section 1)."""
    condition_id = field(row, "conditionId", text)
    version = field(row, "version", text) if row.get("version") else "v1"
    return GammaMarket(
        condition_id=condition_id,
        version=version,
        question=field(row, "question", text),
        title=str(row.get("groupItemTitle") or ""),
        labels=tuple(field(row, "outcomes", strings)),
        assets=tuple(field(row, "positionIds" if version == "v2" else "clobTokenIds", strings)),
        prices=tuple(field(row, "outcomePrices", decimals)) if row.get("outcomePrices") else (),
        open=field(row, "acceptingOrders", flag) and not field(row, "closed", flag),
        closed=field(row, "closed", flag),
        resolution_status=str(row.get("umaResolutionStatus") or row.get("resolutionStatus") or ""),
        starts_at=field(row, "gameStartTime", _moment) if row.get("gameStartTime") else None,
    )


@dataclass(frozen=True, slots=True)
class GammaEvent:
    title: str
    slug: str
    markets: tuple[GammaMarket, ...]


def gamma_event(row: Any) -> GammaEvent:
    markets = tuple(gamma_market(market) for market in field(row, "markets", rows))
    return GammaEvent(field(row, "title", text), field(row, "slug", text), markets)


@dataclass(frozen=True, slots=True)
class TopOfBook:
    asset_id: str
    bid: Decimal | None
    ask: Decimal | None


def top_of_book(row: Any) -> TopOfBook:
    """Best levels of ``/book``: bids ascend and asks descend, the best of each comes last (section 6)."""
    bids, asks = ([field(level, "price", written) for level in field(row, side, rows)] for side in ("bids", "asks"))
    return TopOfBook(field(row, "asset_id", text), max(bids, default=None), min(asks, default=None))


@dataclass(frozen=True, slots=True)
class OrderRow:
    """An order as the venue lists it or streams it."""

    order_id: str
    market: str
    asset_id: str
    side: str
    price: Decimal
    size: Decimal
    matched: Decimal
    status: str


def order_row(row: Any) -> OrderRow:
    return OrderRow(
        order_id=field(row, "id", text),
        market=field(row, "market", text),
        asset_id=field(row, "asset_id", text),
        side=field(row, "side", text),
        price=field(row, "price", exact),
        size=field(row, "original_size", exact),
        matched=field(row, "size_matched", exact),
        status=str(row.get("status") or "").removeprefix("ORDER_STATUS_").upper(),
    )


def _end(row: OrderRow) -> Ended | None:
    if row.matched >= row.size:
        return "FILLED"
    if row.status in ORDER_ENDS:
        return ORDER_ENDS[row.status]
    if row.status.startswith("CANCELED") or row.status == "MATCHED":
        return "CANCELLED"  # MATCHED below its size is an immediate order whose rest was killed
    return None


def seen(row: OrderRow, cancelled: bool = False) -> Seen:
    """The venue's view of an order; a status it does not know leaves the order open (section 7)."""
    end = _end(row)
    return Seen(row.order_id, row.matched, "CANCELLED" if cancelled and end is None else end, row.status)


@dataclass(frozen=True, slots=True)
class TradePart:
    """Our own part in a trade: one entry of ``maker_orders``, or the taker side."""

    trade_id: str
    order_id: str
    market: str
    asset_id: str
    size: Decimal
    price: Decimal
    taker: bool
    failed: bool
    at: int

    @property
    def fill_id(self) -> str:
        """One trade may hit several of our orders, so both ids name a fill."""
        return f"{self.trade_id}:{self.order_id}"


def _mine(row: Any, owner: str, wallet: str) -> bool:
    if not isinstance(row, dict):
        raise Unreadable(VENUE, "a part of a trade is not an object")
    return row.get("owner") == owner or str(row.get("maker_address", "")).lower() == wallet.lower()


def trade_parts(row: Any, owner: str, wallet: str) -> list[TradePart]:
    """Our fills in a trade of REST or of the user stream; an entry's asset and price may differ from the top level."""
    trade_id, market = field(row, "id", text), field(row, "market", text)
    failed = field(row, "status", text).removeprefix("TRADE_STATUS_") == "FAILED"
    moment = row.get("match_time") or row.get("matchtime") or row.get("timestamp")
    at = field({"match_time": moment}, "match_time", seconds)
    at = at if at > 10**11 else at * 1000
    parts = [
        TradePart(
            trade_id,
            field(entry, "order_id", text),
            market,
            field(entry, "asset_id", text),
            field(entry, "matched_amount", exact),
            field(entry, "price", exact),
            False,
            failed,
            at,
        )
        for entry in field(row, "maker_orders", rows)
        if _mine(entry, owner, wallet)
    ]
    if str(row.get("trader_side", "")).upper() == "TAKER" and _mine(row, owner, wallet):
        order_id, asset_id = field(row, "taker_order_id", text), field(row, "asset_id", text)
        size, price = field(row, "size", exact), field(row, "price", exact)
        parts.append(TradePart(trade_id, order_id, market, asset_id, size, price, True, failed, at))
    return parts


def balance(row: Any) -> Decimal:
    """pUSD of ``/balance-allowance``, which answers in base units."""
    return tokens(field(row, "balance", exact))
