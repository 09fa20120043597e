"""What the books promise an auditor: histories replay, and prices and rows can be computed again from them alone.

The exported histories were made by ``test_everything_can_be_told_from_the_histories_alone`` with
``EXPORT_HISTORIES=1``; they hold what was decided with the code of their day.
"""

import os
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from temporalio.client import Client, WorkflowHistory

from overround.domain.messages import PlaceOrders, QuoteSignal, Terms
from overround.domain.orders import Order, OrderSpec
from overround.domain.quotes import desired_quotes
from tests.support import histories
from tests.support.histories import Call
from tests.support.stack import Stack, running_stack
from tests.support.waiting import until

FOLDER = Path(__file__).parent / "histories"
EXPORTED = sorted(FOLDER.glob("*.json"))
EXPORT = os.environ.get("EXPORT_HISTORIES") == "1"


def prices_again(quotes: list[QuoteSignal], spec: OrderSpec, decided_from: int) -> set[Decimal]:
    """What the odds an order was decided from make its price, under the terms known by then."""
    found: set[Decimal] = set()
    terms: Terms | None = None
    for quote in quotes:
        terms = quote.terms or terms
        if quote.book.received_at == decided_from and terms is not None:
            again = desired_quotes(quote.book, terms.instruments, terms.config)
            found |= {q.price for q in again if (q.outcome_id, q.level) == (spec.outcome_id, spec.level)}
    return found


async def placed(history: WorkflowHistory) -> list[tuple[OrderSpec, PlaceOrders]]:
    requests = [call.request for call in await histories.calls(history) if call.name == "place_orders"]
    return [(spec, request) for request in requests for spec in request.specs]


def rebuilt_orders(calls: list[Call]) -> dict[str, Order]:
    """The last state decided of each order."""
    return {
        order.spec.client_order_id: order
        for call in calls
        if call.name == "project_orders"
        for order in call.request.orders
    }


def rebuilt_parts(calls: list[Call]) -> dict[str, tuple[str, Decimal, Decimal]]:
    """What the bookmaker accepted, by part: its own id, odds and stake."""
    told = [call.result for call in calls if call.name in ("hedge_step", "await_bet") and call.result is not None]
    return {part.bet_id: (part.bookmaker_bet_id, part.price, part.stake) for result in told for part in result.parts}


def rebuilt_bets(calls: list[Call]) -> dict[str, Decimal]:
    """Stake by request id of every bet that was claimed."""
    results = [call.result for call in calls if call.name == "hedge_step" and call.result is not None]
    return {r.request_id: r.stake for r in results if r.request_id and r.stake is not None}


@pytest.mark.parametrize("path", EXPORTED, ids=lambda path: path.stem.split("~")[0])
async def test_an_exported_history_replays(path: Path) -> None:
    await histories.replay(histories.load(path))


@pytest.mark.parametrize("path", [p for p in EXPORTED if p.stem.startswith("orders~")], ids=lambda path: path.stem[:20])
async def test_every_price_of_an_exported_history_can_be_computed_again(path: Path) -> None:
    history = histories.load(path)
    quotes, orders = await histories.quotes(history), await placed(history)
    assert len(orders) > 2
    for spec, request in orders:
        assert prices_again(quotes, spec, request.decided_from) == {spec.price}


async def test_a_history_under_another_id_is_refused() -> None:
    """Ids of orders derive from the workflow's: under another one the code decides differently, and replay says so."""
    path = next(p for p in EXPORTED if p.stem.startswith("orders~"))
    with pytest.raises(RuntimeError, match="activation completion failed"):
        await histories.replay(WorkflowHistory.from_json("orders:somebody-else", path.read_text()))


