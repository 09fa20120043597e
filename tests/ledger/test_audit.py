"""The audit finds every kind of difference: each test breaks one thing and expects to read about it."""

import copy
from dataclasses import replace
from typing import Any

import pytest
from sqlalchemy.ext.asyncio import AsyncEngine

from overround.domain.messages import FixtureStatus
from overround.domain.results import FixtureResults, verdict
from overround.ledger import settling
from overround.ledger.audit import Audit, audit
from tests.domain.desk import KEY
from tests.domain.vectors import D
from tests.ledger.desk import Hedge, accepted, claim, fill, spec, write

BOOK = "kalshi:KXNBA-111"


def world(bet: str) -> dict[str, Any]:
    """The venues' side of one order (50 NO @ 0.46, 10 filled, cancelled), one bet (5 @ 2.00, lost), all settled: the
    outcome did not happen."""
    order = {
        "exchange": "kalshi", "order_id": "v-c1", "client_ref": "c1", "account": "demo", "book_id": BOOK,
        "outcome": "no", "action": "buy", "price": "0.46", "size": "50", "filled": "10", "status": "cancelled",
    }  # fmt: skip
    trade = {
        "exchange": "kalshi", "trade_id": "t1", "book_id": BOOK, "yes_price": "0.54", "size": "10", "status": "ok",
        "maker_order": "v-c1", "taker_order": "x", "maker_fee": "0.01", "taker_fee": "0.02",
    }  # fmt: skip
    # 10 contracts bought for 4.60, fee 0.01, paid 10: the wallet gained 5.39.
    wallet = {"exchange": "kalshi", "account": "demo", "cash": "1005.39", "deposited": "1000"}
    placed = {
        "betId": "p1", "requestUuid": bet, "placedPrice": "2.00", "placedStake": "5", "betStatus": "CONFIRMED",
        "settlementStatus": "LOST", "payout": "0",
    }  # fmt: skip
    kalshi = {
        "orders": [order],
        "trades": [trade],
        "wallets": [wallet],
        "books": [{"book_id": BOOK, "open": False, "value": "0"}],
    }
    accounts = [{"client": "demo:vertex", "bookmaker": "vertex", "balance": "995", "deposited": "1000"}]
    return {"exchanges": {"kalshi": kalshi}, "bookmaker": {"accounts": accounts, "orders": [], "bets": [placed]}}


@pytest.fixture
async def witness(ledger: AsyncEngine) -> dict[str, Any]:
    """The ledger holds the same story as the returned world."""
    await claim(ledger, spec("c1"))
    await write(ledger, "UPDATE orders SET status = 'CANCELLED', venue_order_id = 'v-c1', filled = 10, remaining = 0")
    hedge = Hedge(ledger)
    await hedge.fills(fill("t1"))
    bet = await hedge.bet(1, "5")
    await hedge.report(accepted(bet, ("p1", "5", "2.00")))
    await settle(ledger)
    return world(bet)


async def settle(ledger: AsyncEngine) -> None:
    """Book the fixture: outcome 111 lost, so the NO contract paid 1 and the bet lost."""
    async with ledger.begin() as connection:
        orders = await settling.filled_orders(connection, KEY.fixture_id)
        parts = [part for _, part in await settling.placed_parts(connection, KEY.fixture_id)]
        results = FixtureResults(
            FixtureStatus(KEY.fixture_id, 2),
            {111: "LOST", 112: "WON"},
            {},
            tuple(result_of(item) for item in orders),
            tuple(replace(part, settlement="LOST") for part in parts),
        )
        await settling.book(connection, KEY.fixture_id, "settlement:1", "run-1", verdict(results).booked)


def result_of(item: settling.FilledOrder) -> Any:
    from overround.domain.results import OrderResult

    return OrderResult(
        item.client_order_id, item.client, item.market_id, item.outcome_id, item.action, item.size, item.cost,
        item.fees, D(1),
    )  # fmt: skip


async def audited(ledger: AsyncEngine, witness: dict[str, Any]) -> Audit:
    async with ledger.connect() as connection:
        return await audit(connection, witness)


