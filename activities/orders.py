"""What an ``OrderWorkflow`` may do: place, cancel, renew, probe, load and project orders."""

from collections.abc import Sequence

from sqlalchemy.ext.asyncio import AsyncEngine
from temporalio import activity
from temporalio.exceptions import ApplicationError

from activities.sessions import Sessions
from overround.domain.markets import Instrument
from overround.domain.messages import OrderEvidence, PlacedItem, PlaceOrders, ProjectOrders, RecordedOrder, TouchOrders
from overround.domain.orders import Evidence, Lost, Order, OrderSpec, Refused
from overround.exchanges.base import Exchange, OrderRef, PlaceRequest, Prepared
from overround.ledger import orders as ledger
from overround.ledger.lookups import instruments_of
from overround.venues import Definitive, Rejected, Unknown, VenueError


class OrderActivities:
    """Bound to one ledger and one set of venue sessions."""

    def __init__(self, database: AsyncEngine, sessions: Sessions) -> None:
        self._database = database
        self._sessions = sessions

    @activity.defn(name="place_orders")
    async def place_orders(self, request: PlaceOrders) -> list[PlacedItem]:
        """Claim intents, then send what is new and probe what an earlier attempt had claimed."""
        exchange = await self._sessions.exchange(request.owner.account_id)
        prepared, refused = _prepare(exchange, request)
        async with self._database.begin() as connection:
            claims = await ledger.claim(connection, request, [_intent(request, item) for item in prepared.values()])
        results = [PlacedItem(key, evidence) for key, evidence in refused.items()]
        results += [PlacedItem(key, None, blocked=reason) for key, reason in claims.blocked.items()]
        results += await self._send(exchange, [prepared[key] for key in prepared if key in claims.fresh])
        for key, order in claims.found.items():
            evidence = await _find(exchange, _ref(order, request.instruments))
            results.append(PlacedItem(key, evidence, recorded=order.spec))
        return results

    async def _send(self, exchange: Exchange, prepared: Sequence[Prepared]) -> list[PlacedItem]:
        """Send each intent once, in batches the venue takes."""
        results: list[PlacedItem] = []
        size = exchange.capabilities.max_batch
        for start in range(0, len(prepared), size):
            batch = prepared[start : start + size]
            evidence: Sequence[Evidence]
            try:
                evidence = await exchange.place(batch)
            except Unknown as error:
                evidence = [Lost(str(error))] * len(batch)
            except Definitive as error:
                evidence = [Refused(type(error).__name__, str(error))] * len(batch)
            results += [
                PlacedItem(item.request.client_order_id, said) for item, said in zip(batch, evidence, strict=True)
            ]
        return results

    @activity.defn(name="cancel_orders")
    async def cancel_orders(self, request: TouchOrders) -> list[OrderEvidence]:
        """Ask the venue to cancel; one answer per order, ``Lost`` where nobody knows."""
        exchange = await self._sessions.exchange(request.owner.account_id)
        evidence: Sequence[Evidence]
        try:
            evidence = await exchange.cancel(await self._refs(request))
        except VenueError as error:
            evidence = [Lost(str(error))] * len(request.orders)
        return _pair(request.orders, evidence)

    @activity.defn(name="renew_orders")
    async def renew_orders(self, request: TouchOrders) -> list[OrderEvidence]:
        """Extend the expiry of resting orders where the venue has one; a refusal makes the order unknown."""
        exchange = await self._sessions.exchange(request.owner.account_id)
        if not exchange.capabilities.expiring_orders or request.expires_at is None:
            return []
        refs = await self._refs(request)
        evidence: Sequence[Evidence]
        try:
            evidence = await exchange.renew(refs, request.expires_at)
        except VenueError as error:
            evidence = [Lost(str(error))] * len(refs)
        doubtful = [Lost(said.reason) if isinstance(said, Refused) else said for said in evidence]
        return _pair(request.orders, doubtful)

    @activity.defn(name="probe_orders")
    async def probe_orders(self, request: TouchOrders) -> list[OrderEvidence]:
        """Ask about orders and tell every conclusive answer; while there is none, Temporal asks again."""
        exchange = await self._sessions.exchange(request.owner.account_id)
        found: list[OrderEvidence] = []
        for ref in await self._refs(request):
            activity.heartbeat(ref.client_order_id)
            found.append(OrderEvidence(ref.client_order_id, await _find(exchange, ref)))
        answers = [item for item in found if not isinstance(item.evidence, Lost)]
        if not answers:
            names = ", ".join(item.client_order_id for item in found)
            raise ApplicationError(
                f"{request.owner.exchange} has no conclusive answer yet about {names}: {found[0].evidence}"
            )
        return answers

    async def _refs(self, request: TouchOrders) -> list[OrderRef]:
        """Names of the orders. The ledger is asked for what their owner does not hold: the venue's id where no answer
        named it, instruments where it was started only for late evidence."""
        owner, orders, known = request.owner, request.orders, list(request.instruments)
        missing = {order.spec.outcome_id for order in orders} - {item.outcome_id for item in known}
        if missing or any(order.venue_order_id is None for order in orders):
            async with self._database.connect() as connection:
                if missing:
                    known += await instruments_of(connection, owner.exchange, owner.fixture_id, owner.market_id)
                orders = await ledger.named(connection, orders)
        return [_ref(order, known) for order in orders]

    @activity.defn(name="load_orders")
    async def load_orders(self, client_order_ids: list[str]) -> list[RecordedOrder]:
        """Orders as the ledger holds them."""
        async with self._database.connect() as connection:
            return [RecordedOrder(order) for order in await ledger.load(connection, client_order_ids)]

    @activity.defn(name="project_orders")
    async def project_orders(self, request: ProjectOrders) -> None:
        """Write order states; older versions change nothing."""
        async with self._database.begin() as connection:
            await ledger.project_all(connection, request.owner, request.orders, request.version)


