"""Polymarket's CLOB as an ``Exchange`` (polymarket sheet)."""

import asyncio
import hashlib
import json
import time
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AsyncExitStack
from decimal import Decimal

from overround.domain.markets import MarketKey
from overround.domain.numbers import ZERO, exact, round_down
from overround.domain.orders import Absent, Accepted, Fill, Lost, Refused, Seen
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
    VenueFill,
    VenueMarket,
    VenuePosition,
)
from overround.exchanges.polymarket.amounts import SIZE_STEP, limit_amounts, market_amounts, on_tick, taker_fee
from overround.exchanges.polymarket.answers import DUPLICATE, cancels, placements, write_refusal
from overround.exchanges.polymarket.discovery import discover
from overround.exchanges.polymarket.messages import (
    VENUE,
    ClobMarket,
    TradePart,
    balance,
    clob_market,
    field,
    flag,
    gamma_event,
    gamma_market,
    order_row,
    rows,
    seen,
    text,
    trade_parts,
)
from overround.exchanges.polymarket.rest import Rest
from overround.exchanges.polymarket.signing import (
    DEPOSIT_WALLET,
    ZERO_32,
    Credentials,
    OrderFields,
    Signer,
    exchange_for,
    order_id,
)
from overround.exchanges.polymarket.stream import Pace, Streams
from overround.exchanges.polymarket.wallets import derive_wallets
from overround.limiter import Urgency
from overround.venues import Account, Definitive, NotFound, NotSent, Rejected, Unauthorised, Unknown, Unreadable

MAX_BATCH = 15
SALT_LIMIT = 1 << 53
EXPIRY_LEAD_SECONDS = 180
CAPABILITIES = Capabilities(
    client_order_ids=False,
    known_before_send=True,
    max_batch=MAX_BATCH,
    amend=False,
    post_only=True,
    expiring_orders=False,
    heartbeat_seconds=5.0,
    private_stream_replays=False,
    quiet_seconds=20.0,
)


def salt_of(client_order_id: str) -> int:
    """53 bits drawn from our own id: a salt must fit a JSON number exactly, and be the same on every run."""
    return int.from_bytes(hashlib.sha256(client_order_id.encode()).digest(), "big") % SALT_LIMIT


def wallet_of(signer: str, signature_type: int) -> str:
    """The funding wallet of a signature type (section 3)."""
    wallets = derive_wallets(signer)
    return (signer, wallets.proxy, wallets.safe, wallets.deposit)[signature_type]


