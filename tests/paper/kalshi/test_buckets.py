"""Token buckets: what each tier may do, what calls cost, and whom a 429 leaves alone (kalshi sheet, section 10)."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from overround.paper.kalshi.buckets import TIERS, Bucket, Meter
from overround.paper.kalshi.wire import ApiError
from tests.paper.kalshi.desk import GROUPS, ORDERS, Desk
from tests.paper.worlds import Clock


def takes(bucket: Bucket, cost: int) -> bool:
    try:
        bucket.take(cost)
    except ApiError as error:
        return error.status != 429
    return True


@settings(max_examples=40, deadline=None)
@given(
    st.integers(1, 100),
    st.integers(1, 300),
    st.lists(st.tuples(st.floats(0, 5, allow_nan=False), st.integers(1, 40)), max_size=60),
)
def test_bucket_never_gives_more_than_it_held_and_what_flowed_in(
    rate: int, capacity: int, calls: list[tuple[float, int]]
) -> None:
    clock = Clock(0.0)
    bucket, taken = Bucket(rate, capacity, clock), 0
    for wait, cost in calls:
        clock.now += wait
        before = taken
        if takes(bucket, cost):
            taken += cost
        assert taken <= capacity + rate * clock.now + 1e-6
        if taken == before and cost <= capacity:
            clock.now += cost / rate
            assert takes(bucket, cost), "what a whole wait brings is there"
            taken += cost


def test_clock_set_back_neither_fills_nor_empties_a_bucket() -> None:
    clock = Clock(100.0)
    bucket = Bucket(10, 20, clock)
    assert takes(bucket, 20)
    clock.now = 50.0
    assert not takes(bucket, 10)
    clock.now = 51.0
    assert takes(bucket, 10)


CREATES = {"basic": 10, "advanced": 90, "expert": 180}


@pytest.mark.parametrize(("tier", "burst"), CREATES.items())
def test_burst_of_creates_by_tier(tier: str, burst: int) -> None:
    meter = Meter(tier, Clock(0.0))
    assert sum(takes(meter.write, 10) for _ in range(burst + 20)) == burst


@pytest.mark.parametrize("tier", TIERS)
def test_a_second_refills_a_tiers_rate_on_both_sides(tier: str) -> None:
    clock = Clock(0.0)
    meter = Meter(tier, clock)
    for bucket, rate in zip((meter.read, meter.write), TIERS[tier], strict=True):
        while takes(bucket, 1):
            pass
        clock.now += 1.0
        assert takes(bucket, rate)
        assert not takes(bucket, 1)


@pytest.fixture
def basic() -> Desk:
    return Desk(tier="basic")


async def spent(desk: Desk) -> None:
    """Ten creates empty a basic write bucket."""
    for number in range(10):
        await desk.ann.placed("bid", "0.40", "1", client_order_id=f"c{number}")


async def test_empty_write_bucket_refuses_whole_and_leaves_reads_and_others_alone(basic: Desk) -> None:
    await spent(basic)
    refused = await basic.ann.order("bid", "0.40", "1")
    assert (refused.status_code, refused.json()) == (429, {"error": "too many requests"})
    assert "Retry-After" not in refused.headers
    assert len((await basic.ann.read("/portfolio/orders"))["orders"]) == 10
    await basic.bob.placed("bid", "0.40", "1")


@pytest.mark.parametrize(("orders", "status"), [(10, 201), (11, 429)])
async def test_batch_create_is_billed_by_its_items(basic: Desk, orders: int, status: int) -> None:
    items = [basic.body("bid", "0.40", "1", client_order_id=f"c{number}") for number in range(orders)]
    answer = await basic.ann.call("POST", f"{ORDERS}/batched", {"orders": items})
    assert answer.status_code == status
    assert len(basic.engine.open_orders("kalshi", "ann")) == (orders if status == 201 else 0)


async def test_cancels_cost_a_fifth_of_a_create(basic: Desk) -> None:
    await spent(basic)
    basic.clock.now += 0.2  # 20 tokens: two creates, or ten cancels
    for order in list(basic.engine.open_orders("kalshi", "ann")):
        path = f"{ORDERS}/{order.order_id}"
        assert (await basic.ann.call("DELETE", path, market_ticker=basic.ticker())).status_code == 200
    assert (await basic.ann.call("DELETE", f"{ORDERS}/x", market_ticker=basic.ticker())).status_code == 429


async def test_batch_cancel_is_billed_by_its_items(basic: Desk) -> None:
    await spent(basic)
    names = [order.order_id for order in basic.engine.open_orders("kalshi", "ann")]
    items = [{"order_id": name, "market_ticker": basic.ticker()} for name in names]
    basic.clock.now += 0.19
    assert (await basic.ann.call("DELETE", f"{ORDERS}/batched", {"orders": items})).status_code == 429
    assert len(basic.engine.open_orders("kalshi", "ann")) == 10
    basic.clock.now += 0.01
    assert (await basic.ann.call("DELETE", f"{ORDERS}/batched", {"orders": items})).status_code == 200


async def test_refused_write_costs_what_a_good_one_costs(basic: Desk) -> None:
    for _ in range(10):
        assert (await basic.ann.order("bid", "0.405", "1")).status_code == 400
    assert (await basic.ann.call("POST", f"{GROUPS}/create", {"contracts_limit": 1})).status_code == 429


async def test_limits_and_costs_are_published_as_they_are_applied(basic: Desk) -> None:
    limits = await basic.ann.read("/account/limits")
    assert limits["usage_tier"] == "basic"
    assert limits["read"] == {"refill_rate": 200, "bucket_capacity": 600}
    assert limits["write"] == {"refill_rate": 100, "bucket_capacity": 100}
    costs = await basic.ann.read("/account/endpoint_costs")
    assert costs["default_cost"] == 10
    assert {row["cost"] for row in costs["endpoint_costs"]} == {2}
