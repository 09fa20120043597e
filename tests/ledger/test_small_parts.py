"""Alarms, heartbeats, look-ups, fixtures and the operator's line."""

import asyncio
from dataclasses import replace
from datetime import timedelta
from typing import Any

import psycopg
import pytest
from sqlalchemy.ext.asyncio import AsyncEngine

from overround.domain.markets import Instrument
from overround.domain.orders import Seen
from overround.feed.messages import Fixture, Score
from overround.ledger import alarms, configs, fixtures, heartbeats, lookups, progress
from overround.ledger.db import connect, normalise
from tests.domain.desk import KEY, instrument
from tests.domain.vectors import D
from tests.ledger.desk import CLIENT, OWNER, Hedge, accepted, claim, fill, owner, rows, spec, write

# -- alarms and signs of life ---------------------------------------------------------------------------------------


async def raised(ledger: AsyncEngine, message: str, subject: str = "c1") -> None:
    async with ledger.begin() as connection:
        await alarms.raise_alarm(connection, "naked", subject, message, CLIENT)


async def test_an_alarm_is_raised_once_and_refreshed(ledger: AsyncEngine) -> None:
    await asyncio.gather(*(raised(ledger, "10 contracts are not hedged") for _ in range(5)))
    await raised(ledger, "15 contracts are not hedged")
    await raised(ledger, "3 contracts are not hedged", "c2")
    found = await rows(ledger, "SELECT subject, message FROM alarms ORDER BY subject")
    assert [(row.subject, row.message) for row in found] == [
        ("c1", "15 contracts are not hedged"),
        ("c2", "3 contracts are not hedged"),
    ]


async def test_a_cleared_alarm_may_be_raised_again(ledger: AsyncEngine) -> None:
    for message in ("first", "second"):
        await raised(ledger, message)
        async with ledger.begin() as connection:
            await alarms.clear_alarm(connection, "naked", "c1")
            await alarms.clear_alarm(connection, "naked", "c1")
    await raised(ledger, "third")
    found = await rows(ledger, "SELECT message, cleared_at IS NULL AS open FROM alarms ORDER BY alarm_id")
    assert [(row.message, row.open) for row in found] == [("first", False), ("second", False), ("third", True)]


async def test_silence_is_counted_from_the_last_sign_of_life(ledger: AsyncEngine) -> None:
    async with ledger.begin() as connection:
        assert await heartbeats.ages(connection, heartbeats.WORKERS) == {}
        await heartbeats.beat(connection, "trading", {"pid": 1})
        await heartbeats.beat(connection, "trading", {"pid": 2})
    await write(ledger, "UPDATE heartbeats SET at = now() - interval '7 seconds'")
    async with ledger.connect() as connection:
        found = await heartbeats.ages(connection, heartbeats.WORKERS)
    assert set(found) == {"trading"}
    assert 7 <= found["trading"] < 8
    assert [row.detail for row in await rows(ledger, "SELECT detail FROM heartbeats")] == [{"pid": 2}]


# -- look-ups -------------------------------------------------------------------------------------------------------


async def find(ledger: AsyncEngine, venue: str | None, ours: str | None, account: str = "kalshi-demo") -> str | None:
    async with ledger.connect() as connection:
        known = await configs.load(connection)
        found = await lookups.find_orders(
            connection,
            known,
            account,
            venue_order_ids=[venue] if venue else [],
            client_order_ids=[ours] if ours else [],
        )
    assert len(found) <= 1
    return found[0].client_order_id if found else None


async def test_an_order_is_found_under_either_name(ledger: AsyncEngine) -> None:
    await claim(ledger, spec("c1"), spec("c2"))
    await write(ledger, "UPDATE orders SET venue_order_id = 'v2' WHERE client_order_id = 'c2'")
    assert await find(ledger, None, "c1") == "c1"
    assert await find(ledger, "v2", None) == "c2"
    assert await find(ledger, "v2", "c2") == "c2"
    assert await find(ledger, "v9", "c9") is None
    assert await find(ledger, "v2", "c2", "polymarket-demo") is None


async def test_an_unknown_name_never_finds_an_order_that_has_none(ledger: AsyncEngine) -> None:
    await claim(ledger, *(spec(f"c{at}") for at in range(5)))
    assert await find(ledger, None, "c4") == "c4"
    assert await find(ledger, None, "ghost") is None
    assert await find(ledger, None, None) is None


async def test_an_order_comes_with_what_its_hedge_needs(ledger: AsyncEngine) -> None:
    await claim(ledger, spec("c1"))
    async with ledger.begin() as connection:
        await configs.save(connection, CLIENT, 132, {"slippage": "0.04"}, "tester")
        for outcome in (111, 112, 113):
            item = instrument(outcome, min_size=D("2.5"), details={"tick": "0.01"})
            await fixtures.save_instrument(connection, item, proved=True, reason="labels agree")
        known = await configs.load(connection)
        (found,) = await lookups.find_orders(connection, known, "kalshi-demo", client_order_ids=["c1"])
    assert found.owner == replace(owner(), title="")
    assert found.hedged.config.slippage == D("0.04")
    assert found.hedged.instrument == instrument(111, min_size=D("2.5"), details={"tick": "0.01"})
    assert found.hedged.others == (112, 113)


