"""Claims: an id once, behind an open gate, inside both limits, whatever runs at the same time."""

import asyncio
from decimal import Decimal

import pytest
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from overround.domain.orders import Accepted, Order, OrderStatus, apply
from overround.ledger import orders
from tests.domain.desk import settings
from tests.domain.vectors import D
from tests.ledger.desk import CLIENT, NOW, OWNER, claim, owner, request, rows, spec, write


async def test_a_claim_is_written_before_anything_leaves(ledger: AsyncEngine) -> None:
    claims = await claim(ledger, spec("c1"), spec("c2", outcome=112))
    assert claims == orders.Claims(frozenset({"c1", "c2"}), {}, {})
    (first, _) = await rows(ledger, "SELECT * FROM orders ORDER BY order_id")
    assert (first.status, first.size, first.remaining, first.filled) == ("PENDING_PLACEMENT", D(50), D(50), D(0))
    assert (first.workflow_id, first.run_id) == (OWNER, "run-1")
    told = await rows(ledger, "SELECT channel, event, client, payload FROM events ORDER BY event_id")
    assert [(row.channel, row.event, row.client) for row in told] == [("orders", "INSERT", CLIENT)] * 2
    assert told[0].payload["orderStatus"] == "PENDING_PLACEMENT"


async def test_an_id_claimed_twice_is_found_and_not_sent_again(ledger: AsyncEngine) -> None:
    await claim(ledger, spec("c1"))
    again = await claim(ledger, spec("c1", size="70", price="0.40"), spec("c2"))
    assert again.fresh == {"c2"}
    found = again.found["c1"]
    assert (found.status, found.spec.size, found.spec.price) == (OrderStatus.PENDING_PLACEMENT, D(50), D("0.46"))
    assert len(await rows(ledger, "SELECT 1 FROM orders WHERE client_order_id = 'c1'")) == 1


async def test_two_attempts_at_the_same_moment_claim_once(ledger: AsyncEngine) -> None:
    claims = await asyncio.gather(*(claim(ledger, spec("c1")) for _ in range(8)))
    assert sum("c1" in item.fresh for item in claims) == 1
    assert sum("c1" in item.found for item in claims) == 7


async def test_a_found_order_comes_with_its_fills(ledger: AsyncEngine) -> None:
    await claim(ledger, spec("c1"))
    await write(
        ledger,
        """INSERT INTO fills (account_id, venue_fill_id, client_order_id, size, price, fee, at, failed)
           VALUES ('kalshi-demo', 't1', 'c1', 20, 0.46, 0.1, now(), false),
                  ('kalshi-demo', 't2', 'c1', 30, 0.46, 0.1, now(), true)""",
    )
    found = (await claim(ledger, spec("c1"))).found["c1"]
    assert (found.filled, found.failed_fills) == (D(20), ("t2",))


@pytest.mark.parametrize(
    ("scope", "flag", "reason"),
    [
        (CLIENT, "paused", "trading is paused"),
        (CLIENT, "stopped", "trading is stopped"),
        ("global", "paused", "trading is paused"),
        ("global", "soft_paused", "trading is soft paused"),
        ("global", "stopped", "trading is system stopped"),
        ("global", "emergency", "trading is emergency"),
    ],
)
async def test_a_closed_gate_lets_nothing_through(ledger: AsyncEngine, scope: str, flag: str, reason: str) -> None:
    await write(ledger, f"INSERT INTO gates (scope, {flag}) VALUES (:scope, true)", scope=scope)
    claims = await claim(ledger, spec("c1"))
    assert (claims.fresh, claims.blocked) == (frozenset(), {"c1": reason})
    assert await rows(ledger, "SELECT 1 FROM orders UNION ALL SELECT 1 FROM events") == []


async def test_the_gravest_reason_is_given_and_other_clients_do_not_count(ledger: AsyncEngine) -> None:
    await write(ledger, "INSERT INTO gates (scope, paused) VALUES ('somebody', true)")
    assert (await claim(ledger, spec("c1"))).fresh == {"c1"}
    await write(
        ledger,
        """INSERT INTO gates (scope, paused, stopped, emergency)
           VALUES ('demo:vertex', true, true, false), ('global', true, true, true)""",
    )
    assert (await claim(ledger, spec("c2"))).blocked == {"c2": "trading is emergency"}


