"""Order groups over the wire: the limit that protects a maker from being run over (kalshi sheet, section 8)."""

from typing import Any

import pytest

from tests.paper.kalshi.desk import AWAY, GROUPS, Desk, ask


async def group_of(desk: Desk, limit: int = 10) -> str:
    answer = await desk.ann.call("POST", f"{GROUPS}/create", {"contracts_limit": limit})
    assert answer.status_code == 201
    name: str = answer.json()["order_group_id"]
    return name


def resting(desk: Desk) -> list[str]:
    return [order.order_id for order in desk.engine.open_orders("kalshi", "ann")]


async def test_order_whose_own_match_reaches_the_limit_does_not_rest_with_what_is_left(desk: Desk) -> None:
    group = await group_of(desk, 10)
    desk.rest("no", "0.60", "10")
    placed = await desk.ann.placed("bid", "0.40", "25", order_group_id=group)
    assert placed["fill_count"] == "10.00"
    assert resting(desk) == []


async def test_sweep_over_several_resting_orders_stops_where_the_limit_is_reached(desk: Desk) -> None:
    group = await group_of(desk, 10)
    for _ in range(3):
        desk.rest("no", "0.60", "6")
    placed = await desk.ann.placed("bid", "0.40", "18", order_group_id=group)
    assert (placed["fill_count"], placed["remaining_count"]) == ("12.00", "0.00")
    order = (await desk.ann.read(f"/portfolio/orders/{placed['order_id']}"))["order"]
    assert (order["status"], order["order_group_id"]) == ("canceled", group)


async def test_refused_order_is_no_member_of_the_group(desk: Desk) -> None:
    group = await group_of(desk)
    assert (await desk.ann.order("bid", "0.40", "90000", order_group_id=group)).status_code == 400
    assert (await desk.ann.read(f"{GROUPS}/{group}"))["orders"] == []


async def test_one_group_spans_markets_and_counts_all_of_them(desk: Desk) -> None:
    group = await group_of(desk, 10)
    for of in (141, AWAY):
        await desk.ann.placed("bid", "0.40", "8", of=of, order_group_id=group)
    outside = (await desk.ann.placed("bid", "0.30", "8"))["order_id"]
    desk.rest("no", "0.60", "6")
    assert len(resting(desk)) == 3
    desk.rest("no", "0.60", "6", of=AWAY)
    assert resting(desk) == [outside]


async def test_matches_fall_out_of_the_window_after_fifteen_seconds(desk: Desk) -> None:
    group = await group_of(desk, 10)
    await desk.ann.placed("bid", "0.40", "30", order_group_id=group)
    for wait, left in ((0.0, "24.00"), (15.0, "18.00"), (14.9, "0.00")):
        desk.clock.now += wait
        desk.rest("no", "0.60", "6")
        (order,) = (await desk.ann.read("/portfolio/orders"))["orders"]
        assert order["remaining_count_fp"] == left


async def test_triggered_group_refuses_until_reset_and_counts_from_zero_then(desk: Desk) -> None:
    group = await group_of(desk, 10)
    await desk.ann.placed("bid", "0.40", "30", order_group_id=group)
    desk.rest("no", "0.60", "10")
    refused = await desk.ann.order("bid", "0.40", "5", order_group_id=group)
    assert (refused.status_code, refused.json()["code"]) == (400, "order_group_triggered")
    assert (await desk.ann.call("PUT", f"{GROUPS}/{group}/reset")).status_code == 200
    await desk.ann.placed("bid", "0.40", "9", order_group_id=group)
    desk.rest("no", "0.60", "9")
    assert (await desk.ann.order("bid", "0.40", "5", order_group_id=group)).status_code == 201


