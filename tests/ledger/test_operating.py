"""What operators read and change, in the ledger itself: no statement of it holds a credential or loses a digit."""

from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from pydantic import SecretStr
from sqlalchemy import Table, text
from sqlalchemy.ext.asyncio import AsyncEngine

from overround.domain.clients import parse_client
from overround.ledger import accounts, alarms, clients, keys, trail, vitals, waiting
from overround.ledger import tables as t
from overround.ledger.heartbeats import beat
from tests.ledger.desk import CLIENT, claim, rows, spec, write

PEPPER = SecretStr("pepper")
ACCOUNTS: tuple[tuple[Table, str], ...] = ((t.exchange_accounts, "kalshi-demo"), (t.bookmaker_accounts, "vertex-demo"))


async def hedged(ledger: AsyncEngine, name: str, state: str, residual: str = "40") -> None:
    """A claimed order with a hedge of that state, opened a minute ago."""
    await claim(ledger, spec(name))
    await write(
        ledger,
        "INSERT INTO hedges (client_order_id, client, fixture_id, market_id, outcome_id, workflow_id, run_id, state, "
        "residual, opened_at) SELECT client_order_id, client, fixture_id, market_id, outcome_id, 'hedge:' || :name, "
        "'r', :state, CAST(:residual AS numeric), now() - interval '1 minute' FROM orders "
        "WHERE client_order_id = :name",
        name=name,
        state=state,
        residual=residual,
    )


async def test_a_client_is_created_once_and_changed_by_name(ledger: AsyncEngine) -> None:
    async with ledger.begin() as connection:
        assert await clients.create_client(connection, parse_client("acme:vertex"), "Acme", "decimal")
        assert not await clients.create_client(connection, parse_client("acme:vertex"), "Again", "american")
        new = await clients.change_client(connection, "acme:vertex", {"name": "Acme Ltd", "active": False})
        assert (new["name"], new["active"], new["bookmaker"]) == ("Acme Ltd", False, "vertex")
        assert await clients.find_client(connection, "nobody") is None
        assert await clients.unfinished(connection, "acme:vertex") == {}


async def test_what_is_unfinished_is_counted_by_client_and_account(ledger: AsyncEngine) -> None:
    await hedged(ledger, "a", "OPEN")
    await claim(ledger, spec("b", outcome=112))
    async with ledger.connect() as connection:
        assert await clients.unfinished(connection, CLIENT) == {"open orders": 2, "hedges under way": 1}
        assert await accounts.unfinished(connection, t.exchange_accounts, "kalshi-demo") == {"open orders": 2}
        assert await accounts.unfinished(connection, t.exchange_accounts, "polymarket-demo") == {}
        assert await accounts.unfinished(connection, t.bookmaker_accounts, "vertex-demo") == {}
    await write(ledger, "UPDATE orders SET status = 'FILLED', filled = size")
    async with ledger.connect() as connection:
        assert await accounts.unfinished(connection, t.exchange_accounts, "kalshi-demo") == {"unsettled orders": 2}


@pytest.mark.parametrize(("table", "name"), ACCOUNTS, ids=["exchange", "bookmaker"])
async def test_an_account_is_read_without_its_credentials(ledger: AsyncEngine, table: Table, name: str) -> None:
    async with ledger.begin() as connection:
        found = await accounts.find_account(connection, table, name, lock=True)
        assert found is not None
        assert "secrets" not in found
        changed = await accounts.change_account(connection, table, name, {"currency": "EUR"})
        assert (changed["currency"], "secrets" in changed) == ("EUR", False)
        assert await accounts.find_account(connection, table, "nothing") is None
    assert {column.name for column in table.c} - {column.name for column in accounts.shown(table)} == {"secrets"}