async def test_many_orders_are_looked_up_at_once_each_with_its_own_market(ledger: AsyncEngine) -> None:
    await claim(ledger, spec("c1"), spec("c2", outcome=112))
    await write(ledger, "UPDATE orders SET venue_order_id = 'v' || client_order_id")
    async with ledger.begin() as connection:
        await fixtures.save_instrument(connection, instrument(111), proved=True, reason="labels agree")
        await fixtures.save_instrument(connection, instrument(112), proved=False, reason="no price")
        known = await configs.load(connection)
        found = await lookups.find_orders(connection, known, "kalshi-demo", venue_order_ids=["vc1", "vc2", "vghost"])
    by_id = {item.client_order_id: item for item in found}
    assert {key: (item.outcome_id, item.hedged.others) for key, item in by_id.items()} == {
        "c1": (111, (112,)),
        "c2": (112, (111,)),
    }
    assert by_id["c1"].hedged.instrument == instrument(111)


async def test_open_orders_that_rest_are_found_with_their_owner(ledger: AsyncEngine) -> None:
    await claim(ledger, spec("old"), spec("over"), spec("sold", action="sell"))
    await write(ledger, "UPDATE orders SET updated_at = now() - interval '10 seconds', version = 7")
    await write(ledger, "UPDATE orders SET status = 'EXPIRED' WHERE client_order_id = 'over'")
    await claim(ledger, spec("new"))
    old, quiet = ("old", 7, OWNER), timedelta(seconds=3)
    async with ledger.connect() as connection:
        assert await lookups.unchanged(connection, quiet) == [old]
        assert await lookups.unchanged(connection, quiet, timedelta(seconds=8)) == [old]
        assert await lookups.unchanged(connection, quiet, timedelta(seconds=6)) == []


async def test_owners_of_open_orders_are_found_by_client(ledger: AsyncEngine) -> None:
    await claim(ledger, spec("c1"), spec("c2"))
    await claim(ledger, spec("c3"), of=owner(222))
    await claim(ledger, spec("u1", action="sell"), of=owner(333))
    await write(ledger, "UPDATE orders SET status = 'FILLED' WHERE client_order_id = 'c3'")
    async with ledger.connect() as connection:
        for client in (CLIENT, None):
            assert await lookups.open_owners(connection, client) == [OWNER]
        assert await lookups.open_owners(connection, "somebody") == []


# -- fixtures -------------------------------------------------------------------------------------------------------


def fixture(**changes: Any) -> Fixture:
    return Fixture(**{
        "fixture_id": KEY.fixture_id, "sport_id": 11, "sport": "Basketball", "tournament_id": 132,
        "tournament": "NBA", "participant1": "Celtics", "participant2": "Nuggets", "start_time": 1_800_000_000,
        "status_id": 1, **changes,
    })  # fmt: skip


def score(first: int, second: int) -> Score:
    return Score("p1", first, second, None)


async def saved(ledger: AsyncEngine, item: Fixture) -> None:
    async with ledger.begin() as connection:
        await fixtures.save_fixture(connection, item)


async def test_scores_are_told_when_they_change(ledger: AsyncEngine) -> None:
    await saved(ledger, fixture(scores={"p1": score(1, 0)}))
    await saved(ledger, fixture(scores={"p1": score(1, 0)}))
    await saved(ledger, fixture(scores={"p1": score(1, 1)}, status_id=2))
    (told,) = await rows(ledger, "SELECT channel, client, payload, old FROM events")
    assert (told.channel, told.client) == ("scores", None)
    assert told.payload["scores"]["p1"]["participant2Score"] == 1
    assert told.old["scores"]["p1"]["participant2Score"] == 0
    (row,) = await rows(ledger, "SELECT status_id, participant1 FROM fixtures")
    assert (row.status_id, row.participant1) == (2, "Celtics")


async def instruments(ledger: AsyncEngine) -> list[tuple[int, bool, str]]:
    found = await rows(ledger, "SELECT outcome_id, proved, reason FROM instruments ORDER BY outcome_id")
    return [(row.outcome_id, row.proved, row.reason) for row in found]


async def test_an_instrument_is_listed_with_why_it_is_or_is_not_traded(ledger: AsyncEngine) -> None:
    item: Instrument = instrument(111)
    async with ledger.begin() as connection:
        await fixtures.save_unmapped(connection, "kalshi", KEY, 111, "no native ids")
        await fixtures.save_unmapped(connection, "kalshi", KEY, 112, "no native ids")
        await fixtures.save_instrument(connection, item, proved=True, reason="labels agree")
    assert await instruments(ledger) == [(111, True, "labels agree"), (112, False, "no native ids")]
    async with ledger.begin() as connection:
        await fixtures.save_unmapped(connection, "kalshi", KEY, 111, "the venue's market is not open")
        assert await lookups.instruments_of(connection, "kalshi", KEY.fixture_id, KEY.market_id) == [item]
    assert (await instruments(ledger))[0] == (111, False, "the venue's market is not open")