@pytest.mark.parametrize(("method", "change"), [("PUT", "/trigger"), ("DELETE", "")])
async def test_trigger_and_delete_cancel_the_orders_of_that_group_alone(desk: Desk, method: str, change: str) -> None:
    group, other = await group_of(desk), await group_of(desk)
    for name in (group, other, ""):
        await desk.ann.placed("bid", "0.40", "5", order_group_id=name)
    assert (await desk.ann.call(method, f"{GROUPS}/{group}{change}")).status_code == 200
    groups = [order.extra["group"] for order in desk.engine.open_orders("kalshi", "ann")]
    assert groups == [other, ""]


async def test_deleted_group_is_gone(desk: Desk) -> None:
    group = await group_of(desk)
    await desk.ann.call("DELETE", f"{GROUPS}/{group}")
    assert (await desk.ann.call("GET", f"{GROUPS}/{group}")).status_code == 404
    assert (await desk.ann.order("bid", "0.40", "5", order_group_id=group)).status_code == 404
    assert (await desk.ann.read(GROUPS))["order_groups"] == []


async def test_limit_raised_in_time_lets_more_match(desk: Desk) -> None:
    group = await group_of(desk, 10)
    await desk.ann.placed("bid", "0.40", "30", order_group_id=group)
    assert (await desk.ann.call("PUT", f"{GROUPS}/{group}/limit", {"contracts_limit_fp": "20.5"})).status_code == 200
    desk.rest("no", "0.60", "20")
    assert len(resting(desk)) == 1
    desk.rest("no", "0.60", "1")
    assert resting(desk) == []


@pytest.mark.parametrize(
    ("method", "path"), [("GET", ""), ("PUT", "/reset"), ("PUT", "/trigger"), ("PUT", "/limit"), ("DELETE", "")]
)
async def test_anothers_group_does_not_exist(desk: Desk, method: str, path: str) -> None:
    group = await group_of(desk)
    order = (await desk.ann.placed("bid", "0.40", "5", order_group_id=group))["order_id"]
    body = {"contracts_limit": 3} if path == "/limit" else None
    assert (await desk.bob.call(method, f"{GROUPS}/{group}{path}", body)).status_code == 404
    assert (await desk.bob.order("bid", "0.40", "5", order_group_id=group)).status_code == 404
    assert resting(desk) == [order]


async def test_unknown_change_is_not_found(desk: Desk) -> None:
    group = await group_of(desk)
    assert (await desk.ann.call("PUT", f"{GROUPS}/{group}/pause")).status_code == 404


async def test_stream_numbers_the_changes_of_our_groups_and_tells_no_others(desk: Desk) -> None:
    async with desk.ann.stream() as mine, desk.bob.stream() as others:
        for line in (mine, others):
            await ask(line, "subscribe", channels=["order_group_updates"])
        group = await group_of(desk, 5)
        await desk.ann.call("PUT", f"{GROUPS}/{group}/limit", {"contracts_limit": 7})
        await desk.ann.call("PUT", f"{GROUPS}/{group}/trigger")
        await desk.ann.call("PUT", f"{GROUPS}/{group}/reset")
        await desk.ann.call("DELETE", f"{GROUPS}/{group}")
        frames = await mine.frames(5)
        kinds: list[Any] = [frame["msg"]["event_type"] for frame in frames]
        assert kinds == ["created", "limit_updated", "triggered", "reset", "deleted"]
        assert [frame["seq"] for frame in frames] == [1, 2, 3, 4, 5]
        assert frames[1]["msg"]["contracts_limit_fp"] == "7.00"
        assert {frame["msg"]["order_group_id"] for frame in frames} == {group}
        assert await others.quiet()


async def test_groups_and_their_membership_survive_a_restart(desk: Desk) -> None:
    group, spent = await group_of(desk, 10), await group_of(desk, 10)
    await desk.ann.placed("bid", "0.40", "30", order_group_id=group)
    desk.rest("no", "0.60", "6")
    await desk.ann.call("PUT", f"{GROUPS}/{spent}/trigger")
    again = desk.restarted()
    assert (await again.ann.order("bid", "0.40", "5", order_group_id=spent)).json()["code"] == "order_group_triggered"
    again.rest("no", "0.60", "6", account="somebody")
    assert resting(again) == []
