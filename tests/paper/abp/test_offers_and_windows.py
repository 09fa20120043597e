"""What the bookmaker offers from moment to moment, and how long it remembers (bookmakers sheet, section 5)."""

from typing import Any

import pytest

from tests.paper.abp.desk import AWAY, FIXTURE, HOME, D, Desk, open_desk


async def slip(desk: Desk, outcome: int = HOME, key: str = "key-ann") -> dict[str, Any]:
    """The betslip by bookmaker."""
    body = await desk.read("/betslip", fixtureId=FIXTURE, outcomeId=outcome, key=key)
    assert all(name.startswith(f"{FIXTURE}:") and name.endswith(f":{outcome}:0") for name in body)
    return {name.split(":")[1]: offer for name, offer in body.items()}


async def test_second_bookmaker_prices_off_the_first_and_cuts_the_odds_down(desk: Desk) -> None:
    offers = await slip(desk, AWAY)
    assert (offers["vertex"]["price"], offers["sharpbet"]["price"]) == (D("3.755"), D("3.698"))  # 3.698675
    assert {offer["active"] for offer in offers.values()} == {True}


def suspended(desk: Desk) -> None:
    desk.match.suspended = True


def inactive_market(desk: Desk) -> None:
    desk.match.market(101).active = False


def inactive_outcome(desk: Desk) -> None:
    desk.outcome().active = False


def stale(desk: Desk) -> None:
    desk.match.stale = True


def no_odds(desk: Desk) -> None:
    desk.match.has_odds = False


def no_price(desk: Desk) -> None:
    desk.outcome().price = None


def over(desk: Desk) -> None:
    desk.match.status = 2


def settled(desk: Desk) -> None:
    desk.match.market(101).results = {HOME: "WIN"}


SHUT = [suspended, inactive_market, inactive_outcome, stale, no_odds, no_price, over, settled]


@pytest.mark.parametrize("shut", SHUT, ids=lambda change: change.__name__)
async def test_shut_selection_is_shown_inactive_and_takes_no_bet(desk: Desk, shut: Any) -> None:
    shut(desk)
    assert [offer["active"] for offer in (await slip(desk)).values()] == [False, False]
    answer = await desk.place(desk.order())
    assert answer["status"] == "declined"
    assert answer["declinedOrders"][0]["declineReason"]
    assert desk.paper.books.bets == {}


async def test_unknown_selection_has_an_empty_slip(desk: Desk) -> None:
    assert await desk.read("/betslip", fixtureId="none", outcomeId=HOME) == {}
    assert await desk.read("/betslip", fixtureId=FIXTURE, outcomeId=999) == {}


async def test_blocked_account_is_shown_and_told_and_the_other_bookmaker_still_bets(desk: Desk) -> None:
    async with desk.stream() as line:
        await line.send({"type": "login", "apiKey": "key-ann", "channels": ["accounts"]})
        await line.frame()
        desk.paper.block("ann", "vertex")
        told = (await line.frame())["payload"]
    assert (told["bookmaker"], told["active"]) == ("vertex", False)
    assert {name: offer["active"] for name, offer in (await slip(desk)).items()} == {"vertex": False, "sharpbet": True}
    assert {offer["active"] for offer in (await slip(desk, key="key-bob")).values()} == {True}
    answer = await desk.place(desk.order(), desk.order(bookmakers="sharpbet"))
    assert [order["bookmakers"] for order in answer["acceptedOrders"]] == ["sharpbet"]
    assert answer["declinedOrders"][0]["declineReason"] == "Account blocked"


async def test_room_shrinks_with_bets_and_comes_back_evenly(desk: Desk) -> None:
    async def room() -> Any:
        return (await slip(desk))["vertex"]["limit"]

    assert await room() == 100
    for _ in range(2):
        await desk.placed(80)
    assert await room() == 40  # 2 x 100 less 160
    desk.clock.now += 15
    assert await room() == 100  # half of it has faded: 200 - 80, but at most 100 a bet
    await desk.placed(100)
    assert await room() == 20
    desk.clock.now += 30
    assert await room() == 100
    assert (await slip(desk, key="key-bob"))["vertex"]["limit"] == 100


@pytest.mark.parametrize(("minutes", "status"), [(29, 409), (31, 200)])
async def test_duplicate_is_known_for_half_an_hour(desk: Desk, minutes: int, status: int) -> None:
    body = {"orders": [desk.order()]}
    assert (await desk.call("POST", "/place-orders", body)).status_code == 200
    desk.clock.now += minutes * 60
    assert (await desk.call("POST", "/place-orders", body)).status_code == status
    found = await desk.read("/orders", requestUuids=body["orders"][0]["requestUuid"])
    assert len(found["orders"]) == (1 if status == 409 else 2)


