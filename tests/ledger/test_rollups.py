"""Counters say what counting the rows would say: after any writes, between folds, and after an upgrade."""

import asyncio
import itertools
import random
from collections.abc import Iterator
from datetime import date
from decimal import Decimal
from functools import partial
from typing import Any

import psycopg
import pytest
from alembic import command
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from overround.ledger import migrate, rollups
from overround.ledger.reads.page import Filters
from overround.ledger.reads.pnl import profit_and_loss
from overround.ledger.reads.positions import list_positions
from overround.ledger.tables import metadata
from tests.api import rows
from tests.ledger.lists import all_pages, line_oracle, mismatches

STATUSES = ("PENDING_PLACEMENT", "PLACED", "PARTIAL", "FILLED", "CANCELLED", "FAILED")
BET_STATUSES = ("SENT", "PENDING", "FILLED", "PARTIAL", "REJECTED", "UNKNOWN")
RESULTS = ("UNDECIDED", "WON", "LOST", "VOID", "HALF_WON")
DAYS = ("2026-02-14T23:59:59Z", "2026-02-15T00:00:00Z", "2026-02-17T12:00:00Z")


class Writer:
    """Writes anything that could be written, from a seed."""

    def __init__(self, connection: AsyncConnection, seed: int) -> None:
        self.connection, self.random = connection, random.Random(seed)
        self.orders: list[dict[str, Any]] = []
        self.bets: list[dict[str, Any]] = []
        self.fills: list[dict[str, Any]] = []
        self.revisions: dict[tuple[str, str], int] = {}

    async def run(self, count: int) -> None:
        """``count`` writes; now and then somebody folds."""
        steps = (self.order, self.order, self.order_changes, self.order_changes, self.fill, self.fill_fails, self.bet,
                 self.bet_changes, self.result, self.delete, self.moves, self.fold)  # fmt: skip
        for _ in range(count):
            await self.random.choice(steps)()

    async def order(self) -> None:
        owner = self.random.choice(("demo", "demo", "rival"))
        self.orders.append(
            await rows.order(
                self.connection,
                owner,
                fixture_id=self.random.choice(("one", "two", "three")),
                exchange=self.random.choice(("kalshi", "polymarket")),
                outcome_id=self.random.choice((111, 112)),
                action=self.random.choice(("buy", "buy", "buy", "sell")),
                status=self.random.choice(STATUSES),
                created_at=self.random.choice(DAYS),
                price=self._decimal(1, 99),
                size="100",
                filled=self.random.choice(("0", "0", "10.5", "100")),
            )
        )

    def _decimal(self, low: int, high: int) -> str:
        return str(Decimal(self.random.randint(low, high)).scaleb(-2))

    async def _update(self, table: str, key: str, row: dict[str, Any], **values: Any) -> None:
        sets = ", ".join(f"{name} = :{name}" for name in values)
        await self.connection.execute(
            text(f"UPDATE {table} SET {sets} WHERE {key} = :key"), {"key": row[key], **values}
        )

    async def order_changes(self) -> None:
        if self.orders:
            values: dict[str, Any] = {"status": self.random.choice(STATUSES)}
            if self.random.random() < 0.5:
                values["filled"] = Decimal(self.random.choice(("0", "10.5", "33", "100")))
            if self.random.random() < 0.4:
                values["settlement"] = self.random.choice(RESULTS)
            await self._update("orders", "order_id", self.random.choice(self.orders), **values)

    async def moves(self) -> None:
        """What nobody does to an order is counted all the same, as long as it has not traded."""
        traded = {fill["client_order_id"] for fill in self.fills}
        still = [order for order in self.orders if order["client_order_id"] not in traded]
        if still:
            values = self.random.choice(({"price": Decimal("0.5")}, {"action": "sell"}, {"size": Decimal(200)}))
            await self._update("orders", "order_id", self.random.choice(still), **values)

    async def fill(self) -> None:
        if self.orders:
            order = self.random.choice(self.orders)
            self.fills.append(
                await rows.fill(self.connection, order, size="10", price=self._decimal(1, 99), fee="0.07")
            )

    async def fill_fails(self) -> None:
        if self.fills:
            await self._update("fills", "fill_id", self.random.choice(self.fills), failed=self.random.random() < 0.7)

    async def bet(self) -> None:
        if self.orders:
            order = self.random.choice(self.orders)
            self.bets.append(await rows.bet(self.connection, order, status=self.random.choice(BET_STATUSES)))

    async def bet_changes(self) -> None:
        if self.bets:
            stake = Decimal(self.random.choice(("0", "12.34", "50")))
            status = self.random.choice(BET_STATUSES)
            await self._update("bets", "bet_id", self.random.choice(self.bets), status=status, placed_stake=stake)

    async def result(self) -> None:
        row = self.random.choice([*self.orders, *self.bets, None])
        if row is not None:
            key = ("bet", row["request_id"]) if "request_id" in row else ("order", row["client_order_id"])
            self.revisions[key] = self.revisions.get(key, 0) + 1
            await rows.settled(self.connection, row, self._decimal(-9999, 9999), self.revisions[key])

    async def delete(self) -> None:
        """Fills and bets; orders only while nothing points to them."""
        if self.fills and self.random.random() < 0.5:
            fill = self.fills.pop(self.random.randrange(len(self.fills)))
            await self.connection.execute(text("DELETE FROM fills WHERE fill_id = :key"), {"key": fill["fill_id"]})
            return
        held = {item["client_order_id"] for item in (*self.fills, *self.bets)} | {key for _, key in self.revisions}
        free = [order for order in self.orders if order["client_order_id"] not in held]
        if free:
            order = self.random.choice(free)
            self.orders.remove(order)
            await self.connection.execute(text("DELETE FROM orders WHERE order_id = :key"), {"key": order["order_id"]})

    async def fold(self) -> None:
        assert await rollups.fold(self.connection)


