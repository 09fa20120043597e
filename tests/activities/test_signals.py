"""Telling workflows: a trade reaches its hedge and its owner once, whoever saw it and however often."""

import asyncio
from typing import Any

import pytest
from sqlalchemy.ext.asyncio import AsyncEngine
from temporalio.service import RPCError, RPCStatusCode

from activities import signals as module
from activities.signals import Signals
from overround.domain.messages import FillSignal, HedgeOdds, OrderEvidence
from overround.domain.orders import Lost, Matched, Seen, Unmatched
from overround.exchanges.base import OrderUpdate, VenueFill
from overround.ledger import configs
from tests.domain.vectors import D
from tests.ledger.desk import CLIENT, OWNER, claim, fill, owner, rows, spec, write
from tests.streamers.desk import FakeTemporal

ACCOUNT = "kalshi-demo"
AWAY = RPCError("away", RPCStatusCode.UNAVAILABLE, b"")


class Clock:
    """Seconds a test moves."""

    def __init__(self) -> None:
        self.now = 1_000.0

    def monotonic(self) -> float:
        return self.now


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    made = Clock()
    monkeypatch.setattr(module, "time", made)
    return made


@pytest.fixture
async def signals(ledger: AsyncEngine, temporal: FakeTemporal, clock: Clock) -> Signals:
    """Over a ledger with two orders of one owner, c1 and c2, known to the venue as v-c1 and v-c2."""
    await claim(ledger, spec("c1"), spec("c2", outcome=112))
    await write(ledger, "UPDATE orders SET status = 'PLACED', venue_order_id = 'v-' || client_order_id")
    return Signals(temporal, ledger)  # type: ignore[arg-type]


def trade(name: str = "t1", order: str = "v-c1", *, ours: str | None = None, failed: bool = False) -> VenueFill:
    return VenueFill(order, ours, "KXNBA-111", fill(name), failed)


def update(order: str = "v-c1", filled: str = "0", ended: Any = None) -> OrderUpdate:
    return OrderUpdate(order, None, Seen(order, D(filled), ended))


def told(temporal: FakeTemporal) -> list[tuple[str, str]]:
    return [(workflow, name) for workflow, name, _ in temporal.told]


async def test_a_trade_reaches_the_hedge_before_the_owner(signals: Signals, temporal: FakeTemporal) -> None:
    odds = HedgeOdds(D("2.10"), D(500), 1_000, 2_000)
    assert await signals.fill(ACCOUNT, trade(), odds)
    assert told(temporal) == [("hedge:c1", "start+fill"), (OWNER, "evidence")]
    assert temporal.told[0][2] == [FillSignal(fill("t1"), False, odds)]
    assert temporal.told[1][2] == [OrderEvidence("c1", Matched(fill("t1")))]


async def test_the_same_trade_from_stream_sweep_and_reconciliation_is_told_once(
    signals: Signals, temporal: FakeTemporal
) -> None:
    assert [await signals.fill(ACCOUNT, trade()) for _ in range(3)] == [True, False, False]
    assert await signals.fill(ACCOUNT, trade("t2"))
    assert told(temporal).count(("hedge:c1", "start+fill")) == 2


async def test_a_trade_that_fails_later_is_told_again_as_failed(signals: Signals, temporal: FakeTemporal) -> None:
    await signals.fill(ACCOUNT, trade())
    assert await signals.fill(ACCOUNT, trade(failed=True))
    assert not await signals.fill(ACCOUNT, trade(failed=True))
    assert [item.failed for _, name, (item, *_) in temporal.told if name == "start+fill"] == [False, True]
    assert temporal.told[-1][2] == [OrderEvidence("c1", Unmatched("t1"))]


async def test_trades_of_two_orders_with_one_number_are_two_trades(signals: Signals, temporal: FakeTemporal) -> None:
    """One trade of the venue may hit two of our orders."""
    for order in ("v-c1", "v-c2"):
        assert await signals.fill(ACCOUNT, trade("t1", order))
    assert [workflow for workflow, name in told(temporal) if name == "start+fill"] == ["hedge:c1", "hedge:c2"]


