"""Order activities: claimed before sent, sent once, and what is unknown is never called failed."""

from dataclasses import replace
from typing import Any

import pytest
from sqlalchemy.ext.asyncio import AsyncEngine
from temporalio.exceptions import ApplicationError
from temporalio.testing import ActivityEnvironment

from activities.orders import OrderActivities
from overround.domain.messages import OrderEvidence, PlacedItem, ProjectOrders, TouchOrders
from overround.domain.orders import Absent, Accepted, Lost, Order, OrderStatus, Refused, Seen
from overround.exchanges.base import OrderRef
from overround.ledger import fixtures
from overround.venues import NotSent, RateLimited, TimedOut, Unauthorised, Unreadable
from tests.activities.desk import Sessions
from tests.domain.desk import instrument, settings
from tests.domain.vectors import D
from tests.ledger.desk import NOW, claim, owner, request, rows, spec, write


@pytest.fixture
def venues() -> Sessions:
    return Sessions()


@pytest.fixture
def does(ledger: AsyncEngine, venues: Sessions) -> OrderActivities:
    return OrderActivities(ledger, venues)  # type: ignore[arg-type]


def by_id(items: list[PlacedItem]) -> dict[str, PlacedItem]:
    return {item.client_order_id: item for item in items}


async def test_orders_are_claimed_then_sent_in_the_venues_batches(
    does: OrderActivities, venues: Sessions, ledger: AsyncEngine
) -> None:
    seen: list[int] = []

    async def place(orders: Any) -> list[Any]:
        seen.append(len(await rows(ledger, "SELECT 1 FROM orders WHERE status = 'PENDING_PLACEMENT'")))
        return [Accepted("v")] * len(orders)

    venues.venue.place = place  # type: ignore[method-assign]
    placed = await does.place_orders(request(owner(), spec("c1"), spec("c2"), spec("c3", outcome=112)))
    assert seen == [3, 3], "every intent was committed before the first byte left"
    assert {item.client_order_id for item in placed} == {"c1", "c2", "c3"}
    (row,) = await rows(ledger, "SELECT payload FROM orders WHERE client_order_id = 'c1'")
    assert row.payload == '{"id": "c1"}'


async def test_run_again_it_probes_and_sends_nothing(does: OrderActivities, venues: Sessions) -> None:
    await does.place_orders(request(owner(), spec("c1")))
    again = by_id(await does.place_orders(request(owner(), spec("c1", price="0.40"), spec("c2"))))
    assert venues.venue.sent == [["c1"], ["c2"]]
    assert venues.venue.found == ["c1"]
    assert again["c1"].evidence == Seen("v-c1", D(0), None)
    assert again["c1"].recorded is not None
    assert again["c1"].recorded.price == D("0.46"), "what was claimed counts, not what would be claimed now"


async def test_a_probe_without_an_answer_leaves_the_order_unknown(does: OrderActivities, venues: Sessions) -> None:
    await does.place_orders(request(owner(), spec("c1")))
    venues.venue.find_says = lambda order: TimedOut("kalshi", "silent")
    (item,) = await does.place_orders(request(owner(), spec("c1")))
    assert item.evidence == Lost("kalshi: silent")


@pytest.mark.parametrize(
    ("error", "evidence"),
    [
        (TimedOut("kalshi", "silent"), Lost("kalshi: silent")),
        (Unreadable("kalshi", "502"), Lost("kalshi: 502")),
        (Unauthorised("kalshi", "bad key"), Refused("Unauthorised", "kalshi: bad key")),
        (NotSent("kalshi", "refused"), Refused("NotSent", "kalshi: refused")),
        (RateLimited("kalshi", "slow down"), Refused("RateLimited", "kalshi: slow down")),
    ],
)
async def test_only_a_definite_no_is_a_refusal(
    does: OrderActivities, venues: Sessions, error: Exception, evidence: Any
) -> None:
    venues.venue.place_says = lambda order: error
    placed = await does.place_orders(request(owner(), spec("c1"), spec("c2")))
    assert [item.evidence for item in placed] == [evidence, evidence]


async def test_one_batch_that_is_lost_does_not_lose_the_next(does: OrderActivities, venues: Sessions) -> None:
    answers: list[Any] = [TimedOut("kalshi", "silent"), Accepted("v3")]
    venues.venue.place_says = lambda order: answers.pop(0)
    placed = by_id(await does.place_orders(request(owner(), spec("c1"), spec("c2"), spec("c3"))))
    assert placed["c2"].evidence == Lost("kalshi: silent")
    assert placed["c3"].evidence == Accepted("v3")


async def test_what_the_venue_would_refuse_by_shape_is_never_claimed(
    does: OrderActivities, venues: Sessions, ledger: AsyncEngine
) -> None:
    venues.venue.refuses = {"c1"}
    placed = by_id(await does.place_orders(request(owner(), spec("c1"), spec("c2"))))
    assert placed["c1"].evidence == Refused("rejected_here", "the price is off the grid")
    assert [row.client_order_id for row in await rows(ledger, "SELECT client_order_id FROM orders")] == ["c2"]