async def test_two_books_that_tell_the_same_story_are_clean(ledger: AsyncEngine, witness: dict[str, Any]) -> None:
    result = await audited(ledger, witness)
    assert result.findings == []
    assert (result.orders, result.fills, result.bets) == (1, 1, 1)
    assert result.ledger_pnl == result.witness_pnl == D("0.39")


@pytest.mark.parametrize(
    ("path", "value", "said"),
    [
        (("exchanges", "kalshi", "orders", 0, "filled"), "11", "10 filled in the ledger, 11 at kalshi"),
        (("exchanges", "kalshi", "orders", 0, "status"), "open", "is CANCELLED in the ledger, open at kalshi"),
        (("exchanges", "kalshi", "orders", 0, "price"), "0.47", "priced 0.46 here, 0.47 there"),
        (("exchanges", "kalshi", "trades", 0, "size"), "9", "fills 10 @ 0.46 fee 0.01 in the ledger, 9 @ 0.46"),
        (("exchanges", "kalshi", "trades", 0, "maker_fee"), "0.03", "fee 0.03 at kalshi"),
        (("exchanges", "kalshi", "trades", 0, "status"), "failed", "none at kalshi"),
        (("exchanges", "kalshi", "books", 0, "value"), "1", "booked 5.39, the venue paid -4.61"),
        (("exchanges", "kalshi", "wallets", 0, "cash"), "1005.00", "holds 1005.00, its trades make 1005.39"),
        (("bookmaker", "bets", 0, "placedStake"), "6", "5 @ 2.00 in the ledger, 6 @ 2.00 there"),
        (("bookmaker", "bets", 0, "placedPrice"), "2.10", "5 @ 2.00 in the ledger, 5 @ 2.10 there"),
        (("bookmaker", "bets", 0, "payout"), "10", "booked -5.00, the bookmaker paid 5"),
        (("bookmaker", "accounts", 0, "balance"), "990", "the bookmaker's balance moved -10"),
    ],
)
async def test_one_changed_figure_is_found(
    ledger: AsyncEngine, witness: dict[str, Any], path: tuple[Any, ...], value: str, said: str
) -> None:
    changed = copy.deepcopy(witness)
    place = changed
    for step in path[:-1]:
        place = place[step]
    place[path[-1]] = value
    findings = (await audited(ledger, changed)).findings
    assert any(said in finding for finding in findings), findings


async def test_an_order_only_the_venue_has_is_found(ledger: AsyncEngine, witness: dict[str, Any]) -> None:
    stranger = {**witness["exchanges"]["kalshi"]["orders"][0], "order_id": "v-2", "client_ref": "c2", "filled": "0"}
    witness["exchanges"]["kalshi"]["orders"].append(stranger)
    assert (await audited(ledger, witness)).findings == ["kalshi order v-2 (cancelled) is not in the ledger"]


async def test_an_order_only_the_ledger_has_is_found(ledger: AsyncEngine, witness: dict[str, Any]) -> None:
    await claim(ledger, spec("c9"))
    await write(ledger, "UPDATE orders SET status = 'PLACED', venue_order_id = 'v-9' WHERE client_order_id = 'c9'")
    assert (await audited(ledger, witness)).findings == ["ledger order c9 (PLACED) is unknown to kalshi"]


async def test_a_bet_only_the_bookmaker_has_is_found(ledger: AsyncEngine, witness: dict[str, Any]) -> None:
    extra = {**witness["bookmaker"]["bets"][0], "betId": "p2", "payout": None}
    witness["bookmaker"]["bets"].append(extra)
    assert "bet p2 at the bookmaker is not in the ledger" in (await audited(ledger, witness)).findings


async def test_a_bet_only_the_ledger_has_is_found(ledger: AsyncEngine, witness: dict[str, Any]) -> None:
    witness["bookmaker"]["bets"] = []
    assert "bet part p1 in the ledger is unknown to the bookmaker" in (await audited(ledger, witness)).findings


async def test_what_the_venue_paid_and_nobody_booked_is_found(ledger: AsyncEngine, witness: dict[str, Any]) -> None:
    await write(ledger, "DELETE FROM settlements")
    findings = (await audited(ledger, witness)).findings
    assert "order c1: the venue has paid 5.39, the ledger has not booked it yet" in findings
    assert any("the bookmaker has paid, the ledger has not booked it yet" in finding for finding in findings)
