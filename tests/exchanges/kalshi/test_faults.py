"""What the adapter says when the venue lies, hides, breaks off or refuses."""

import time
from dataclasses import replace

import httpx
import pytest
import respx

from overround.domain.orders import Absent, Accepted, Lost, Refused, Seen
from overround.exchanges.base import OrderRef
from overround.exchanges.kalshi import Kalshi
from overround.venues import RateLimited, Unknown, Unreadable
from tests.exchanges.kalshi.desk import Bench, D, account, open_bench


@pytest.mark.parametrize("fault", ["answer_lost", "error_accepted"])
async def test_lost_placement_is_unknown_and_found_by_our_id(bench: Bench, fault: str) -> None:
    prepared = await bench.prepared()
    bench.world.faults.arm("kalshi", fault)
    (result,) = await bench.kalshi.place([prepared])
    assert isinstance(result, Lost)
    found = await bench.kalshi.find(bench.ref(prepared))
    assert isinstance(found, Seen)
    assert (found.filled, found.ended) == (D(0), None)
    assert [order.client_order_id for order in await bench.kalshi.open_orders()] == [prepared.request.client_order_id]


async def test_late_answer_is_unknown(bench: Bench) -> None:
    prepared = await bench.prepared()
    bench.world.faults.arm("kalshi", "answer_late", seconds=1.8)
    (result,) = await bench.kalshi.place([prepared])
    assert isinstance(result, Lost)
    assert "in time" in result.reason


async def test_lost_batch_leaves_every_order_unknown(bench: Bench) -> None:
    batch = [await bench.prepared("0.40"), await bench.prepared("0.39")]
    bench.world.faults.arm("kalshi", "answer_lost")
    results = await bench.kalshi.place(batch)
    assert [type(result) for result in results] == [Lost, Lost]
    assert len(await bench.kalshi.open_orders()) == 2


async def test_same_body_again_names_the_first_attempt(bench: Bench) -> None:
    prepared = await bench.prepared()
    bench.world.faults.arm("kalshi", "answer_lost")
    await bench.kalshi.place([prepared])
    (again,) = await bench.kalshi.place([prepared])
    (resting,) = await bench.kalshi.open_orders()
    assert again == Accepted(resting.venue_order_id)


async def test_duplicate_inside_a_batch_names_the_first_attempt(bench: Bench) -> None:
    first, second = await bench.prepared("0.40"), await bench.prepared("0.39")
    (accepted,) = await bench.kalshi.place([first])
    again, other = await bench.kalshi.place([first, second])
    assert again == accepted
    assert isinstance(other, Accepted)
    assert other != again


async def test_lost_cancel_is_unknown_and_probed(bench: Bench) -> None:
    ref = await bench.placed()
    bench.world.faults.arm("kalshi", "answer_lost")
    (result,) = await bench.kalshi.cancel([ref])
    assert isinstance(result, Lost)
    assert await bench.kalshi.find(ref) == Seen(ref.venue_order_id or "", D(0), "CANCELLED")


async def test_lost_renewal_is_unknown(bench: Bench) -> None:
    ref = await bench.placed()
    bench.world.faults.arm("kalshi", "answer_lost")
    (result,) = await bench.kalshi.renew([ref], int(bench.world.clock()) + 60)
    assert isinstance(result, Lost)


async def test_nothing_listening_means_nothing_left(bench: Bench) -> None:
    prepared = await bench.prepared()
    async with Kalshi(account("http://127.0.0.1:9")) as nowhere:
        (result,) = await nowhere.place([prepared])
    assert isinstance(result, Refused)
    assert result.code == "not_sent"


async def test_refusal_carries_the_venues_code(bench: Bench) -> None:
    bench.world.faults.arm("kalshi", "refuse", code="self_destruct")
    (result,) = await bench.kalshi.place([await bench.prepared()])
    assert isinstance(result, Refused)
    assert result.code == "self_destruct"


async def test_rate_limit_refuses_and_slows_down() -> None:
    async with open_bench() as bench:
        prepared = await bench.prepared()
        bench.world.faults.arm("kalshi", "rate_limited")
        (result,) = await bench.kalshi.place([prepared])
        assert isinstance(result, Refused)
        assert result.code == "rate_limited"
        bench.world.faults.arm("kalshi", "rate_limited")
        with pytest.raises(RateLimited):
            await bench.kalshi.open_orders()


