"""Cancelling over the API: the answer is what really happened, and nobody reaches another client's orders."""

from decimal import Decimal
from json import loads
from typing import Any

import pytest

from api.schemas import Cancelled, Order, PartialFailure
from overround.domain.control import CancelOrders
from tests.api import rows
from tests.api.commanding import Sender
from tests.api.test_trading import key_of


async def put(sender: Sender, owner: str = "demo", **values: Any) -> int:
    """An order's id."""
    async with sender.api.writing() as connection:
        return int((await rows.order(connection, owner, **values))["order_id"])


def exact(text: str) -> Any:
    return loads(text, parse_float=Decimal)


async def test_the_answer_is_the_order_as_it_is_afterwards(sender: Sender) -> None:
    order = await put(sender)
    answer = await sender.post(f"/orders/{order}/cancel", {"reason": "wrong line"})
    assert answer.status_code == 200, answer.text
    Order.model_validate(exact(answer.text))
    assert answer.json()["orderStatus"] == "CANCELLED"
    assert exact(answer.text) == await sender.api.body(f"/orders/{order}")
    (command,) = sender.engine.commands()
    assert command == CancelOrders((order,), await key_of(sender.api, "demo"), "wrong line")


async def test_an_order_that_filled_first_is_shown_filled(sender: Sender) -> None:
    order = await put(sender)
    sender.engine.fates[order] = "FILLED"
    assert (await sender.post(f"/orders/{order}/cancel")).json()["orderStatus"] == "FILLED"


@pytest.mark.parametrize("status", ["FILLED", "FAILED", "CANCELLED", "EXPIRED"])
async def test_an_order_that_is_over_is_409_and_nothing_is_commanded(sender: Sender, status: str) -> None:
    order = await put(sender, status=status)
    answer = await sender.post(f"/orders/{order}/cancel")
    assert (answer.status_code, answer.json()["code"]) == (409, "conflict")
    assert status in answer.json()["detail"]
    assert sender.engine.asked == []


@pytest.mark.parametrize("status", ["PENDING_PLACEMENT", "PLACED", "PARTIAL"])
async def test_every_open_order_can_be_cancelled(sender: Sender, status: str) -> None:
    order = await put(sender, status=status)
    assert (await sender.post(f"/orders/{order}/cancel")).status_code == 200


async def test_guessed_and_absent_ids_are_the_same_404(sender: Sender) -> None:
    theirs = await put(sender, "rival")
    guessed, absent = [await sender.post(f"/orders/{number}/cancel") for number in (theirs, 999_999)]
    assert guessed.status_code == absent.status_code == 404
    assert guessed.json()["detail"] == absent.json()["detail"] == "Order not found"
    assert sender.engine.asked == []
    assert (await sender.post(f"/orders/{theirs}/cancel", by="rival")).status_code == 200


async def test_an_order_the_exchange_does_not_confirm_is_named_with_the_reason(sender: Sender) -> None:
    order = await put(sender)
    sender.engine.fates[order] = None
    answer = await sender.post(f"/orders/{order}/cancel")
    assert answer.status_code == 502
    told = exact(answer.text)
    PartialFailure.model_validate(told)
    assert [(item["orderId"], item["code"]) for item in told["failed"]] == [(order, "unconfirmed")]
    assert "timeout" in told["detail"]
    assert [item["orderStatus"] for item in told["orders"]] == ["PLACED"]


async def test_a_sale_of_what_could_not_be_hedged_is_not_the_clients_to_cancel(sender: Sender) -> None:
    sale = await put(sender, action="sell")
    assert (await sender.post(f"/orders/{sale}/cancel")).status_code == 409
    told = await sender.post("/orders/cancel", {"orderIds": [sale]})
    assert (told.status_code, [item["code"] for item in told.json()["failed"]]) == (409, ["conflict"])
    assert (await sender.post("/orders/cancel", {"all": True})).json()["orders"] == []


async def test_several_by_id_come_back_in_the_order_asked_each_once(sender: Sender) -> None:
    first, second, other = [await put(sender) for _ in range(3)]
    answer = await sender.post("/orders/cancel", {"orderIds": [second, first, second]})
    assert answer.status_code == 200
    Cancelled.model_validate(exact(answer.text))
    told = answer.json()["orders"]
    assert [(item["orderId"], item["orderStatus"]) for item in told] == [(second, "CANCELLED"), (first, "CANCELLED")]
    assert (await sender.api.body(f"/orders/{other}"))["orderStatus"] == "PLACED"
    assert not sender.engine.commands()[0].whole


