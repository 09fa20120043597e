"""Results are append-only: the same again changes nothing, a correction is a new revision (sheet 5.5, resettlement)."""

import asyncio
from collections.abc import Sequence
from decimal import Decimal
from typing import Any

import pytest
from sqlalchemy.ext.asyncio import AsyncEngine

from overround.domain.results import Booked
from overround.domain.settling import SettlementState
from overround.ledger import settling
from tests.domain.desk import KEY
from tests.domain.vectors import D
from tests.ledger.desk import CLIENT, OWNER, Hedge, accepted, claim, fill, owner, rows, spec, write


def result(subject: str, name: str, profit: str, status: str = "WON") -> Booked:
    return Booked(subject, name, CLIENT, 111, 111, status, D(1) if subject == "order" else None, D(profit), D("0.10"))


async def book(ledger: AsyncEngine, *booked: Booked) -> int:
    async with ledger.begin() as connection:
        return await settling.book(connection, KEY.fixture_id, "settlement:1", "run-1", booked)


async def profit(ledger: AsyncEngine, client: str | None = None) -> Decimal:
    async with ledger.connect() as connection:
        return await settling.latest_profit(connection, client)


@pytest.fixture
async def bet(ledger: AsyncEngine) -> str:
    """An accepted bet of 5.00 that hedges 10 contracts of c1; its request id."""
    await claim(ledger, spec("c1"))
    hedge = Hedge(ledger)
    await hedge.fills(fill("t1", fee="0.06"), fill("t2", "5", price="0.45", fee="0.04"))
    name = await hedge.bet(1, "5")
    await hedge.report(accepted(name, ("p1", "3", "2.00"), ("p2", "2", "1.98")))
    return name


async def test_results_are_booked_once(ledger: AsyncEngine, bet: str) -> None:
    booked = [result("order", "c1", "5.40"), result("bet", bet, "-5.00", "LOST")]
    assert await book(ledger, *booked) == 2
    assert await book(ledger, *booked) == 0
    assert await profit(ledger) == D("0.40")
    found = await rows(ledger, "SELECT subject, revision, supersedes, fee FROM settlements ORDER BY settlement_id")
    assert [(row.subject, row.revision, row.supersedes) for row in found] == [("order", 1, None), ("bet", 1, None)]
    (order,) = await rows(ledger, "SELECT settlement FROM orders")
    (hedged,) = await rows(ledger, "SELECT settlement FROM bets")
    assert (order.settlement, hedged.settlement) == ("WON", "LOST")


async def test_a_booked_result_is_told_with_what_it_was_before(ledger: AsyncEngine, bet: str) -> None:
    await write(ledger, "DELETE FROM events")
    for _ in range(2):
        await book(ledger, result("order", "c1", "5.40"), result("bet", bet, "-5.00", "LOST"))
    told = await rows(ledger, "SELECT channel, old, payload, client FROM events ORDER BY event_id")
    assert [(row.channel, row.client) for row in told] == [("orders", CLIENT), ("bets", CLIENT)]
    assert [row.old for row in told] == [{"settlementStatus": "UNDECIDED"}, {"settlementStatus": None}]
    assert [row.payload["settlementStatus"] for row in told] == ["WON", "LOST"]


async def test_a_correction_replaces_the_result_and_keeps_the_old_one(ledger: AsyncEngine, bet: str) -> None:
    await book(ledger, result("order", "c1", "5.40"))
    assert await book(ledger, result("order", "c1", "-6.85", "LOST")) == 1
    assert await book(ledger, result("order", "c1", "5.40")) == 1, "and back again"
    found = await rows(ledger, "SELECT * FROM settlements ORDER BY revision")
    assert [row.revision for row in found] == [1, 2, 3]
    assert [row.supersedes for row in found] == [None, found[0].settlement_id, found[1].settlement_id]
    assert await profit(ledger) == D("5.40")
    (order,) = await rows(ledger, "SELECT settlement FROM orders")
    assert order.settlement == "WON"


async def test_two_bookings_at_once_book_once(ledger: AsyncEngine, bet: str) -> None:
    written = await asyncio.gather(*(book(ledger, result("order", "c1", "5.40")) for _ in range(6)))
    assert sum(written) == 1
    assert len(await rows(ledger, "SELECT 1 FROM settlements")) == 1