@pytest.fixture
async def empty(ledger_engine: AsyncEngine) -> AsyncEngine:
    """Two clients, each with accounts on two exchanges."""
    async with ledger_engine.begin() as connection:
        tables = ", ".join(metadata.tables)
        await connection.execute(text(f"TRUNCATE {tables} RESTART IDENTITY CASCADE"))
        for name in ("demo", "rival"):
            await rows.client(connection, name)
    return ledger_engine


@pytest.mark.parametrize("seed", range(4))
async def test_after_any_writes_the_counters_say_what_counting_says(empty: AsyncEngine, seed: int) -> None:
    async with empty.begin() as connection:
        await Writer(connection, seed).run(120)
        assert await mismatches(connection) == []
        await rollups.fold(connection)
        assert await mismatches(connection) == []
        before = await _everything(connection)
        await rollups.rebuild(connection)
        assert await _everything(connection) == before


async def _everything(connection: AsyncConnection) -> dict[str, list[Any]]:
    """The counters without what only grows: bounds of ids, places in a list, times."""
    found = {}
    for table in (rollups.order_counts, rollups.bet_counts, rollups.positions, rollups.profit_days):
        names = [c.name for c in table.c if c.name not in {"first_id", "last_id", "opened", "updated_at"}]
        sums = [c.name for c in table.c if not c.primary_key and c.name in names]
        some = " OR ".join(f"{name} <> 0" for name in sums)
        query = f"SELECT {', '.join(names)} FROM {table.name} WHERE {some} ORDER BY {', '.join(names)}"
        found[table.name] = [tuple(row) for row in await connection.execute(text(query))]
    assert found["order_counts"]
    return found


@pytest.mark.parametrize("seed", range(10, 13))
async def test_positions_and_profit_are_those_that_joining_all_rows_gives(empty: AsyncEngine, seed: int) -> None:
    async with empty.begin() as connection:
        await Writer(connection, seed).run(150)
        for filters in (Filters(), Filters(exchange="kalshi"), Filters(fixture_id="two"), *_dated()):
            expected = await line_oracle(connection, "demo", filters)
            items = await all_pages(partial(list_positions, connection, "demo", filters), size=3)
            found = {(i["fixtureId"], i["marketId"], i["outcomeId"], i["exchange"]): i for i in items}
            assert found.keys() == {key for key, line in expected.items() if line["matched"] > 0}
            for key, item in found.items():
                assert {name: item[name] for name in expected[key] if name in item} == {
                    name: value for name, value in expected[key].items() if name in item
                }, key
            profit = await profit_and_loss(connection, "demo", filters)
            assert profit["turnover"] == sum(line["matched"] for line in expected.values())
            assert profit["fees"] == sum(line["allFees"] for line in expected.values())
            assert profit["realizedPnl"] == sum(line["realizedPnl"] for line in expected.values())


def _dated() -> Iterator[Filters]:
    yield Filters(from_date=date(2026, 2, 15))
    yield Filters(from_date=date(2026, 2, 14), to_date=date(2026, 2, 15), exchange="kalshi")


async def test_no_writer_waits_for_another_nor_for_the_fold(empty: AsyncEngine) -> None:
    async with empty.connect() as first, empty.connect() as second, empty.connect() as third:
        for connection in (first, second, third):
            await connection.execute(text("SET LOCAL lock_timeout = '500ms'"))
        await rows.order(first, "demo")
        await rows.order(second, "demo")
        assert await rollups.fold(third)
        await second.commit()
        await third.commit()
        assert await rollups.fold(third)
        await first.commit()
        await third.commit()
        assert await mismatches(third) == []


async def test_two_who_fold_at_once_count_nothing_twice(empty: AsyncEngine) -> None:
    async with empty.begin() as connection:
        for _ in range(20):
            await rows.order(connection, "demo")

    async def fold() -> bool:
        async with empty.begin() as connection:
            return await rollups.fold(connection)

    done = await asyncio.gather(*(fold() for _ in range(4)))
    assert any(done)
    async with empty.connect() as connection:
        assert await mismatches(connection) == []
        counted = "SELECT sum(orders) FROM order_counts WHERE fixture_id = ''"
        assert (await connection.execute(text(counted))).scalar_one() == 20