async def test_what_was_claimed_before_the_gate_closed_is_still_found(ledger: AsyncEngine) -> None:
    await claim(ledger, spec("c1"))
    await write(ledger, "INSERT INTO gates (scope, stopped) VALUES ('global', true)")
    claims = await claim(ledger, spec("c1"), spec("c2"))
    assert (set(claims.found), set(claims.blocked)) == ({"c1"}, {"c2"})


async def test_a_gate_closes_before_or_after_a_claim_but_never_inside_it(ledger: AsyncEngine) -> None:
    """Whoever closes the gate must then see every order that slipped through, to have its owner cancel it."""
    async with ledger.connect() as claiming:
        intents = [orders.Intent(spec("c1"), "{}", None)]
        transaction = await claiming.begin()
        assert (await orders.claim(claiming, request(owner(), spec("c1")), intents)).fresh == {"c1"}

        async def close() -> int:
            await write(ledger, "INSERT INTO gates (scope, stopped) VALUES ('global', true)")
            return len(await rows(ledger, "SELECT 1 FROM orders WHERE status = 'PENDING_PLACEMENT'"))

        closing = asyncio.create_task(close())
        await asyncio.sleep(0.1)
        assert not closing.done(), "the gate closed in the middle of a claim"
        await transaction.commit()
        assert await closing == 1
    assert (await claim(ledger, spec("c2"))).blocked


async def test_claims_do_not_wait_for_each_others_gates(ledger: AsyncEngine) -> None:
    async with ledger.begin() as first:
        await orders.claim(first, request(owner(), spec("c1")), [orders.Intent(spec("c1"), "{}", None)])
        elsewhere = owner(fixture="id1100013200000002")
        assert (await asyncio.wait_for(claim(ledger, spec("c2"), of=elsewhere), 15)).fresh == {"c2"}


async def test_the_market_limit_counts_everything_that_may_fill(ledger: AsyncEngine) -> None:
    config = settings(max_market_loss=D(50))
    assert (await claim(ledger, spec("c1"), spec("c2"), config=config)).fresh == {"c1", "c2"}  # 2 * 50 * 0.46 = 46
    claims = await claim(ledger, spec("c3", size="9"), spec("c4", size="8"), config=config)
    assert claims.blocked == {"c3": "market loss 50.14 would exceed max_market_loss 50"}
    assert claims.fresh == {"c4"}, "what was refused reserves nothing"


async def test_only_one_outcome_of_a_market_happens(ledger: AsyncEngine) -> None:
    config = settings(max_market_loss=D(25))
    claims = await claim(ledger, spec("c1"), spec("c2", outcome=112), config=config)
    assert claims.fresh == {"c1", "c2"}


async def test_the_fixture_limit_sums_its_markets_over_all_exchanges(ledger: AsyncEngine) -> None:
    config = settings(max_market_loss=D(500), max_fixture_loss=D(50))
    assert (await claim(ledger, spec("c1"), config=config)).fresh
    assert (await claim(ledger, spec("c2"), of=owner(222, "polymarket-demo"), config=config)).fresh
    claims = await claim(ledger, spec("c3"), of=owner(333), config=config)
    assert claims.blocked == {"c3": "fixture loss 69.00 would exceed max_fixture_loss 50"}
    other = await claim(ledger, spec("c4"), of=owner(111, fixture="id1100013200000002"), config=config)
    assert other.fresh == {"c4"}


async def test_an_order_that_ended_frees_its_reservation(ledger: AsyncEngine) -> None:
    config = settings(max_market_loss=D(25))
    await claim(ledger, spec("c1"), config=config)
    assert (await claim(ledger, spec("c2"), config=config)).blocked
    await write(ledger, "UPDATE orders SET status = 'CANCELLED', remaining = 0")
    assert (await claim(ledger, spec("c2"), config=config)).fresh == {"c2"}