async def test_basic_tier_holds_ten_creates() -> None:
    stopped = time.time()
    async with open_bench(tier="basic", clock=lambda: stopped, skew=60.0) as bench:
        raw = bench.account(tier="prestige")
        async with Kalshi(raw) as eager:
            batch = [await bench.prepared("0.40", "1") for _ in range(10)]
            assert all(isinstance(result, Accepted) for result in await eager.place(batch))
            (eleventh,) = await eager.place([await bench.prepared("0.40", "1")])
    assert isinstance(eleventh, Refused)
    assert eleventh.code == "rate_limited"


async def test_maintenance_leaves_a_placement_unknown_and_reads_failing(bench: Bench) -> None:
    prepared = await bench.prepared()
    bench.world.faults.arm("kalshi", "maintenance", seconds=60)
    (result,) = await bench.kalshi.place([prepared])
    assert isinstance(result, Lost)
    with pytest.raises(Unknown):
        await bench.kalshi.open_orders()
    async with httpx.AsyncClient(trust_env=False) as client:
        status = (await client.get(f"{bench.url}/trade-api/v2/exchange/status")).json()
    assert (status["exchange_active"], status["trading_active"]) == (False, False)
    bench.venue.closed_until = 0.0
    assert await bench.kalshi.open_orders() == []


async def test_incomplete_page_is_never_a_list(bench: Bench) -> None:
    await bench.placed("0.40")
    await bench.placed("0.39")
    bench.world.faults.arm("kalshi", "page_short")
    with pytest.raises(Unknown):
        await bench.kalshi.open_orders()
    assert len(await bench.kalshi.open_orders()) == 2


async def test_incomplete_page_is_never_absence(bench: Bench) -> None:
    lost = bench.ref(await bench.prepared(), ago=60)
    await bench.placed()
    bench.world.faults.arm("kalshi", "page_short")
    assert isinstance(await bench.kalshi.find(lost), Lost)


async def test_order_never_sent_is_absent_after_the_quiet_time(bench: Bench) -> None:
    prepared = await bench.prepared()
    assert isinstance(await bench.kalshi.find(bench.ref(prepared)), Lost)
    assert await bench.kalshi.find(bench.ref(prepared, ago=60)) == Absent()
    assert await bench.kalshi.find(replace(bench.ref(prepared, ago=60), venue_order_id="nothing")) == Absent()


async def test_order_of_unknown_age_is_never_absent(bench: Bench) -> None:
    ref = replace(bench.ref(await bench.prepared()), placed_at=0)
    assert isinstance(await bench.kalshi.find(ref), Lost)


