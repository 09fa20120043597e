"""Reconciliation: what the venue has and the ledger has not, and the other way round, becomes a signal."""

from typing import Any

import pytest
from sqlalchemy.ext.asyncio import AsyncEngine

from activities.reconcile import ReconcileActivities
from overround.domain.messages import OrderEvidence
from overround.domain.orders import Lost, Matched
from overround.domain.reconcile import ReconcileReport, ReconcileStart
from overround.exchanges.base import OpenOrder, VenueFill
from overround.ledger.fixtures import save_instrument
from tests.activities.desk import Sessions
from tests.domain.desk import instrument
from tests.domain.vectors import D
from tests.ledger.desk import OWNER, Hedge, claim, fill, rows, spec, write
from tests.streamers.desk import FakeTemporal


@pytest.fixture
def venues() -> Sessions:
    return Sessions()


@pytest.fixture
async def does(ledger: AsyncEngine, venues: Sessions, temporal: FakeTemporal) -> ReconcileActivities:
    """Over a ledger with one order, c1, known as v-c1 and long placed."""
    await claim(ledger, spec("c1"))
    await write(
        ledger, "UPDATE orders SET status = 'PLACED', venue_order_id = 'v-c1', created_at = now() - interval '1 minute'"
    )
    return ReconcileActivities(ledger, venues, temporal)  # type: ignore[arg-type]


async def report(does: ReconcileActivities) -> ReconcileReport:
    return await does.reconcile_account(ReconcileStart("kalshi-demo"))


def at_venue(name: str | None = "c1", venue: str = "v-c1") -> OpenOrder:
    return OpenOrder(venue, name, "KXNBA-111", D("0.46"), D(50), D(0))


def trade(name: str = "t1", *, failed: bool = False) -> VenueFill:
    return VenueFill("v-c1", "c1", "KXNBA-111", fill(name), failed)


def told(temporal: FakeTemporal) -> list[tuple[str, str]]:
    return [(workflow, name) for workflow, name, _ in temporal.told]


async def test_agreement_is_silent(
    does: ReconcileActivities, venues: Sessions, temporal: FakeTemporal, ledger: AsyncEngine
) -> None:
    for known in (at_venue(), at_venue(name=None)):
        venues.venue.resting = [known]
        assert await report(does) == ReconcileReport(1, 1, 0, ())
    assert temporal.told == []
    (row,) = await rows(ledger, "SELECT status, balance, available FROM exchange_accounts WHERE exchange = 'kalshi'")
    assert (row.status, row.balance, row.available) == ("connected", D(100), D(90))


async def test_a_trade_nobody_told_of_reaches_hedge_and_owner(
    does: ReconcileActivities, venues: Sessions, temporal: FakeTemporal
) -> None:
    venues.venue.resting, venues.venue.trades = [at_venue()], [trade()]
    assert (await report(does)).findings == ("trade t1 was not in the ledger",)
    assert told(temporal) == [("hedge:c1", "start+fill"), (OWNER, "evidence")]
    assert temporal.told[1][2] == [OrderEvidence("c1", Matched(fill("t1")))]


async def test_a_trade_the_ledger_holds_is_told_to_nobody(
    does: ReconcileActivities, venues: Sessions, temporal: FakeTemporal, ledger: AsyncEngine
) -> None:
    await Hedge(ledger).fills(fill("t1"))
    venues.venue.resting, venues.venue.trades = [at_venue()], [trade()]
    assert (await report(does)).repaired == 0
    assert temporal.told == []


async def test_a_trade_that_failed_meanwhile_is_told(
    does: ReconcileActivities, venues: Sessions, temporal: FakeTemporal, ledger: AsyncEngine
) -> None:
    await Hedge(ledger).fills(fill("t1"))
    venues.venue.resting, venues.venue.trades = [at_venue()], [trade(failed=True)]
    assert (await report(does)).repaired == 1


async def test_an_order_the_venue_no_longer_has_is_asked_about(
    does: ReconcileActivities, temporal: FakeTemporal
) -> None:
    assert (await report(does)).findings == ("order c1 is not open at kalshi",)
    assert temporal.told == [(OWNER, "evidence", [OrderEvidence("c1", Lost("not among the venue's open orders"))])]


async def test_an_order_claimed_a_moment_ago_may_still_be_under_way(
    does: ReconcileActivities, temporal: FakeTemporal, ledger: AsyncEngine
) -> None:
    await write(ledger, "UPDATE orders SET created_at = now()")
    assert (await report(does)).repaired == 0
    assert temporal.told == []


async def test_an_order_that_is_not_ours_is_alarmed(
    does: ReconcileActivities, venues: Sessions, ledger: AsyncEngine
) -> None:
    venues.venue.resting = [at_venue(), at_venue(None, "v-stranger")]
    assert (await report(does)).findings == ("order v-stranger at the venue is not ours",)
    (row,) = await rows(ledger, "SELECT kind, subject FROM alarms")
    assert (row.kind, row.subject) == ("stray", "kalshi-demo/v-stranger")


async def test_an_order_that_rests_although_it_is_over_is_cancelled(
    does: ReconcileActivities, venues: Sessions, ledger: AsyncEngine
) -> None:
    await write(ledger, "UPDATE orders SET status = 'FAILED'")
    async with ledger.begin() as connection:
        await save_instrument(connection, instrument(111), proved=True, reason="")
    venues.venue.resting = [at_venue()]
    assert (await report(does)).repaired == 1
    assert venues.venue.cancelled == ["c1"]


async def test_a_page_that_cannot_be_read_proves_nothing(
    does: ReconcileActivities, venues: Sessions, temporal: FakeTemporal, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def broken(*_: Any) -> Any:
        raise TimeoutError

    monkeypatch.setattr(venues.venue, "open_orders", broken)
    with pytest.raises(TimeoutError):
        await report(does)
    assert temporal.told == []