@pytest.mark.parametrize("at", [0, 1], ids=["the hedge", "the owner"])
async def test_a_trade_half_told_is_told_again_whole(signals: Signals, temporal: FakeTemporal, at: int) -> None:
    original, calls = temporal._fail, [0]

    def fail() -> None:
        calls[0] += 1
        if calls[0] == at + 1:
            raise AWAY
        original()

    temporal._fail = fail  # type: ignore[method-assign]
    with pytest.raises(RPCError):
        await signals.fill(ACCOUNT, trade())
    assert await signals.fill(ACCOUNT, trade())
    assert told(temporal)[-2:] == [("hedge:c1", "start+fill"), (OWNER, "evidence")]


async def test_an_owner_that_finished_is_started_only_to_book_the_trade(
    signals: Signals, temporal: FakeTemporal
) -> None:
    temporal.alive.clear()
    await signals.fill(ACCOUNT, trade())
    assert told(temporal) == [("hedge:c1", "start+fill"), (OWNER, "start+evidence")]
    assert temporal.told[1][2] == [[OrderEvidence("c1", Matched(fill("t1")))]]


async def test_a_trade_is_found_under_either_name(signals: Signals, temporal: FakeTemporal) -> None:
    assert await signals.fill(ACCOUNT, trade("t1", "v-never-answered", ours="c1"))
    assert await signals.fill(ACCOUNT, trade("t2", "v-c1", ours="somebody-elses"))
    assert [workflow for workflow, name in told(temporal) if name == "start+fill"] == ["hedge:c1", "hedge:c1"]


async def test_a_trade_before_the_ledger_knows_its_order_is_told_once_it_does(
    signals: Signals, temporal: FakeTemporal, ledger: AsyncEngine
) -> None:
    assert not await signals.fill(ACCOUNT, trade("t1", "v-c9"))
    assert temporal.told == []
    await claim(ledger, spec("c9"))
    await write(ledger, "UPDATE orders SET venue_order_id = 'v-c9' WHERE client_order_id = 'c9'")
    assert await signals.fill(ACCOUNT, trade("t1", "v-c9"))
    assert await rows(ledger, "SELECT 1 FROM alarms") == []


async def test_a_stranger_is_an_alarm_only_when_it_stays_one(
    signals: Signals, ledger: AsyncEngine, clock: Clock
) -> None:
    for seconds, alarms in ((0, 0), (14, 0), (2, 1), (60, 1)):
        clock.now += seconds
        assert not await signals.fill(ACCOUNT, trade("t1", "v-stranger"))
        assert len(await rows(ledger, "SELECT 1 FROM alarms")) == alarms
    (row,) = await rows(ledger, "SELECT kind, subject, message FROM alarms")
    assert (row.kind, row.subject) == ("stray", "kalshi-demo/v-stranger")
    assert "traded 10 in an order the ledger does not know" in row.message


async def test_another_accounts_order_of_the_same_name_is_not_ours(signals: Signals, temporal: FakeTemporal) -> None:
    assert not await signals.fill("polymarket-demo", trade())
    assert temporal.told == []


async def test_a_hedge_starts_with_the_settings_of_its_tournament(
    signals: Signals, ledger: AsyncEngine, temporal: FakeTemporal
) -> None:
    started: list[Any] = []
    start = temporal.start_workflow

    async def note(name: str, argument: Any, **options: Any) -> None:
        started.append((name, argument))
        await start(name, argument, **options)

    temporal.start_workflow = note  # type: ignore[method-assign]
    async with ledger.begin() as connection:
        await configs.save(connection, CLIENT, 132, {"slippage": "0.04"}, "tester")
    await signals.fill(ACCOUNT, trade())
    ((name, argument),) = started
    assert name == "HedgeWorkflow"
    assert (argument.order.client_order_id, argument.order.config.slippage) == ("c1", D("0.04"))