async def test_a_key_ends_when_its_grace_is_over(ledger: AsyncEngine) -> None:
    async with ledger.begin() as connection:
        old = await keys.issue_key(connection, PEPPER, "client", CLIENT, "bot")
        new = await keys.rotate_key(connection, PEPPER, old.key_id, timedelta(hours=1))
        assert new is not None
        assert await keys.rotate_key(connection, PEPPER, old.key_id, timedelta(hours=1)) is None
    async with ledger.begin() as connection:
        assert await keys.find_key(connection, PEPPER, old.key) is not None
        await connection.execute(text("UPDATE api_keys SET expires_at = now() WHERE expires_at IS NOT NULL"))
    async with ledger.begin() as connection:
        assert await keys.find_key(connection, PEPPER, old.key) is None
        found = await keys.find_key(connection, PEPPER, new.key)
        assert found is not None
        assert found.client == CLIENT
        shown = [await keys.find_shown(connection, item.key_id) for item in (old, new)]
        assert [keys.state(row) for row in shown if row is not None] == ["ended", "live"]
        assert await keys.revoke_key(connection, new.key_id)
        assert await keys.rotate_key(connection, PEPPER, new.key_id, timedelta(0)) is None
        assert {"digest", "last4"}.isdisjoint(shown[0] or {})


async def test_residuals_are_those_of_hedges_that_are_stuck(ledger: AsyncEngine) -> None:
    for number, state in enumerate(("OPEN", "UNKNOWN", "HEDGING", "DONE")):
        await hedged(ledger, f"o-{number}", state)
    async with ledger.connect() as connection:
        found = (await connection.execute(waiting.residuals())).mappings().all()
        assert {row["client_order_id"] for row in found} == {"o-0", "o-1"}
        assert all(60 <= row["age"] < 120 for row in found)
        assert (await connection.execute(waiting.residuals("somebody"))).all() == []
        stuck = await waiting.hedge(connection, "o-0")
        assert stuck is not None
        assert stuck["workflow_id"] == "hedge:o-0"
        assert await waiting.hedge(connection, "nothing") is None


async def test_a_dispute_concerns_those_who_traded(ledger: AsyncEngine) -> None:
    await claim(ledger, spec("a"))
    fixture = (await rows(ledger, "SELECT fixture_id FROM orders"))[0].fixture_id
    for name in (fixture, "id-nobody-traded"):
        await write(
            ledger,
            "INSERT INTO fixture_settlements (fixture_id, workflow_id, state) VALUES (:f, 'w', 'DISPUTED')",
            f=name,
        )
    async with ledger.connect() as connection:
        found = {row.fixture_id: row.clients for row in await connection.execute(waiting.disputes())}
        assert found == {fixture: [CLIENT], "id-nobody-traded": []}
        settlement = await waiting.settlement(connection, fixture)
        assert settlement is not None
        assert settlement["state"] == waiting.DISPUTED


async def test_signs_of_life_have_an_age_and_counts_count_what_waits(ledger: AsyncEngine) -> None:
    await hedged(ledger, "a", "OPEN")
    async with ledger.begin() as connection:
        await beat(connection, "trading", {"pid": 1})
        await alarms.raise_alarm(connection, "naked", "a", "words", CLIENT)
        beats = await vitals.beats(connection)
        assert beats["trading"]["age"] < 5
        places = [(row["kind"], row["account_id"]) for row in await vitals.venues(connection)]
        assert places == [("exchange", "kalshi-demo"), ("exchange", "polymarket-demo"), ("bookmaker", "vertex-demo")]
        assert await vitals.counts(connection) == {"openAlarms": 1, "openResiduals": 1, "disputes": 0}


async def test_an_alarm_is_closed_once(ledger: AsyncEngine) -> None:
    async with ledger.begin() as connection:
        await alarms.raise_alarm(connection, "feed", "odds", "words")
        (raised,) = (await connection.execute(alarms.listed(None, None, history=False))).mappings()
        for expected in (True, False):
            found = await alarms.close_alarm(connection, raised["alarm_id"])
            assert found is not None
            assert found[1] is expected
        assert await alarms.close_alarm(connection, 999_999) is None
        assert (await connection.execute(alarms.listed(None, "feed", history=False))).all() == []
        assert len((await connection.execute(alarms.listed(None, "feed", history=True))).all()) == 1


@pytest.mark.parametrize("amount", ["0.1", "123456789012345678.123456789012", "-0.000000000001"])
async def test_the_audit_keeps_every_digit(ledger: AsyncEngine, amount: str) -> None:
    body: dict[str, Any] = {"new": {"margin": Decimal(amount)}, "old": None}
    async with ledger.begin() as connection:
        await trail.record(connection, "ann", "parameters.put", "default", CLIENT, body)
        (row,) = (await connection.execute(trail.recorded(CLIENT, "parameters.put", "ann"))).mappings()
    assert trail.detail(row) == body
