"""Every figure of the venues' books is compared with something: whichever one is changed, the audit says so."""

import copy
from collections.abc import Iterator
from decimal import Decimal
from typing import Any

import pytest
from sqlalchemy.ext.asyncio import AsyncEngine

from overround.ledger.audit import Audit, audit
from tests.domain.vectors import D
from tests.ledger.desk import Hedge, accepted, claim, fill, owner, rows, spec, write
from tests.ledger.test_audit import settle

NO_BOOK, YES_BOOK = "kalshi:KXNBA-111", "polymarket:KXNBA-112"
SILENT = {
    # Names by which nothing is matched: our own id is, and where it is missing the client's reference.
    ("trades", "trade_id"), ("trades", "taker_order"), ("orders", "client_ref"), ("trades", "exchange"),
    ("books", "open"), ("orders", "book_id"),
    # The other side's fee, the size of an order and what a bet is called are nobody's money.
    ("trades", "taker_fee"), ("orders", "size"), ("bets", "requestUuid"), ("bets", "settlementStatus"),
    ("accounts", "client"), ("accounts", "bookmaker"), ("wallets", "exchange"), ("wallets", "account"),
}  # fmt: skip


def order(exchange: str, name: str, book: str, outcome: str, **changes: str) -> dict[str, Any]:
    """An order as the paper venue shows it: 50 @ 0.46, 10 filled, cancelled."""
    return {
        "exchange": exchange, "order_id": f"v-{name}", "client_ref": name, "account": "demo", "book_id": book,
        "outcome": outcome, "action": "buy", "price": "0.46", "size": "50", "filled": "10", "status": "cancelled",
        **changes,
    }  # fmt: skip


def trade(exchange: str, name: str, book: str, yes_price: str, fee: str = "0.01", size: str = "10") -> dict[str, Any]:
    return {
        "exchange": exchange, "trade_id": f"t-{name}", "book_id": book, "yes_price": yes_price, "size": size,
        "status": "ok", "maker_order": f"v-{name}", "taker_order": "x", "maker_fee": fee, "taker_fee": "0.02",
    }  # fmt: skip


def bet(part: str, request: str, stake: str, price: str, payout: str | None) -> dict[str, Any]:
    return {
        "betId": part, "requestUuid": request, "placedPrice": price, "placedStake": stake, "betStatus": "CONFIRMED",
        "settlementStatus": "LOST", "payout": payout,
    }  # fmt: skip


def world(first: str, second: str) -> dict[str, Any]:
    """Outcome 111 lost, so the NO contract at Kalshi paid 1; 4 of its 10 had been sold back at 0.40. The YES contract
    at Polymarket (bought at 0.46, against 112) paid 0. Both bets are decided."""
    kalshi = {
        "orders": [
            order("kalshi", "c1", NO_BOOK, "no"),
            # The sale of NO is the venue's purchase of YES at 0.60: it shows in the seller's own terms.
            order("kalshi", "u1", NO_BOOK, "no", action="sell", price="0.40", size="4", filled="4", status="filled"),
        ],
        "trades": [trade("kalshi", "c1", NO_BOOK, "0.54"), trade("kalshi", "u1", NO_BOOK, "0.60", "0.02", "4")],
        # -4.60 - 0.01 for ten, +1.60 - 0.02 for four of them, +6 paid for the six that were left
        "wallets": [{"exchange": "kalshi", "account": "demo", "cash": "1002.97", "deposited": "1000"}],
        "books": [{"book_id": NO_BOOK, "open": False, "value": "0"}],
    }
    polymarket = {
        "orders": [order("polymarket", "c2", YES_BOOK, "yes")],
        "trades": [trade("polymarket", "c2", YES_BOOK, "0.46", "0")],
        "wallets": [{"exchange": "polymarket", "account": "demo", "cash": "495.40", "deposited": "500"}],
        "books": [{"book_id": YES_BOOK, "open": False, "value": "0"}],
    }
    bets = [bet("p1", first, "3", "2.00", "0"), bet("p2", second, "5", "2.00", "10.00")]
    accounts = [{"client": "demo:vertex", "bookmaker": "vertex", "balance": "1002", "deposited": "1000"}]
    return {
        "exchanges": {"kalshi": kalshi, "polymarket": polymarket},
        "bookmaker": {"accounts": accounts, "orders": [], "bets": bets},
    }


@pytest.fixture
async def witness(ledger: AsyncEngine) -> dict[str, Any]:
    """The ledger holds the same story: bought, sold back in part, hedged twice, settled."""
    await claim(ledger, spec("c1"))
    await claim(ledger, spec("c2", outcome=112), of=owner(account="polymarket-demo"))
    await claim(ledger, spec("u1", size="4", price="0.40", action="sell"))
    await write(
        ledger,
        "UPDATE orders SET status = 'CANCELLED', venue_order_id = 'v-' || client_order_id, remaining = 0, "
        "filled = CASE client_order_id WHEN 'u1' THEN 4 ELSE 10 END, "
        "position = CASE client_order_id WHEN 'c2' THEN 'yes' ELSE position END",
    )
    first, second = Hedge(ledger), Hedge(ledger, "c2", 112)
    await first.fills(fill("t-c1"))
    await second.fills(fill("t-c2", fee="0"))
    await Hedge(ledger, "u1").fills(fill("t-u1", "4", "0.40", "0.02"))
    await write(ledger, "DELETE FROM hedges WHERE client_order_id = 'u1'")
    requests = [await first.bet(1, "3"), await second.bet(1, "5", outcome=112)]
    await first.report(accepted(requests[0], ("p1", "3", "2.00")))
    await second.report(accepted(requests[1], ("p2", "5", "2.00")))
    await settle(ledger)
    await correct(ledger, "c2", "LOST", "-4.60")
    await correct(ledger, "u1", "LOST", "-2.42")
    await correct(ledger, requests[1], "WON", "5.00")
    return world(*requests)


