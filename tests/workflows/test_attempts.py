"""A workflow task that runs twice may decide the same ids from other odds: what was sent the first time counts."""

import asyncio
from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest
from temporalio.exceptions import ApplicationError
from temporalio.testing import WorkflowEnvironment

from overround.domain.ids import client_order_id
from overround.domain.messages import RecordedOrder
from overround.domain.orders import Fill, OrderStatus
from tests.domain.desk import resting
from tests.support.waiting import until
from tests.workflows.market import market
from workflows import order


async def test_what_an_earlier_attempt_sent_from_other_odds_is_known_as_it_was_sent(
    time_skipping: WorkflowEnvironment, task_queue: str
) -> None:
    """A task that ran twice sent 7 contracts the first time, meant 50 the second, and then heard no answer."""
    async with market(time_skipping, task_queue) as it:

        def first_time(request: Any) -> Any:
            it.desk.accept(replace(request, specs=tuple(replace(spec, size=Decimal(7)) for spec in request.specs)))
            raise ApplicationError("no answer in time", non_retryable=True)

        it.desk.then("place_orders", first_time)
        await it.quote()
        await until(lambda: len(it.desk.sent) >= 2, "sent")
        first = it.desk.sent[:2]
        await until(lambda: all(key in it.desk.ledger for key in first), "known")
        assert [it.desk.ledger[key].spec.size for key in first] == [7, 7]
        await until(lambda: sorted(it.desk.status().values()) == ["PLACED"] * 4, "what was missing is placed beside")
        known = {key: order.spec.size for key, order in it.desk.ledger.items()}
        assert known == {key: spec.size for key, spec in it.desk.resting.items()}
        assert sorted(known.values()) == [7, 7, 43, 43]


async def test_an_order_of_a_lost_task_that_is_known_again_is_not_taken_for_a_new_one(
    time_skipping: WorkflowEnvironment, task_queue: str
) -> None:
    """The lost task placed it as its first order; the owner heard of it before it placed one itself."""
    async with market(time_skipping, task_queue, chain="chain") as it:
        key = client_order_id("chain", 1)
        spec = replace(resting(key).spec, price=Decimal("0.60"))
        it.desk.claimed[key] = it.desk.resting[key] = spec
        it.desk.sent.append(key)
        fill = Fill("f1", Decimal(20), spec.price, Decimal(0), 1)
        known = replace(it.desk.recorded(key), status=OrderStatus.PARTIAL, fills={"f1": fill}, reported=Decimal(20))
        await it.handle.signal("recorded", [RecordedOrder(known)])
        await it.quote()
        await it.rests("0.46", "0.47")
        assert it.desk.status()[key] == "CANCELLED"
        assert it.desk.ledger[key].filled == 20
        assert it.desk.ledger[key].spec.price == spec.price


async def test_a_ledger_that_did_not_answer_in_time_is_the_same_to_a_worker_that_reads_the_history_again(
    time_skipping: WorkflowEnvironment, task_queue: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The SDK raises another error for a recorded timeout than for a fresh one."""
    monkeypatch.setattr(order, "LEDGER_SECONDS", 0.3)

    async def hangs(_: Any) -> None:
        await asyncio.sleep(5)

    async with market(time_skipping, task_queue, cached=0) as it:
        it.desk.then("project_orders", hangs)
        await it.quote()
        await it.rests("0.46", "0.47")
        await it.quote(("1.80", "2.06"))
        await it.rests("0.43", "0.50")