class Polymarket:
    """One Polymarket account. Options: ``signature_type`` (default 3), ``funder`` (default derived), ``builder``,
    ``timeout`` seconds, ``ping`` and ``silence`` seconds of the streams."""

    name = VENUE
    capabilities = CAPABILITIES

    def __init__(self, account: Account, now: Callable[[], float] = time.time) -> None:
        options = account.options
        self._signer, self._now = Signer(account.secrets["private_key"]), now
        self._type = int(options.get("signature_type", DEPOSIT_WALLET))
        self.wallet = options.get("funder") or wallet_of(self._signer.address, self._type)
        self._builder = options.get("builder", ZERO_32)
        self._rest = Rest(account.endpoints, self._signer, float(options.get("timeout", "3")), now)
        self._given = account.secrets
        self._markets: dict[str, ClobMarket] = {}
        self._heartbeat = ""
        pace = Pace(float(options.get("ping", "10")), float(options.get("silence", "30")))
        urls = account.endpoints
        self._streams = Streams(
            urls["user_ws"], urls["market_ws"], self._credentials, self.wallet, self._venue_fill, pace
        )

    async def __aenter__(self) -> "Polymarket":
        given = self._given
        async with AsyncExitStack() as unless_entered:
            unless_entered.push_async_callback(self._rest.close)
            self._rest.credentials = (
                Credentials(given["api_key"], given["secret"], given["passphrase"])
                if given.get("api_key")
                else await self._rest.sign_in()
            )
            unless_entered.pop_all()
        return self

    async def __aexit__(self, *exc: object) -> None:
        await self._rest.close()

    def _credentials(self) -> Credentials:
        if self._rest.credentials is None:
            raise Unauthorised(VENUE, "not signed in: enter the exchange as a context manager first")
        return self._rest.credentials

    # -- markets ----------------------------------------------------------------------------------------------------

    async def market(self, fixture_id: str, market_id: int, ids: NativeIds) -> VenueMarket:
        """See ``Exchange.market``. The instrument of an outcome buys the other asset of that outcome's condition."""
        found = await discover(self._rest, MarketKey(fixture_id, market_id), ids)
        for item in found.instruments.values():
            self._streams.watch(item.venue_market, [item.contract])
        return found

    async def _clob_market(self, condition_id: str) -> ClobMarket:
        if condition_id not in self._markets:
            self._markets[condition_id] = clob_market(condition_id, await self._rest.clob_market(condition_id))
        return self._markets[condition_id]

    # -- orders -----------------------------------------------------------------------------------------------------

    def prepare(self, request: PlaceRequest) -> Prepared:
        """Sign the order. The digest, known before sending, depends on the request alone when ``signed_at`` is set."""
        self._check(request)
        fields = self._fields(request)
        exchange, version = exchange_for(fields.token_id, request.instrument.details["neg_risk"] == "true")
        order = {
            "salt": fields.salt,
            "maker": fields.maker,
            "signer": fields.signer,
            "tokenId": fields.token_id,
            "makerAmount": str(fields.maker_amount),
            "takerAmount": str(fields.taker_amount),
            "side": fields.side,
            "expiration": str(request.expires_at or 0),
            "signatureType": fields.signature_type,
            "timestamp": str(fields.timestamp),
            "metadata": fields.metadata,
            "builder": fields.builder,
            "signature": self._signer.sign_order(fields, exchange, version),
        }
        resting = request.time_in_force == "gtc"
        kind = "FAK" if not resting else "GTC" if request.expires_at is None else "GTD"
        body = {
            "order": order,
            "owner": self._credentials().api_key,
            "orderType": kind,
            "deferExec": False,
            "postOnly": resting,
        }
        return Prepared(request, json.dumps(body, separators=(",", ":")), order_id(fields, exchange, version))

    def _check(self, request: PlaceRequest) -> None:
        tick = exact(request.instrument.details["tick"])
        if not on_tick(request.price, tick):
            raise Rejected(VENUE, f"price {request.price} is not a multiple of the tick {tick}")
        if request.size != round_down(request.size, SIZE_STEP):
            raise Rejected(VENUE, f"size {request.size} has more than two decimals")
        if request.time_in_force == "gtc" and request.size < request.instrument.min_size:
            raise Rejected(VENUE, f"size {request.size} is below the minimum {request.instrument.min_size}")
        if request.expires_at is not None and request.expires_at < self._now() + EXPIRY_LEAD_SECONDS:
            raise Rejected(VENUE, f"an expiry must lie {EXPIRY_LEAD_SECONDS} s ahead")

    def _fields(self, request: PlaceRequest) -> OrderFields:
        side = "BUY" if request.action == "buy" else "SELL"
        tick = exact(request.instrument.details["tick"])
        if request.time_in_force == "gtc":
            amounts = limit_amounts(side, tick, request.price, request.size)
        else:
            spent = request.size * request.price if side == "BUY" else request.size
            amounts = market_amounts(side, tick, request.price, spent)
        return OrderFields(
            salt=salt_of(request.client_order_id),
            maker=self.wallet,
            signer=self.wallet if self._type == DEPOSIT_WALLET else self._signer.address,
            token_id=request.instrument.contract,
            maker_amount=amounts[0],
            taker_amount=amounts[1],
            side="BUY" if request.action == "buy" else "SELL",
            signature_type=self._type,
            timestamp=request.signed_at or int(self._now() * 1000),
            builder=self._builder,
        )

    async def place(self, orders: Sequence[Prepared]) -> list[PlaceResult]:
        """Send up to 15 prepared orders in one call. A duplicate is looked up: an earlier attempt has arrived."""
        if len(orders) > MAX_BATCH:
            raise Rejected(VENUE, f"{len(orders)} orders in one batch, at most {MAX_BATCH}")
        if not orders:
            return []
        ids = [order.venue_order_id or "" for order in orders]
        unwinding = any(order.request.time_in_force == "ioc" for order in orders)
        try:
            response = await self._rest.place(
                [order.payload for order in orders], Urgency.HEDGE if unwinding else Urgency.QUOTE
            )
            answers = placements(ids, response)
        except Unknown as error:
            return [Lost(error.message) for _ in orders]
        except NotSent as error:
            return [Refused("not_sent", error.message) for _ in orders]
        return [await self._settled(name, answer) for name, answer in zip(ids, answers, strict=True)]

    async def _settled(self, venue_order_id: str, answer: PlaceResult) -> PlaceResult:
        if not isinstance(answer, Refused) or answer.code != DUPLICATE:
            return answer
        try:
            row = await self._rest.order(venue_order_id)
        except (Unknown, Definitive) as error:
            return Lost(f"{answer.reason}; the look-up failed: {error.message}")
        return Lost(answer.reason) if row is None else Accepted(venue_order_id)

    async def cancel(self, orders: Sequence[OrderRef]) -> list[CancelResult]:
        """Cancel by digest. The answer names no sizes: ``filled`` is a lower bound of 0, trades tell the rest."""
        ids = [(order.venue_order_id or "").lower() for order in orders]
        if not all(ids):
            raise Rejected(VENUE, "an order without its digest cannot be cancelled")
        try:
            response = await self._rest.cancel(ids)
            if response.status_code != 200:
                said = write_refusal(response)
                return [said for _ in ids]
            done, refused = cancels(response)
        except Unknown as error:
            return [Lost(error.message) for _ in ids]
        except NotSent as error:
            return [Refused("not_sent", error.message) for _ in ids]
        return [self._cancelled(name, done, refused) for name in ids]

    def _cancelled(self, name: str, done: set[str], refused: dict[str, str]) -> CancelResult:
        if name in done:
            return Seen(name, ZERO, "CANCELLED", "cancelled by us")
        if name in refused:
            return Refused("not_cancelled", refused[name])
        return Lost("the answer does not mention the order")

    async def cancel_market(self, venue_market: str) -> None:
        """Cancel in one condition, in several joined by commas, or in every condition of a Gamma event."""
        if venue_market.startswith("0x"):
            names = venue_market.split(",")
        else:
            names = [market.condition_id for market in gamma_event(await self._rest.event(venue_market)).markets]
        await asyncio.gather(*map(self._rest.cancel_market, names))

    async def cancel_all(self) -> None:
        await self._rest.cancel_all()

    async def renew(self, orders: Sequence[OrderRef], expires_at: int) -> list[CancelResult]:
        """The venue has no amend: an expiry cannot be moved."""
        return [Refused("unsupported", "Polymarket cannot extend an order") for _ in orders]

    async def keep_alive(self) -> None:
        """Feed the dead-man switch; a wrong id (another process fed it) is replaced by the one the venue names."""
        for _ in range(2):
            fed, self._heartbeat = await self._rest.heartbeat(self._heartbeat)
            if fed:
                return
        raise Rejected(VENUE, "the heartbeat id was refused twice: another process feeds the same switch")

    # -- reads ------------------------------------------------------------------------------------------------------

    async def find(self, order: OrderRef) -> Seen | Absent | Lost:
        """By digest in the orders, then in the trades. ``placed_at`` is epoch ms; unknown (0) is never conclusive."""
        if order.venue_order_id is None:
            return Lost("no digest to ask for")
        age = self._now() - order.placed_at / 1000
        try:
            row = await self._rest.order(order.venue_order_id)
            if row is not None:
                return seen(order_row(row))
            filled = await self._traded(order)
        except (Unknown, Definitive) as error:
            return Lost(error.message)
        quiet = order.placed_at > 0 and age > CAPABILITIES.quiet_seconds
        if filled > ZERO:
            return self._ended(order, filled, quiet)
        return Absent() if quiet else Lost("not visible yet")

    def _ended(self, order: OrderRef, filled: Decimal, quiet: bool) -> Seen:
        if filled >= order.size > ZERO:
            return Seen(order.venue_order_id or "", filled, "FILLED")
        return Seen(order.venue_order_id or "", filled, "CANCELLED" if quiet else None, "only its trades remain")

    async def _traded(self, order: OrderRef) -> Decimal:
        after = max(0, order.placed_at // 1000 - 60)
        found = await self._rest.trades(after, order.instrument.venue_market)
        parts = (part for row in found for part in self._parts(row))
        return sum((part.size for part in parts if part.order_id == order.venue_order_id and not part.failed), ZERO)

    def _parts(self, row: object) -> list[TradePart]:
        return trade_parts(row, self._credentials().api_key, self.wallet)

    async def open_orders(self) -> list[OpenOrder]:
        found = [order_row(row) for row in await self._rest.open_orders()]
        return [
            OpenOrder(row.order_id, None, row.asset_id, row.price, row.size, row.matched)
            for row in found
            if seen(row).ended is None
        ]

    async def fills(self, since: int) -> list[VenueFill]:
        found = await self._rest.trades(max(0, since // 1000 - 1))
        return [await self._venue_fill(part) for row in found for part in self._parts(row)]

    async def _venue_fill(self, part: TradePart) -> VenueFill:
        fee = ZERO
        if part.taker:
            market = await self._clob_market(part.market)
            fee = taker_fee(part.size, part.price, market.fee_rate, market.fee_exponent)
        fill = Fill(part.fill_id, part.size, part.price, fee, part.at)
        return VenueFill(part.order_id, None, part.asset_id, fill, part.failed)

    async def positions(self) -> list[VenuePosition]:
        """Holdings per asset (both assets of a condition may be held); the Data API lags by seconds."""
        found = await self._rest.positions(self.wallet)
        held = (VenuePosition(field(row, "token_id", text), field(row, "current_size", exact)) for row in found)
        return [position for position in held if position.size != ZERO]

    async def balance(self) -> Balance:
        """pUSD. The venue reports the wallet; what open buys would spend is taken off here."""
        total, resting = await asyncio.gather(self._rest.balance(self._type), self._rest.open_orders())
        cash = balance(total)
        buys = [order for order in map(order_row, resting) if order.side == "BUY"]
        locked = sum((order.price * (order.size - order.matched) for order in buys), ZERO)
        return Balance("pUSD", cash - locked, cash)

    async def resolution(self, venue_market: str, contract: str) -> Resolution:
        """The CLOB's winner, or Gamma's payout prices where a condition paid neither 1 nor 0 (section 11)."""
        row = await self._rest.full_market(venue_market)
        if not field(row, "closed", flag):
            return Resolution(venue_market, contract, None, "open")
        winners = {field(t, "token_id", text): field(t, "winner", flag) for t in field(row, "tokens", rows)}
        if contract not in winners:
            raise NotFound(VENUE, f"condition {venue_market} does not hold asset {contract}")
        if sum(winners.values()) == 1:
            return Resolution(venue_market, contract, Decimal(int(winners[contract])), "resolved")
        return await self._paid(venue_market, contract)

    async def _paid(self, venue_market: str, contract: str) -> Resolution:
        market = gamma_market(await self._rest.gamma_market(venue_market, closed=True))
        if not market.closed or market.resolution_status != "resolved":
            return Resolution(venue_market, contract, None, market.resolution_status or "closed")
        if len(market.prices) != len(market.assets):
            raise Unreadable(VENUE, f"condition {venue_market} is resolved without payout prices")
        return Resolution(venue_market, contract, market.prices[market.assets.index(contract)], "resolved")

    def stream(self) -> AsyncIterator[StreamEvent]:
        """User and market events; see ``Streams``."""
        return self._streams.events()