async def correct(ledger: AsyncEngine, name: str, word: str, profit: str) -> None:
    """A later revision, where the first settlement of the helper assumed another result."""
    await write(
        ledger,
        "INSERT INTO settlements (client, fixture_id, market_id, outcome_id, subject, subject_id, revision, status, "
        "profit, workflow_id, run_id) SELECT client, fixture_id, market_id, outcome_id, subject, subject_id, "
        "revision + 1, :word, :profit, workflow_id, run_id FROM settlements WHERE subject_id = :name",
        name=name, word=word, profit=D(profit),
    )  # fmt: skip


async def audited(ledger: AsyncEngine, witness: dict[str, Any]) -> Audit:
    async with ledger.connect() as connection:
        return await audit(connection, witness)


def leaves(value: Any, at: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    if isinstance(value, dict | list):
        for key, item in value.items() if isinstance(value, dict) else enumerate(value):
            yield from leaves(item, (*at, key))
    else:
        yield at


def changed(witness: dict[str, Any], at: tuple[Any, ...]) -> dict[str, Any]:
    """A copy with one leaf that says something else."""
    copied = copy.deepcopy(witness)
    place: Any = copied
    for key in at[:-1]:
        place = place[key]
    old = place[at[-1]]
    other = {"ok": "failed", "cancelled": "open", "filled": "open", "CONFIRMED": "REJECTED", "no": "yes",
             "yes": "no", "buy": "sell", "sell": "buy"}  # fmt: skip
    try:
        place[at[-1]] = str(Decimal(old) + (D("0.07") if "rice" in at[-1] else 1))
    except (ArithmeticError, TypeError):
        place[at[-1]] = other.get(old, f"{old}-other") if isinstance(old, str) else not old
    return copied


async def test_the_whole_story_agrees(ledger: AsyncEngine, witness: dict[str, Any]) -> None:
    result = await audited(ledger, witness)
    assert result.findings == []
    assert (result.orders, result.fills, result.bets) == (3, 3, 2)
    # 5.39 - 2.42 - 4.60 on the exchanges, -3 + 5 at the bookmaker
    assert result.ledger_pnl == result.witness_pnl == D("0.37")


async def test_whichever_figure_of_the_venues_changes_is_found(ledger: AsyncEngine, witness: dict[str, Any]) -> None:
    missed = []
    for at in leaves(witness):
        table = next((key for key in reversed(at[:-1]) if isinstance(key, str)), "")
        if at == ("exchanges", "kalshi", "orders", 1, "price"):
            continue  # an immediate sale is limited below what it fetches: its trades are what is compared
        found = (await audited(ledger, changed(witness, at))).findings
        if not found and (table, at[-1]) not in SILENT:
            missed.append(at)
    assert not missed, missed


async def test_whichever_record_of_the_venues_is_lost_is_found(ledger: AsyncEngine, witness: dict[str, Any]) -> None:
    missed = []
    for at in {at[:-1] for at in leaves(witness)}:
        if at[-2] in ("wallets", "accounts"):
            continue  # money that lies nowhere is compared with nothing
        lost = copy.deepcopy(witness)
        place: Any = lost
        for key in at[:-1]:
            place = place[key]
        del place[at[-1]]
        if not (await audited(ledger, lost)).findings:
            missed.append(at)
    assert not missed, missed


COLUMNS = {
    "orders": ("filled", "price", "venue_order_id", "status"),
    "fills": ("size", "price", "fee", "failed"),
    "bet_parts": ("stake", "price", "part_id"),
    "settlements": ("profit",),
}


@pytest.mark.parametrize(("table", "column"), [(table, name) for table, names in COLUMNS.items() for name in names])
async def test_whichever_figure_of_the_ledger_changes_is_found(
    ledger: AsyncEngine, witness: dict[str, Any], table: str, column: str
) -> None:
    word = {"venue_order_id": "'v-ghost'", "status": "'PLACED'", "failed": "true", "part_id": "'p-ghost'"}
    which = {"orders": "client_order_id = 'c1'", "fills": "client_order_id = 'c1'", "bet_parts": "part_id = 'p1'",
             "settlements": "subject_id = 'c1'"}  # fmt: skip
    await write(ledger, f"UPDATE {table} SET {column} = {word.get(column, f'{column} + 1')} WHERE {which[table]}")
    assert len(await rows(ledger, f"SELECT 1 FROM {table}")) > 1
    assert (await audited(ledger, witness)).findings != []