async def test_lagging_reads_are_not_absence(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    ref = bench.ref(await bench.prepared(), ago=60)

    async def behind() -> dict[str, str]:
        return {"as_of_time": "2020-01-01T00:00:00Z"}

    monkeypatch.setattr(bench.kalshi.rest, "user_data_timestamp", behind)
    assert isinstance(await bench.kalshi.find(ref), Lost)


async def test_venue_clock_that_runs_ahead_is_not_absence(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    ref = bench.ref(await bench.prepared())

    async def ahead() -> dict[str, str]:
        return {"as_of_time": "2099-01-01T00:00:00Z"}

    monkeypatch.setattr(bench.kalshi.rest, "user_data_timestamp", ahead)
    assert isinstance(await bench.kalshi.find(ref), Lost)


async def test_order_that_appears_while_we_ask_is_not_absent(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    prepared = await bench.prepared()
    known = bench.kalshi.rest.user_data_timestamp

    async def meanwhile() -> object:
        await bench.kalshi.place([prepared])
        return await known()

    monkeypatch.setattr(bench.kalshi.rest, "user_data_timestamp", meanwhile)
    found = await bench.kalshi.find(bench.ref(prepared, ago=60))
    assert isinstance(found, Seen)
    assert found.ended is None


async def test_lost_order_that_filled_at_once_is_found_filled(bench: Bench) -> None:
    prepared = await bench.prepared("0.40", "10")
    bench.world.faults.arm("kalshi", "answer_lost")
    bench.world.faults.arm("kalshi", "fill_first")
    (result,) = await bench.kalshi.place([prepared])
    assert isinstance(result, Lost)
    found = await bench.kalshi.find(bench.ref(prepared))
    assert isinstance(found, Seen)
    assert (found.filled, found.ended) == (D(10), "FILLED")


# -- answers that are wrong rather than missing -----------------------------------------------------------------------


async def _cancel_with(bench: Bench, ref: OrderRef, answer: object) -> object:
    """Cancel while the venue's answer is replaced."""
    async with respx.mock(assert_all_mocked=False, assert_all_called=True) as router:
        router.delete(url__regex=".*/portfolio/events/orders/.*").mock(return_value=httpx.Response(200, json=answer))
        router.route().pass_through()
        (result,) = await bench.kalshi.cancel([ref])
    return result


@pytest.mark.parametrize(
    "answer",
    [
        {"order_id": "somebody-else", "reduced_by": "10.00", "ts_ms": 1},
        {"reduced_by": "10.00"},
        {"order_id": "mine"},
        {"order_id": "mine", "reduced_by": "11.00"},
        {"order_id": "mine", "reduced_by": "many"},
        [],
    ],
)
async def test_cancel_answer_about_another_order_is_not_believed(bench: Bench, answer: object) -> None:
    ref = await bench.placed("0.40", "10")
    if isinstance(answer, dict) and answer.get("order_id") == "mine":
        answer["order_id"] = ref.venue_order_id
    assert await _cancel_with(bench, ref, answer) == Seen(ref.venue_order_id or "", D(0), None)


@pytest.mark.parametrize(
    "answer",
    [
        {"order_id": "somebody-else", "remaining_count": "99.00", "fill_count": "7.00", "ts_ms": 1},
        {"order_id": "mine"},
        {"order_id": "mine", "remaining_count": "0.00", "fill_count": "7.00"},
        [],
    ],
)
async def test_renewal_answer_about_another_order_is_not_believed(bench: Bench, answer: object) -> None:
    ref = await bench.placed("0.40", "10")
    if isinstance(answer, dict) and answer["order_id"] == "mine":
        answer["order_id"] = ref.venue_order_id
    async with respx.mock(assert_all_mocked=False) as router:
        router.post(url__regex=".*/amend").mock(return_value=httpx.Response(200, json=answer))
        router.route().pass_through()
        (result,) = await bench.kalshi.renew([ref], int(bench.world.clock()) + 60)
    assert result == Seen(ref.venue_order_id or "", D(0), None)


@pytest.mark.parametrize(
    ("answer", "kind"),
    [
        (httpx.Response(201, content=b"<html>"), Lost),
        (httpx.Response(201, json={}), Lost),
        (httpx.Response(201, json={"order_id": "o"}), Lost),
        (
            httpx.Response(
                201, json={"order_id": "o", "client_order_id": "x", "fill_count": "0", "remaining_count": "1"}
            ),
            Lost,
        ),
        (httpx.Response(502, content=b"bad gateway"), Lost),
        (httpx.Response(400, json={"error": {"code": "bad", "message": "old wrapping"}}), Refused),
    ],
)
async def test_placement_answer_nobody_can_read_is_unknown(
    bench: Bench, answer: httpx.Response, kind: type[object]
) -> None:
    prepared = await bench.prepared()
    with respx.mock as router:
        router.post(url__regex=".*/portfolio/events/orders").mock(return_value=answer)
        (result,) = await bench.kalshi.place([prepared])
    assert isinstance(result, kind)


@pytest.mark.parametrize("code", ["internal_server_error", "service_unavailable", "timeout"])
async def test_batch_item_the_venue_is_unsure_of_is_unknown(bench: Bench, code: str) -> None:
    batch = [await bench.prepared("0.40"), await bench.prepared("0.39")]
    item = {"error": {"code": code, "message": "?"}}
    with respx.mock as router:
        router.post(url__regex=".*/batched").mock(return_value=httpx.Response(201, json={"orders": [item, item]}))
        assert [type(result) for result in await bench.kalshi.place(batch)] == [Lost, Lost]


async def test_batch_answer_of_another_length_is_unknown(bench: Bench) -> None:
    batch = [await bench.prepared("0.40"), await bench.prepared("0.39")]
    with respx.mock as router:
        router.post(url__regex=".*/batched").mock(return_value=httpx.Response(201, json={"orders": []}))
        assert [type(result) for result in await bench.kalshi.place(batch)] == [Lost, Lost]


async def test_cursor_that_repeats_is_an_error(bench: Bench) -> None:
    page = {"orders": [], "cursor": "again"}
    with respx.mock as router:
        router.get(url__regex=".*/portfolio/orders.*").mock(return_value=httpx.Response(200, json=page))
        with pytest.raises(Unreadable, match="repeats"):
            await bench.kalshi.open_orders()


async def test_cancel_all_that_is_refused_falls_back_to_cancelling_each(bench: Bench) -> None:
    for _ in range(3):
        await bench.placed()
    async with respx.mock(assert_all_mocked=False) as router:
        router.delete(url__regex=".*/portfolio/events/orders\\?.*").mock(return_value=httpx.Response(403, json={}))
        router.route().pass_through()
        await bench.kalshi.cancel_all()
    assert await bench.kalshi.open_orders() == []