async def test_a_snapshot_is_exact_whatever_is_folded_meanwhile(empty: AsyncEngine) -> None:
    async with empty.begin() as connection:
        order = await rows.order(connection, "demo", filled="10")
    async with empty.connect() as reader:
        await reader.execution_options(isolation_level="REPEATABLE READ")
        assert await mismatches(reader) == []
        async with empty.begin() as connection:
            await rows.fill(connection, order, size="10")
            await rows.order(connection, "demo", status="FILLED")
            await rollups.fold(connection)
        assert await mismatches(reader) == []


async def test_a_position_keeps_its_place_when_an_older_order_of_its_line_is_filled(empty: AsyncEngine) -> None:
    async with empty.begin() as connection:
        older = await rows.order(connection, "demo")
        other = await rows.order(connection, "demo", fixture_id="other", filled="1")
        newer = await rows.order(connection, "demo", filled="1")
        await rollups.fold(connection)
        await connection.execute(text("UPDATE orders SET filled = 5 WHERE order_id = :key"), {"key": older["order_id"]})
        for _ in range(2):
            items = await all_pages(partial(list_positions, connection, "demo", Filters()), size=1)
            assert [item["fixtureId"] for item in items] == [newer["fixture_id"], other["fixture_id"]]
            await rollups.fold(connection)


def test_upgrading_a_ledger_with_rows_fills_the_counters_and_back_again(blank_database_url: str) -> None:
    configuration = migrate.configuration(blank_database_url)
    command.upgrade(configuration, "0003")
    with psycopg.connect(blank_database_url, autocommit=True) as connection:
        for statement in OLD_ROWS:
            connection.execute(statement.encode())
    command.upgrade(configuration, "head")
    asked = (
        "SELECT orders, filled FROM order_counts WHERE fixture_id = '' ORDER BY status",
        "SELECT bets, placed FROM bet_counts WHERE fixture_id = ''",
        "SELECT matched, fees, realised, undecided FROM positions",
        "SELECT of_exchange, of_day::text FROM bets",
        "SELECT count(*) FROM order_deltas",
    )
    with psycopg.connect(blank_database_url, autocommit=True) as connection:
        found = [connection.execute(query.encode()).fetchall() for query in asked]
    assert found[0] == [(1, 0), (1, 40)]
    assert found[1] == [(1, 50)]
    assert found[2] == [(40, Decimal("0.3"), Decimal("7.5"), 1)]
    assert found[3:] == [[("kalshi", "2026-02-15")], [(0,)]]
    command.downgrade(configuration, "0003")
    command.upgrade(configuration, "head")


_ORDER = (
    "INSERT INTO orders (client_order_id, client, account_id, exchange, fixture_id, market_id, outcome_id, "
    "venue_market, contract, position, workflow_id, run_id, price, size, filled, status, odds, priced_at, created_at) "
    "VALUES ('{}', 'demo', 'a', 'kalshi', 'f', 1, 1, 'v', 'c', 'no', 'w', 'r', 0.45, 100, {}, '{}', 2, now(), "
    "'2026-02-15T12:00:00Z')"
)
OLD_ROWS = tuple(
    itertools.chain(
        ["INSERT INTO clients (client, name, bookmaker) VALUES ('demo', 'Demo', 'vertex')"],
        ["INSERT INTO exchange_accounts (account_id, client, exchange, endpoints, secrets) "
         "VALUES ('a', 'demo', 'kalshi', '{}', '')"],
        ["INSERT INTO bookmaker_accounts (account_id, client, bookmaker, route, endpoints, secrets) "
         "VALUES ('b', 'demo', 'vertex', 'abp', '{}', '')"],
        [_ORDER.format("o1", 40, "PARTIAL"), _ORDER.format("o2", 0, "CANCELLED")],
        ["INSERT INTO fills (account_id, venue_fill_id, client_order_id, size, price, fee, at) "
         "VALUES ('a', 't1', 'o1', 40, 0.44, 0.3, now())"],
        ["INSERT INTO bets (request_id, client_order_id, client, account_id, bookmaker, fixture_id, market_id, "
         "outcome_id, workflow_id, run_id, attempt, min_price, stake, placed_stake, payout, status) "
         "VALUES (gen_random_uuid(), 'o1', 'demo', 'b', 'vertex', 'f', 1, 1, 'w', 'r', 1, 1.9, 50, 50, 100, 'FILLED')"],
        ["INSERT INTO settlements (client, fixture_id, market_id, outcome_id, subject, subject_id, revision, status, "
         "profit, workflow_id, run_id) "
         f"VALUES ('demo', 'f', 1, 1, 'order', 'o1', {revision}, 'WON', {profit}, 'w', 'r')"
         for revision, profit in ((1, 99), (2, 7.5))],
    )
)  # fmt: skip
