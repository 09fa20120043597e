"""An exchange and a bookmaker that answer what a test tells them to, and remember what they were asked."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from overround.bookmakers.base import BetReport, BetRequest, SelectionPrice
from overround.domain.orders import Absent, Accepted, Lost, Refused, Seen
from overround.exchanges.base import Balance, Capabilities, OpenOrder, OrderRef, PlaceRequest, Prepared, VenueFill
from overround.venues import Rejected
from tests.domain.vectors import D
from tests.ledger.desk import accepted

Answer = Any
CAPABILITIES = Capabilities(
    client_order_ids=True,
    known_before_send=False,
    max_batch=2,
    amend=False,
    post_only=True,
    expiring_orders=True,
    heartbeat_seconds=None,
    private_stream_replays=False,
    quiet_seconds=1.0,
)


@dataclass
class Venue:
    """Every answer is a function of what was asked, or an exception to raise."""

    capabilities: Capabilities = CAPABILITIES
    place_says: Callable[[Prepared], Answer] = lambda order: Accepted(f"v-{order.request.client_order_id}")
    find_says: Callable[[OrderRef], Answer] = lambda order: Seen(f"v-{order.client_order_id}", D(0), None)
    cancel_says: Callable[[OrderRef], Answer] = lambda order: Seen(f"v-{order.client_order_id}", D(0), "CANCELLED")
    name_says: Callable[[str], str | None] = lambda client_order_id: None
    """The venue's id of an order, where it is known before the order is sent."""
    refuses: set[str] = field(default_factory=set)
    sent: list[list[str]] = field(default_factory=list)
    found: list[str] = field(default_factory=list)
    cancelled: list[str] = field(default_factory=list)

    def prepare(self, request: PlaceRequest) -> Prepared:
        if request.client_order_id in self.refuses:
            raise Rejected("kalshi", "the price is off the grid")
        name = self.name_says(request.client_order_id)
        return Prepared(request, f'{{"id": "{request.client_order_id}"}}', name)

    async def place(self, orders: Sequence[Prepared]) -> list[Accepted | Refused | Lost]:
        self.sent.append([order.request.client_order_id for order in orders])
        return [_said(self.place_says(order)) for order in orders]

    async def cancel(self, orders: Sequence[OrderRef]) -> list[Seen | Refused | Lost]:
        self.cancelled += [order.client_order_id for order in orders]
        return [_said(self.cancel_says(order)) for order in orders]

    renew_says: Callable[[OrderRef], Answer] = lambda order: Seen(f"v-{order.client_order_id}", D(0), None)

    async def renew(self, orders: Sequence[OrderRef], expires_at: int) -> list[Seen | Refused | Lost]:
        return [_said(self.renew_says(order)) for order in orders]

    resting: list[OpenOrder] = field(default_factory=list)
    trades: list[VenueFill] = field(default_factory=list)
    name: str = "kalshi"

    async def open_orders(self) -> list[OpenOrder]:
        return self.resting

    async def fills(self, since: int) -> list[VenueFill]:
        return self.trades

    async def balance(self) -> Balance:
        return Balance("USD", D(90), D(100))

    async def find(self, order: OrderRef) -> Seen | Absent | Lost:
        self.found.append(order.client_order_id)
        answer: Seen | Absent | Lost = _said(self.find_says(order))
        return answer


@dataclass
class Bookie:
    """A bookmaker with one price; ``place_says`` gives the report of a bet."""

    price: str | None = "2.00"
    limit: str = "500"
    place_says: Callable[[BetRequest], Answer] = lambda bet: accepted(
        bet.request_id, (f"p-{bet.request_id}", str(bet.stake), "2.00")
    )
    find_says: Callable[[str], Answer] = lambda name: None
    sent: list[BetRequest] = field(default_factory=list)
    asked: int = 0

    async def prices(self, fixture_id: str, outcome_id: int, player_id: int = 0) -> list[SelectionPrice]:
        self.asked += 1
        if self.price is None:
            return []
        return [SelectionPrice("vertex", D(self.price), D(self.limit), D(1), "USD", True)]

    async def place(self, bet: BetRequest) -> BetReport:
        self.sent.append(bet)
        answer: BetReport = _said(self.place_says(bet))
        return answer

    async def find(self, request_id: str) -> BetReport | None:
        answer: BetReport | None = _said(self.find_says(request_id))
        return answer


def _said(answer: Answer) -> Answer:
    if isinstance(answer, Exception):
        raise answer
    return answer


@dataclass
class Sessions:
    """The one exchange and the one bookmaker."""

    venue: Venue = field(default_factory=Venue)
    bookie: Bookie = field(default_factory=Bookie)

    async def exchange(self, account_id: str) -> Venue:
        return self.venue

    async def bookmaker(self, account_id: str) -> Bookie:
        return self.bookie