async def test_a_closed_gate_or_a_full_limit_sends_nothing(
    does: OrderActivities, venues: Sessions, ledger: AsyncEngine
) -> None:
    full = request(owner(), spec("c1"), config=settings(max_market_loss=D(1)))
    (item,) = await does.place_orders(full)
    assert (item.evidence, item.blocked) == (None, "market loss 23.00 would exceed max_market_loss 1")
    await write(ledger, "INSERT INTO gates (scope, emergency) VALUES ('global', true)")
    (item,) = await does.place_orders(request(owner(), spec("c2")))
    assert item.blocked == "trading is emergency"
    assert venues.venue.sent == []


def touch(*names: str, instruments: bool = True, expires_at: int | None = None, answered: bool = True) -> TouchOrders:
    orders = tuple(Order(spec(name)) for name in names)
    if answered:
        orders = tuple(
            replace(order, status=OrderStatus.PLACED, venue_order_id=f"v-{order.spec.client_order_id}")
            for order in orders
        )
    return TouchOrders(owner(), orders, (instrument(111),) if instruments else (), expires_at)


async def test_a_cancel_that_breaks_off_is_unknown_for_every_order(does: OrderActivities, venues: Sessions) -> None:
    assert await does.cancel_orders(touch("c1")) == [OrderEvidence("c1", Seen("v-c1", D(0), "CANCELLED"))]
    venues.venue.cancel_says = lambda order: TimedOut("kalshi", "silent")
    assert await does.cancel_orders(touch("c1", "c2")) == [
        OrderEvidence(name, Lost("kalshi: silent")) for name in ("c1", "c2")
    ]


async def test_a_refused_renewal_makes_the_order_doubtful_not_dead(does: OrderActivities, venues: Sessions) -> None:
    venues.venue.renew_says = lambda order: Refused("gone", "not resting")
    assert await does.renew_orders(touch("c1", expires_at=NOW)) == [OrderEvidence("c1", Lost("not resting"))]
    assert await does.renew_orders(touch("c1")) == []


async def probe(does: OrderActivities, asked: TouchOrders) -> list[OrderEvidence]:
    found: list[OrderEvidence] = await ActivityEnvironment().run(does.probe_orders, asked)
    return found


async def test_a_probe_tells_what_it_learnt_and_is_repeated_while_it_learns_nothing(
    does: OrderActivities, venues: Sessions
) -> None:
    answers: dict[str, Any] = {"c1": Absent(), "c2": Lost("still quiet")}
    venues.venue.find_says = lambda order: answers[order.client_order_id]
    assert await probe(does, touch("c1", "c2")) == [OrderEvidence("c1", Absent())]
    with pytest.raises(ApplicationError, match="no conclusive answer yet about c2"):
        await probe(does, touch("c2"))
    answers["c2"] = Seen("v-c2", D(3), "CANCELLED")
    assert [item.evidence for item in await probe(does, touch("c1", "c2"))] == [Absent(), answers["c2"]]


async def test_an_order_whose_answer_was_lost_is_asked_for_by_the_name_it_was_claimed_with(
    does: OrderActivities, venues: Sessions
) -> None:
    asked: list[str | None] = []

    def find(order: OrderRef) -> Absent:
        asked.append(order.venue_order_id)
        return Absent()

    venues.venue.name_says = lambda client_order_id: f"digest-{client_order_id}"
    venues.venue.place_says = lambda order: Lost("silent")
    venues.venue.find_says = find
    await does.place_orders(request(owner(), spec("c1"), spec("c2")))
    await probe(does, touch("c1", "c2", answered=False))
    assert asked == ["digest-c1", "digest-c2"]


async def test_an_owner_without_instruments_finds_them_in_the_ledger(
    does: OrderActivities, ledger: AsyncEngine
) -> None:
    async with ledger.begin() as connection:
        await fixtures.save_instrument(connection, instrument(111), proved=True, reason="labels agree")
    assert await probe(does, touch("c1", instruments=False)) == [OrderEvidence("c1", Seen("v-c1", D(0), None))]


async def test_orders_are_loaded_and_projected(does: OrderActivities, ledger: AsyncEngine) -> None:
    await claim(ledger, spec("c1"))
    (found,) = await does.load_orders(["c1", "ghost"])
    assert found.order.spec.client_order_id == "c1"
    placed = Order(found.order.spec, OrderStatus.PLACED, "v-c1", version=2)
    for version in (NOW, NOW - 1):
        await does.project_orders(ProjectOrders(owner(), "orders:1", "run-1", (placed,), version))
    (row,) = await rows(ledger, "SELECT status, version FROM orders")
    assert (row.status, row.version) == ("PLACED", NOW)