async def test_duplicate_is_known_to_a_restarted_bookmaker(desk: Desk) -> None:
    body = {"orders": [desk.order()]}
    await desk.call("POST", "/place-orders", body)
    again = Desk(desk.rules, desk.store, desk.clock)
    assert (await again.call("POST", "/place-orders", body)).status_code == 409


async def test_ids_differ_in_writing_but_are_the_same_id(desk: Desk) -> None:
    order = desk.order(requestUuid="A0000000-0000-0000-0000-00000000000B")
    await desk.place(order)
    again = {"orders": [{**order, "requestUuid": order["requestUuid"].lower()}]}
    assert (await desk.call("POST", "/place-orders", again)).status_code == 409


async def test_rate_limit_counts_by_key_and_second() -> None:
    async with open_desk(rate_per_second=5) as desk:
        answers = [await desk.call("GET", "/accounts") for _ in range(6)]
        assert [a.status_code for a in answers] == [200] * 5 + [429]
        assert [a.headers["X-RateLimit-Remaining"] for a in answers[:5]] == ["4", "3", "2", "1", "0"]
        assert (answers[5].headers["Retry-After"], answers[5].json()["limit"]) == ("1", 5)
        assert (await desk.call("GET", "/accounts", key="key-bob")).status_code == 200
        desk.clock.now += 1
        assert (await desk.call("GET", "/accounts")).status_code == 200


async def test_refused_order_costs_no_room_and_no_money(desk: Desk) -> None:
    desk.world.faults.arm("abp", "refuse", code="PRICE")
    assert (await desk.place(desk.order(100)))["status"] == "declined"
    assert (await slip(desk))["vertex"]["limit"] == 100
    assert {account["balance"] for account in await desk.read("/accounts")} == {D(100_000)}


async def test_live_bet_binds_room_while_it_is_undecided(desk: Desk) -> None:
    desk.match.status = 1
    placed = await desk.placed(100)
    assert (placed["orderStatus"], placed["bets"][0]["betStatus"]) == ("PROCESSING", "PENDING")
    assert (await slip(desk))["vertex"]["limit"] == 100
    await desk.placed(100)
    assert (await slip(desk))["vertex"]["limit"] == 0
    desk.clock.now += 1.1


async def test_cancelled_order_with_a_bet_on_its_way_ends_when_the_bookmaker_has_answered(desk: Desk) -> None:
    desk.match.status = 1
    placed = await desk.placed(50)
    answer = (await desk.call("POST", "/cancel-orders", {"orderIds": [placed["orderId"]]})).json()
    assert answer["cancelled"] == [placed["orderId"]]
    assert (await desk.call("POST", "/cancel-orders", {"orderIds": [placed["orderId"]]})).json()["cancelledCount"] == 0
    desk.clock.now += 1.1
    await desk.at_rest()
    order = desk.paper.books.orders[placed["orderId"]]
    (bet,) = desk.paper.books.bets_of(order)
    assert (order.status, bet.status) == ("FILLED", "CONFIRMED")


@pytest.mark.parametrize("limit", [1, 2, 3, 100])
async def test_pages_of_orders_and_bets_join_without_gap_or_repeat(desk: Desk, limit: int) -> None:
    for _ in range(5):
        await desk.placed(1)
    for path, name, cursor in (("/orders", "orders", "afterOrderId"), ("/bets", "bets", "afterBetId")):
        ids, query = [], dict[str, Any](limit=limit)
        while True:
            page = await desk.read(path, **query)
            ids += [row["orderId"] for row in page[name]]
            if not page["hasMore"]:
                break
            query[cursor] = page["nextCursor"]
        assert ids == [1001, 1002, 1003, 1004, 1005]


async def test_socket_numbers_what_a_bet_and_its_settlement_cause(desk: Desk) -> None:
    async with desk.stream() as line:
        channels = ["orders", "bets", "balance", "settlements"]
        await line.send({"type": "login", "apiKey": "key-ann", "channels": channels})
        await line.frame()
        await desk.placed(50)
        desk.settle("WIN")
        frames = await line.heard()
    assert [frame["seq"] for frame in frames] == list(range(1, len(frames) + 1))
    told = [(frame["channel"], frame["event"]) for frame in frames]
    assert told[0] == ("orders", "INSERT")
    assert told.index(("bets", "INSERT")) < told.index(("bets", "STATUS_CHANGE"))
    assert told[-2:] == [("settlements", "SETTLED"), ("balance", "UPDATE")]
    balances = [D(str(f["payload"]["balance"])) for f in frames if f["channel"] == "balance"]
    assert balances == [D(99_950), D(100_055)]