def _prepare(exchange: Exchange, request: PlaceOrders) -> tuple[dict[str, Prepared], dict[str, Evidence]]:
    """Build and sign every order; what the venue would refuse by shape is refused here, before anything is claimed."""
    prepared: dict[str, Prepared] = {}
    refused: dict[str, Evidence] = {}
    for spec in request.specs:
        try:
            prepared[spec.client_order_id] = exchange.prepare(_place_request(exchange, request, spec))
        except Rejected as error:
            refused[spec.client_order_id] = Refused("rejected_here", error.message)
    return prepared, refused


def _place_request(exchange: Exchange, request: PlaceOrders, spec: OrderSpec) -> PlaceRequest:
    return PlaceRequest(
        spec.client_order_id,
        ledger.instrument_of(request.instruments, spec.outcome_id),
        spec.action,
        spec.price,
        spec.size,
        expires_at=spec.expires_at if exchange.capabilities.expiring_orders else None,
        signed_at=spec.sent_at,
    )


def _intent(request: PlaceOrders, prepared: Prepared) -> ledger.Intent:
    spec = next(item for item in request.specs if item.client_order_id == prepared.request.client_order_id)
    return ledger.Intent(spec, prepared.payload, prepared.venue_order_id)


def _ref(order: Order, instruments: Sequence[Instrument]) -> OrderRef:
    spec = order.spec
    instrument = ledger.instrument_of(instruments, spec.outcome_id)
    return OrderRef(
        spec.client_order_id, order.venue_order_id, instrument, spec.sent_at, spec.expires_at, spec.size, spec.price
    )


async def _find(exchange: Exchange, ref: OrderRef) -> Evidence:
    try:
        return await exchange.find(ref)
    except VenueError as error:
        return Lost(str(error))


def _pair(orders: Sequence[Order], evidence: Sequence[Evidence]) -> list[OrderEvidence]:
    return [OrderEvidence(order.spec.client_order_id, said) for order, said in zip(orders, evidence, strict=True)]
