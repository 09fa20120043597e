"""After a restart trades are read again: only those that somebody has not taken are told again."""

import pytest
from sqlalchemy.ext.asyncio import AsyncEngine

from activities.signals import Signals
from overround.exchanges.base import VenueFill
from tests.ledger.desk import Hedge, claim, fill, spec, write
from tests.streamers.desk import FakeTemporal


@pytest.fixture
async def signals(ledger: AsyncEngine) -> Signals:
    """A new process, over a ledger whose order c1 has one recorded trade of ten, t1."""
    await claim(ledger, spec("c1"))
    await write(ledger, "UPDATE orders SET status = 'PARTIAL', venue_order_id = 'v-c1', filled = 10")
    await Hedge(ledger).fills(fill("t1"))
    return Signals(FakeTemporal(), ledger)  # type: ignore[arg-type]


def trade(name: str, *, failed: bool = False) -> VenueFill:
    return VenueFill("v-c1", "c1", "KXNBA-111", fill(name), failed)


async def names(signals: Signals, *trades: VenueFill) -> list[tuple[str, bool]]:
    return [(item.fill.fill_id, item.failed) for item in await signals.untold("kalshi-demo", trades)]


async def test_what_hedge_and_owner_have_taken_is_not_told_again(signals: Signals, ledger: AsyncEngine) -> None:
    assert await names(signals, trade("t1"), trade("t2")) == [("t2", False)]
    await write(ledger, "DELETE FROM fills")
    assert await names(signals, trade("t1")) == [], "it remembers without asking"


async def test_an_owner_that_missed_the_trade_is_told(signals: Signals, ledger: AsyncEngine) -> None:
    """The process died between the two signals."""
    await write(ledger, "UPDATE orders SET filled = 0")
    assert await names(signals, trade("t1")) == [("t1", False)]


async def test_the_failure_of_a_recorded_trade_is_news(signals: Signals, ledger: AsyncEngine) -> None:
    assert await names(signals, trade("t1", failed=True)) == [("t1", True)]
    await Hedge(ledger).fills(failed=["t1"])
    assert await names(signals, trade("t1", failed=True)) == [("t1", True)], "the owner still counts it"
    await write(ledger, "UPDATE orders SET filled = 0")
    assert await names(signals, trade("t1", failed=True)) == []


async def test_another_accounts_trades_are_its_own(signals: Signals) -> None:
    assert [item.fill.fill_id for item in await signals.untold("polymarket-demo", [trade("t1")])] == ["t1"]


async def test_no_trades_ask_nothing(signals: Signals) -> None:
    assert await signals.untold("kalshi-demo", []) == []