# -- the operator's line --------------------------------------------------------------------------------------------


async def test_the_line_counts_what_an_operator_watches(ledger: AsyncEngine, ledger_url: str) -> None:
    assert progress.snapshot(ledger_url).line() == (
        "no feed yet · 0 open orders · 0 fills · 0 hedges (0 bets) · residual 0.00 · 0 settled · PnL +0.00"
    )
    await claim(ledger, spec("c1"), spec("c2"), spec("c3"))
    await write(ledger, "UPDATE orders SET unknown = true WHERE client_order_id = 'c2'")
    await write(ledger, "UPDATE orders SET status = 'FILLED' WHERE client_order_id = 'c3'")
    hedge = Hedge(ledger)
    await hedge.fills(fill("t1"), fill("t2", "5"), failed=["t2"])
    await hedge.report(accepted(await hedge.bet(1, "4.5"), ("p1", "4.5", "2.00")))
    await hedge.fills()
    await raised(ledger, "1 contract is not hedged")
    async with ledger.begin() as connection:
        await heartbeats.beat(connection, "feed", {})
    await write(
        ledger,
        """INSERT INTO settlements (client, fixture_id, market_id, outcome_id, subject, subject_id, revision, status,
             profit, workflow_id, run_id)
           VALUES ('demo:vertex', 'f', 1, 1, 'order', 'x', 1, 'WON', 99, 'w', 'r'),
                  ('demo:vertex', 'f', 1, 1, 'order', 'x', 2, 'LOST', -3.5, 'w', 'r')""",
    )
    line = progress.snapshot(ledger_url).line()
    assert line.startswith("feed 0.")
    assert line.endswith(
        "· 2 open orders (1 unknown) · 1 fills · 1 hedges (1 bets) · residual 1.00 · 0 settled · PnL -3.50 · 1 alarm(s)"
    )


async def test_dust_is_shown_until_another_hedge_covers_it(ledger: AsyncEngine, ledger_url: str) -> None:
    await claim(ledger, spec("c1"), spec("c2"))
    first, second = Hedge(ledger), Hedge(ledger, "c2")
    await first.fills(fill("t1", "0.4"))
    await first.pool(1, D("0.4"))
    await first.fills()
    assert "residual 0.40" in progress.snapshot(ledger_url).line()
    await second.fills(fill("t2"))
    await second.report(accepted(await second.bet(1, "5.20", dust=True), ("p1", "5.20", "2.00")))
    await second.fills()
    assert "residual 0.00" in progress.snapshot(ledger_url).line()


def test_a_ledger_that_does_not_answer_is_an_error() -> None:
    with pytest.raises(psycopg.OperationalError):
        progress.snapshot("postgresql://127.0.0.1:1/nowhere")


@pytest.mark.parametrize("scheme", ["postgres", "postgresql", "postgresql+psycopg"])
def test_any_way_to_write_an_address_will_do(scheme: str) -> None:
    assert normalise(f"{scheme}://db.invalid/ledger") == "postgresql+psycopg://db.invalid/ledger"


async def test_the_connection_used_last_is_used_next(ledger_url: str) -> None:
    """It has the statements prepared, and its server process has them in mind."""
    engine = connect(ledger_url, pool=2)
    pids = []
    async with engine.connect() as first:
        async with engine.connect() as second:
            pids.append((await second.exec_driver_sql("SELECT pg_backend_pid()")).scalar_one())
        pids.append((await first.exec_driver_sql("SELECT pg_backend_pid()")).scalar_one())
    async with engine.connect() as again:
        pids.append((await again.exec_driver_sql("SELECT pg_backend_pid()")).scalar_one())
    await engine.dispose()
    assert pids[0] != pids[1] == pids[2]


@pytest.mark.parametrize(
    ("filled", "ended", "status", "row_filled", "unknown", "same"),
    [
        ("0", None, "PLACED", "0", False, True),
        ("0", None, "PENDING_PLACEMENT", "0", False, False),
        ("0", None, "CANCELLED", "0", False, False),
        ("0", "CANCELLED", "PLACED", "0", False, False),
        ("0", "CANCELLED", "CANCELLED", "0", False, True),
        ("5", "CANCELLED", "CANCELLED", "0", False, False),
        ("5", None, "PARTIAL", "5", False, True),
        ("7", None, "PARTIAL", "5", False, False),
        ("0", None, "PLACED", "0", True, False),
    ],
)
async def test_only_what_the_ledger_says_exactly_is_not_told_again(
    ledger: AsyncEngine, filled: str, ended: Any, status: str, row_filled: str, unknown: bool, same: bool
) -> None:
    await claim(ledger, spec("c1"))
    await write(
        ledger,
        "UPDATE orders SET venue_order_id = 'v1', status = :status, filled = :filled, unknown = :unknown",
        status=status, filled=D(row_filled), unknown=unknown,
    )  # fmt: skip
    view = Seen("v1", D(filled), ended)
    async with ledger.connect() as connection:
        assert await lookups.confirmed(connection, "kalshi-demo", [view]) == ({"v1"} if same else set())
        assert await lookups.confirmed(connection, "polymarket-demo", [view]) == set(), "another account's order"