async def test_two_different_bookings_at_once_are_two_revisions(ledger: AsyncEngine, bet: str) -> None:
    await asyncio.gather(*(book(ledger, result("order", "c1", f"{at}.00")) for at in range(4)))
    assert [row.revision for row in await rows(ledger, "SELECT revision FROM settlements ORDER BY 1")] == [1, 2, 3, 4]


async def test_profit_is_the_clients_own(ledger: AsyncEngine, bet: str) -> None:
    await book(ledger, result("order", "c1", "5.40"))
    assert await profit(ledger, CLIENT) == D("5.40")
    assert await profit(ledger, "somebody") == D(0)


async def test_only_trades_that_stand_are_settled(ledger: AsyncEngine, bet: str) -> None:
    await claim(ledger, spec("c2"), spec("c3"))
    await Hedge(ledger, "c2").fills(fill("t3"), failed=["t3"])
    async with ledger.connect() as connection:
        (found,) = await settling.filled_orders(connection, KEY.fixture_id)
        assert await settling.filled_orders(connection, "id-other") == []
    assert (found.client_order_id, found.size, found.cost, found.fees) == ("c1", D(15), D("6.85"), D("0.10"))
    assert (found.contract, found.position, found.action) == ("KXNBA-111", "no", "buy")


async def test_every_part_of_a_bet_is_settled_by_its_own_word(ledger: AsyncEngine, bet: str) -> None:
    async with ledger.begin() as connection:
        await settling.note_parts(connection, {(bet, "p1"): "WON"})
        parts = await settling.placed_parts(connection, KEY.fixture_id)
    assert [(account, part.part_id, part.stake, part.price, part.settlement) for account, part in parts] == [
        ("vertex-demo", "p1", D(3), D("2.00"), "WON"),
        ("vertex-demo", "p2", D(2), D("1.98"), None),
    ]
    assert {part.request_id for _, part in parts} == {bet}


async def still_open(ledger: AsyncEngine) -> tuple[Sequence[str], Sequence[str]]:
    async with ledger.connect() as connection:
        return await settling.still_open(connection, KEY.fixture_id)


async def test_what_is_alive_in_a_fixture_is_found(ledger: AsyncEngine, bet: str) -> None:
    assert await still_open(ledger) == ([OWNER], ["hedge:c1"])
    await write(ledger, "UPDATE orders SET status = 'CANCELLED'")
    await write(ledger, "UPDATE hedges SET state = 'OPEN'")
    assert await still_open(ledger) == ([], ["hedge:c1"])
    async with ledger.connect() as connection:
        assert await settling.hedging(connection, KEY.fixture_id) == 0, "an open residual is not under way"
    await write(ledger, "UPDATE hedges SET state = 'DONE'")
    assert await still_open(ledger) == ([], [])


async def test_owners_are_order_workflows_only(ledger: AsyncEngine, bet: str) -> None:
    await claim(ledger, spec("c2"), of=owner(account="polymarket-demo"))
    await claim(ledger, spec("u1", action="sell"))
    await write(ledger, "UPDATE orders SET workflow_id = 'hedge:c1' WHERE client_order_id = 'u1'")
    async with ledger.connect() as connection:
        found = await settling.owners(connection, KEY.fixture_id)
    assert sorted(found) == [f"orders:{venue}-demo:id1100013200000001:111" for venue in ("kalshi", "polymarket")]


async def test_the_state_of_a_settlement_is_replaced(ledger: AsyncEngine) -> None:
    for state, reason in (("WAITING", "the feed is silent"), ("BOOKED", "")):
        async with ledger.begin() as connection:
            await settling.write_state(connection, SettlementState(KEY.fixture_id, "settlement:1", state, reason))
    (row,) = await rows(ledger, "SELECT state, reason, version FROM fixture_settlements")
    assert (row.state, row.reason, row.version) == ("BOOKED", "", 1)


async def test_pnl_adds_up_to_the_cent(ledger: AsyncEngine, bet: str) -> None:
    amounts: list[Any] = [("order", "c1", "5.405"), ("bet", bet, "-5.00")]
    await book(ledger, *(result(*amount) for amount in amounts))
    assert await profit(ledger) == D("0.405")