async def test_new_settings_are_used_for_the_next_order_within_a_second(
    signals: Signals, ledger: AsyncEngine, clock: Clock
) -> None:
    async def slippage(name: str) -> Any:
        found = await signals.facts(ACCOUNT, None, name)
        assert found is not None
        return found.hedged.config.slippage

    before = await slippage("c1")
    async with ledger.begin() as connection:
        await configs.save(connection, CLIENT, 132, {"slippage": "0.04"}, "tester")
    clock.now += 1.1
    assert await slippage("c2") == D("0.04")
    assert await slippage("c1") == before, "an order keeps what it was looked up with"


# -- the venue's view of orders ----------------------------------------------------------------------------------------


async def test_updates_of_one_owner_are_one_signal(signals: Signals, temporal: FakeTemporal) -> None:
    seen = [update("v-c1", ended="CANCELLED"), update("v-c2", filled="5")]
    assert await signals.updates(ACCOUNT, seen) == 2
    ((workflow, name, items),) = temporal.told
    assert (workflow, name) == (OWNER, "evidence")
    assert items == [OrderEvidence("c1", seen[0].seen), OrderEvidence("c2", seen[1].seen)]


async def test_what_the_ledger_already_says_is_not_told(signals: Signals, temporal: FakeTemporal) -> None:
    assert await signals.updates(ACCOUNT, [update("v-c1"), update("v-c2")]) == 0
    assert not await signals.update(ACCOUNT, update("v-c1"))
    assert temporal.told == []


async def test_an_update_of_a_stranger_or_of_a_sale_is_nobodys(
    signals: Signals, temporal: FakeTemporal, ledger: AsyncEngine
) -> None:
    await claim(ledger, spec("u1", action="sell"))
    await write(ledger, "UPDATE orders SET venue_order_id = 'v-u1' WHERE client_order_id = 'u1'")
    seen = [update("v-stranger", ended="CANCELLED"), update("v-u1", ended="FILLED")]
    assert await signals.updates(ACCOUNT, seen) == 0
    assert temporal.told == []


async def test_no_updates_are_no_signal(signals: Signals, temporal: FakeTemporal) -> None:
    assert await signals.updates(ACCOUNT, []) == 0
    assert temporal.told == []


async def test_evidence_that_cannot_be_delivered_is_an_error_not_a_new_owner(
    signals: Signals, temporal: FakeTemporal
) -> None:
    """Only a server that says there is no such workflow may have another one started."""
    facts = await signals.facts(ACCOUNT, None, "c1")
    assert facts is not None
    temporal.failures = [AWAY]
    with pytest.raises(RPCError):
        await signals.evidence(facts, [Lost("silent")])
    assert temporal.told == []


# -- memory ------------------------------------------------------------------------------------------------------------


async def test_the_ledger_is_asked_once_for_an_order(
    signals: Signals, ledger: AsyncEngine, temporal: FakeTemporal
) -> None:
    assert await signals.facts(ACCOUNT, "v-c1", None) is not None
    await write(ledger, "DELETE FROM orders WHERE client_order_id = 'c1'")
    found = await signals.facts(ACCOUNT, "v-c1", None)
    assert found is not None
    assert (found.owner.market_id, found.outcome_id, found.workflow_id) == (owner().market_id, 111, OWNER)
    assert await signals.facts(ACCOUNT, None, None) is None


async def test_what_is_remembered_has_a_limit(
    signals: Signals, temporal: FakeTemporal, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "REMEMBERED", 3)
    for number in range(6):
        await signals.fill(ACCOUNT, trade(f"t{number}"))
    assert not await signals.fill(ACCOUNT, trade("t5"))
    assert len(signals._told) == 3
    assert len(signals._facts) <= 3


async def test_a_crowd_of_tellers_delivers_every_trade(signals: Signals, temporal: FakeTemporal) -> None:
    """Stream and sweep tell at the same time; told twice is harmless, never told is not."""
    await asyncio.gather(*(signals.fill(ACCOUNT, trade(f"t{number % 4}")) for number in range(12)))
    delivered = {item.fill.fill_id for _, name, (item, *_) in temporal.told if name == "start+fill"}
    assert delivered == {"t0", "t1", "t2", "t3"}
