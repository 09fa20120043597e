"""What clients and operators may change comes to a ledger in use: keys go on opening, settings go on counting."""

import psycopg
import pytest
from alembic import command
from pydantic import SecretStr
from sqlalchemy.exc import DBAPIError

from overround.ledger import configs, keys, migrate
from overround.ledger.db import connect

PEPPER = SecretStr("pepper")
KEY = "11111111-2222-4333-8444-555555555555"
OLD_ROWS = (
    "INSERT INTO clients (client, name, bookmaker) VALUES ('demo', 'Demo', 'vertex')",
    "INSERT INTO trading_configs (client, tournament_id, config_version, body) VALUES ('demo', 17, 4, '{\"size\": 9}')",
)


async def test_keys_and_settings_outlive_an_upgrade_and_a_way_back(blank_database_url: str) -> None:
    configuration = migrate.configuration(blank_database_url)
    command.upgrade(configuration, "0002")
    with psycopg.connect(blank_database_url, autocommit=True) as plain:
        for statement in OLD_ROWS:
            plain.execute(statement.encode())
        plain.execute(
            "INSERT INTO api_keys (digest, last4, kind, client) VALUES (%s, '5555', 'client', 'demo')",
            [keys.digest(KEY, PEPPER)],
        )
    command.upgrade(configuration, "head")
    engine = connect(blank_database_url, pool=1)
    async with engine.begin() as connection:
        owner = await keys.find_key(connection, PEPPER, KEY)
        assert owner is not None
        assert (owner.client, owner.stale) == ("demo", True)
        held = await configs.load(connection)
        assert (str(held.of("demo", 17).size), held.of("demo", 17, 171).version) == ("9", 4)
        market = await configs.save(connection, "demo", 17, {"size": 3}, "ann", 171)
        assert market.version == 1
    await engine.dispose()
    command.downgrade(configuration, "0002")
    with psycopg.connect(blank_database_url, autocommit=True) as plain:
        kept = plain.execute("SELECT tournament_id, config_version FROM trading_configs").fetchall()
        assert kept == [(17, 4)], "older versions know no settings of a market"
    command.upgrade(configuration, "head")


async def test_a_key_is_for_a_client_that_exists_or_for_an_operator(blank_database_url: str) -> None:
    migrate.upgrade(blank_database_url)
    engine = connect(blank_database_url, pool=1)
    with pytest.raises(DBAPIError):
        async with engine.begin() as connection:
            await keys.issue_key(connection, PEPPER, "client", "nobody", "x")
    async with engine.begin() as connection:
        made = await keys.issue_key(connection, PEPPER, "operator", None, "ann")
        owner = await keys.find_key(connection, PEPPER, made.key)
        assert owner is not None
        assert (owner.kind, owner.name, owner.client) == ("operator", "ann", "")
        assert made.key not in repr(made)
    await engine.dispose()