async def test_a_partial_failure_names_each_that_failed_and_why(sender: Sender) -> None:
    good, stuck, over = await put(sender), await put(sender), await put(sender, status="EXPIRED")
    theirs = await put(sender, "rival")
    sender.engine.fates[stuck] = None
    answer = await sender.post("/orders/cancel", {"orderIds": [good, stuck, over, theirs]})
    assert answer.status_code == 502
    told = exact(answer.text)
    PartialFailure.model_validate(told)
    assert {item["orderId"]: item["code"] for item in told["failed"]} == {
        stuck: "unconfirmed",
        over: "conflict",
        theirs: "not_found",
    }
    assert {item["orderId"]: item["orderStatus"] for item in told["orders"]} == {
        good: "CANCELLED",
        stuck: "PLACED",
        over: "EXPIRED",
    }
    assert told["detail"].startswith("3 of 4 orders were not cancelled")
    assert all(f"{item['orderId']}: {item['reason']}" in told["detail"] for item in told["failed"])
    assert sender.engine.commands()[0].order_ids == (good, stuck)


@pytest.mark.parametrize(("statuses", "answer"), [((), 404), (("FILLED",), 409), (("FILLED", "EXPIRED"), 409)])
async def test_when_none_can_be_cancelled_nothing_is_commanded(sender: Sender, statuses: Any, answer: int) -> None:
    ids = [await put(sender, status=status) for status in statuses]
    told = await sender.post("/orders/cancel", {"orderIds": [*ids, 999_999]})
    assert told.status_code == answer
    PartialFailure.model_validate(exact(told.text))
    assert [item["orderId"] for item in told.json()["failed"]] == [*ids, 999_999]
    assert sender.engine.asked == []


@pytest.mark.parametrize("chosen", [{"orderIds": None}, {"fixtureId": rows.FIXTURE}, {"exchange": "kalshi"}])
async def test_another_clients_orders_are_in_no_selection(sender: Sender, chosen: dict[str, Any]) -> None:
    theirs = await put(sender, "rival")
    body = {"orderIds": [theirs]} if "orderIds" in chosen else chosen
    told = await sender.post("/orders/cancel", body)
    assert told.json()["orders"] == []
    assert told.status_code == (404 if "orderIds" in chosen else 200)
    assert (await sender.api.body(f"/orders/{theirs}", by="rival"))["orderStatus"] == "PLACED"


async def test_a_fixture_an_exchange_both_or_all(sender: Sender) -> None:
    async def stand() -> dict[str, int]:
        return {
            "here": await put(sender),
            "there": await put(sender, fixture_id="other"),
            "poly": await put(sender, exchange="polymarket"),
        }

    for body, names in (
        ({"fixtureId": rows.FIXTURE}, {"here", "poly"}),
        ({"exchange": "kalshi"}, {"here", "there"}),
        ({"fixtureId": rows.FIXTURE, "exchange": "kalshi"}, {"here"}),
        ({"all": True}, {"here", "there", "poly"}),
    ):
        orders = await stand()
        told = (await sender.post("/orders/cancel", body)).json()["orders"]
        assert {orders[name] for name in names} <= {item["orderId"] for item in told}
        left = {name for name, number in orders.items() if number not in {item["orderId"] for item in told}}
        assert left == orders.keys() - names
        assert sender.engine.commands()[-1].whole
        await sender.post("/orders/cancel", {"all": True})


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"orderIds": []},
        {"orderIds": [0]},
        {"orderIds": [2**63]},
        {"orderIds": [1], "all": True},
        {"all": False},
        {"fixtureId": "x", "orderIds": [1]},
        {"fixtureId": ""},
        {"fixtureId": "a b"},
        {"exchange": "\x00"},
        {"everything": True},
        {"all": True, "reason": "\t"},
        {"orderIds": list(range(1, 1002))},
    ],
)
async def test_an_unclear_selection_is_refused_and_nothing_is_commanded(sender: Sender, body: Any) -> None:
    await put(sender)
    answer = await sender.post("/orders/cancel", body)
    assert answer.status_code == 422, answer.text
    assert sender.engine.asked == []


async def test_nothing_to_cancel_is_fine_and_still_keeps_new_orders_away(sender: Sender) -> None:
    answer = await sender.post("/orders/cancel", {"all": True})
    assert (answer.status_code, answer.json()) == (200, {"orders": []})
    assert sender.engine.commands() == [CancelOrders((), await key_of(sender.api, "demo"), "", whole=True)]