@pytest.mark.parametrize("limit", ["max_market_loss", "max_fixture_loss"])
async def test_twenty_claims_at_once_never_exceed_a_limit(ledger: AsyncEngine, limit: str) -> None:
    config = settings(**{limit: D(100)})  # each costs 23: four fit
    jobs = [
        claim(ledger, spec(f"c{at}"), of=owner(111, ("kalshi-demo", "polymarket-demo")[at % 2]), config=config)
        for at in range(20)
    ]
    claims = await asyncio.gather(*jobs)
    assert sum(len(item.fresh) for item in claims) == 4
    assert sum(len(item.blocked) for item in claims) == 16
    (reserved,) = await rows(ledger, "SELECT sum(remaining * price) AS money FROM orders")
    assert reserved.money == D(92)


def placed(name: str, version: int, **fills: Decimal) -> Order:
    order = apply(Order(spec(name)), Accepted(f"v-{name}"))
    return Order(order.spec, order.status, order.venue_order_id, reported=fills.get("filled", D(0)), version=version)


async def project(ledger: AsyncEngine, order: Order, version: int) -> bool:
    async with ledger.begin() as connection:
        return await orders.project(connection, owner(), order, version)


async def test_a_projection_is_told_once_with_what_it_changed(ledger: AsyncEngine) -> None:
    await claim(ledger, spec("c1"))
    assert await project(ledger, placed("c1", 1), NOW)
    assert await project(ledger, placed("c1", 1), NOW), "the same decision again is no error"
    (_, told) = await rows(ledger, "SELECT event, payload, old FROM events ORDER BY event_id")
    assert (told.event, told.payload["orderStatus"], told.payload["exchangeOrderId"]) == ("UPDATE", "PLACED", "v-c1")
    assert told.old == {"orderStatus": "PENDING_PLACEMENT", "exchangeOrderId": None}


async def test_a_late_projection_changes_nothing(ledger: AsyncEngine) -> None:
    await claim(ledger, spec("c1"))
    assert await project(ledger, placed("c1", 2, filled=D(20)), NOW + 2)
    before = await rows(ledger, "SELECT * FROM orders")
    assert not await project(ledger, placed("c1", 1), NOW + 1)
    assert await rows(ledger, "SELECT * FROM orders") == before
    assert len(await rows(ledger, "SELECT 1 FROM events")) == 2


async def test_an_order_nobody_claimed_is_not_projected(ledger: AsyncEngine) -> None:
    assert not await project(ledger, placed("ghost", 1), NOW)
    assert await rows(ledger, "SELECT 1 FROM orders") == []


async def test_what_is_filled_and_what_rests_add_up(ledger: AsyncEngine) -> None:
    await claim(ledger, spec("c1"))
    await project(ledger, placed("c1", 2, filled=D(20)), NOW)
    (row,) = await rows(ledger, "SELECT filled, remaining, matched_status, ended_at FROM orders")
    assert (row.filled, row.remaining, row.matched_status, row.ended_at) == (D(20), D(30), "PARTIALLY_MATCHED", None)
    over = Order(spec("c1"), OrderStatus.CANCELLED, "v-c1", reported=D(20), version=3)
    await project(ledger, over, NOW + 1)
    (row,) = await rows(ledger, "SELECT status, remaining, ended_at FROM orders")
    assert (row.status, row.remaining) == ("CANCELLED", D(0))
    assert row.ended_at is not None


async def test_an_order_survives_the_ledger(ledger: AsyncEngine) -> None:
    await claim(ledger, spec("c1", level=2))
    await project(ledger, placed("c1", 2, filled=D(20)), NOW)
    async with ledger.connect() as connection:
        (order,) = await orders.load(connection, ["c1"])
        assert await orders.load(connection, []) == []
    assert (order.spec.price, order.spec.size, order.spec.level, order.spec.odds) == (D("0.46"), D(50), 2, D("1.90"))
    assert (order.status, order.venue_order_id, order.remaining) == (OrderStatus.PLACED, "v-c1", D(30))
    assert order.spec.expires_at == NOW // 1000 + 60
    assert order.spec.priced_at == NOW


async def test_sums_are_exact(ledger: AsyncEngine) -> None:
    await claim(ledger, spec("c1", size="0.1", price="0.2"), spec("c2", size="0.2", price="0.1"))
    async with ledger.connect() as connection:
        total = (await connection.execute(text("SELECT sum(price) FROM orders"))).scalar_one()
    assert total == D("0.3")