async def a_rich_day(stack: Stack) -> None:
    """Odds that move, answers that are lost, refusals, fills and results."""
    stack.world.faults.arm("kalshi", "answer_lost", 1)
    fixture = stack.fixture()
    await stack.quoted(fixture)
    stack.world.faults.arm("abp", "refuse", 1)
    assert stack.take("kalshi", fixture, 111, "20") == 20
    await stack.hedged(1)
    stack.world.faults.arm("abp", "answer_lost", 1)
    assert stack.take("polymarket", fixture, 112, "30") == 30
    await stack.hedged(2)
    stack.price(fixture, ("1.80", "2.06"))
    await moved(stack)
    stack.finish(fixture)

    async def booked() -> bool:
        return bool(await stack.rows("SELECT 1 FROM fixture_settlements WHERE state = 'BOOKED'"))

    await until(booked, "results booked", 30)
    await stack.check()


async def moved(stack: Stack) -> None:
    async def so() -> bool:
        query = "SELECT count(*) FROM orders WHERE status = 'PLACED' AND odds IN (1.80, 2.06)"
        return bool(await stack.one(query) == 4)

    await until(so, "quotes followed the odds")


async def all_of_it(stack: Stack, client: Client) -> dict[str, WorkflowHistory]:
    rows = await stack.rows(
        "SELECT workflow_id FROM orders UNION SELECT workflow_id FROM hedges"
        " UNION SELECT 'settlement:' || fixture_id FROM fixture_settlements"
    )
    found = {row.workflow_id: await histories.fetch(client, row.workflow_id) for row in rows}
    if EXPORT:
        FOLDER.mkdir(exist_ok=True)
        for workflow_id, history in found.items():
            histories.save(history, FOLDER / f"{workflow_id.replace(':', '~')}.json")
    return found


async def test_everything_can_be_told_from_the_histories_alone(
    database_url: str, temporal: Client, task_queue: str
) -> None:
    async with running_stack(database_url, temporal, task_queue) as stack:
        await a_rich_day(stack)
        found = await all_of_it(stack, temporal)
        for history in found.values():
            await histories.replay(history)
        await prices_agree(stack, found)
        await rows_agree(stack, found)


async def prices_agree(stack: Stack, found: dict[str, WorkflowHistory]) -> None:
    checked = {}
    for workflow_id, history in found.items():
        if workflow_id.startswith("orders:"):
            quotes = await histories.quotes(history)
            for spec, request in await placed(history):
                assert prices_again(quotes, spec, request.decided_from) == {spec.price}
                checked[spec.client_order_id] = (spec.price, request.config.version)
    rows = await stack.rows("SELECT client_order_id, price, config_version FROM orders WHERE action = 'buy'")
    assert checked == {row.client_order_id: (row.price, row.config_version) for row in rows}


async def rows_agree(stack: Stack, found: dict[str, WorkflowHistory]) -> None:
    """Orders, fills, bets and results of the ledger, from the histories."""
    orders: dict[str, Any] = {}
    trades: dict[str, Any] = {}
    bets: dict[str, Any] = {}
    parts: dict[str, Any] = {}
    results: set[Any] = set()
    for history in found.values():
        calls = await histories.calls(history)
        orders |= {key: (str(o.status), o.filled, o.venue_order_id) for key, o in rebuilt_orders(calls).items()}
        trades |= {s.fill.fill_id: (s.fill.size, s.fill.price, s.fill.fee) for s in await histories.fills(history)}
        bets |= rebuilt_bets(calls)
        parts |= rebuilt_parts(calls)
        books = [call.request for call in calls if call.name == "book_results"]
        results |= {(b.subject_id, b.status, b.profit) for book in books for b in book.booked}
    rows = await stack.rows("SELECT * FROM orders WHERE action = 'buy'")
    assert orders == {row.client_order_id: (row.status, row.filled, row.venue_order_id) for row in rows}
    rows = await stack.rows("SELECT * FROM fills")
    assert trades == {row.venue_fill_id: (row.size, row.price, row.fee) for row in rows}
    rows = await stack.rows("SELECT * FROM bets")
    assert bets == {str(row.request_id): row.stake for row in rows}
    rows = await stack.rows("SELECT * FROM bet_parts")
    assert parts == {row.part_id: (row.bookmaker_bet_id, row.price, row.stake) for row in rows}
    assert len(parts) == 2
    rows = await stack.rows("SELECT * FROM settlements")
    assert results == {(str(row.subject_id), row.status, row.profit) for row in rows}
    assert len(results) == 4
