"""Reminders: owners hear, once, of every open order the ledger holds as theirs."""

import pytest
from sqlalchemy.ext.asyncio import AsyncEngine
from temporalio.service import RPCError, RPCStatusCode

from overround.domain.messages import RecordedOrder
from overround.domain.orders import Lost
from streamers.reminders import Reminders
from tests.ledger.desk import OWNER, claim, spec, write
from tests.streamers.desk import FakeTemporal


@pytest.fixture
def reminders(ledger: AsyncEngine, temporal: FakeTemporal) -> Reminders:
    return Reminders(temporal, ledger)  # type: ignore[arg-type]


async def rested(ledger: AsyncEngine, seconds: float = 10, *, name: str = "lost", status: str = "PLACED") -> None:
    """An order in the ledger, last written so long ago."""
    await claim(ledger, spec(name))
    await changed(ledger, seconds, name=name, status=status)


async def changed(ledger: AsyncEngine, seconds: float, *, name: str = "lost", status: str = "PLACED") -> None:
    change = (
        "UPDATE orders SET status = :status, version = version + 1, updated_at = now() - make_interval(secs => :s) "
        "WHERE client_order_id = :name"
    )
    await write(ledger, change, s=seconds, status=status, name=name)


def orders(temporal: FakeTemporal) -> list[list[str]]:
    """The orders of each reminder."""
    return [sorted(item.order.spec.client_order_id for item in items) for _, _, items in temporal.told]


@pytest.mark.parametrize("status", ["PENDING_PLACEMENT", "PLACED", "PARTIAL"])
async def test_an_owner_is_told_of_an_order_it_may_have_lost(
    status: str, reminders: Reminders, ledger: AsyncEngine, temporal: FakeTemporal
) -> None:
    await rested(ledger, status=status)
    await reminders.look()
    ((workflow, name, items),) = temporal.told
    assert (workflow, name) == (OWNER, "recorded")
    assert [type(item) for item in items] == [RecordedOrder]
    assert (items[0].order.spec.client_order_id, items[0].order.status) == ("lost", status)


async def test_an_owner_is_told_once_of_each_change_and_of_all_its_orders_together(
    reminders: Reminders, ledger: AsyncEngine, temporal: FakeTemporal
) -> None:
    await rested(ledger, name="c1")
    await rested(ledger, name="c2")
    for _ in range(2):
        await reminders.look()
    assert orders(temporal) == [["c1", "c2"]]
    await changed(ledger, 4, name="c2", status="PARTIAL")
    for _ in range(2):
        await reminders.look()
    assert orders(temporal) == [["c1", "c2"], ["c2"]]


@pytest.mark.parametrize(("seconds", "status"), [(1, "PLACED"), (10, "CANCELLED"), (10, "FILLED")])
async def test_what_has_just_changed_or_is_over_needs_no_reminder(
    seconds: float, status: str, reminders: Reminders, ledger: AsyncEngine, temporal: FakeTemporal
) -> None:
    await rested(ledger, seconds, status=status)
    await reminders.look()
    assert temporal.told == []


async def test_the_first_look_goes_back_for_ever_and_the_next_as_far_as_a_transaction_can_last(
    reminders: Reminders, ledger: AsyncEngine, temporal: FakeTemporal
) -> None:
    await rested(ledger, 86_400, name="old")
    await reminders.look()
    await rested(ledger, 86_400, name="impossible")
    await rested(ledger, 17, name="late")
    await reminders.look()
    assert orders(temporal) == [["old"], ["late"]]


async def test_an_order_whose_owner_finished_without_it_is_asked_about_by_a_new_one(
    reminders: Reminders, ledger: AsyncEngine, temporal: FakeTemporal
) -> None:
    await rested(ledger)
    temporal.alive.clear()
    await reminders.look()
    ((workflow, name, (items,)),) = temporal.told
    assert (workflow, name) == (OWNER, "start+evidence")
    assert [(item.client_order_id, type(item.evidence)) for item in items] == [("lost", Lost)]


async def test_a_reminder_that_was_not_heard_is_repeated(
    reminders: Reminders, ledger: AsyncEngine, temporal: FakeTemporal
) -> None:
    await rested(ledger)
    temporal.failures = [RPCError("away", RPCStatusCode.UNAVAILABLE, b"")]
    with pytest.raises(RPCError):
        await reminders.look()
    await reminders.look()
    assert orders(temporal) == [["lost"]]
