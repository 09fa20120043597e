"""API keys in the ledger."""

import pytest
from pydantic import SecretStr
from sqlalchemy import func, select, text
from sqlalchemy.exc import DBAPIError

from overround.ledger import tables as t
from overround.ledger.keys import create_key, find_key, revoke_key, store_key
from tests.api.conftest import PEPPER, Api


async def test_storing_a_key_again_changes_nothing_and_never_revives_it(api: Api) -> None:
    key = api.keys["demo"]
    async with api.writing() as connection:
        await store_key(connection, PEPPER, key, "client", "demo")
        owner = await find_key(connection, PEPPER, key.upper())
        assert owner is not None
        assert (owner.client, owner.name, owner.kind, owner.active) == ("demo", "Demo", "client", True)
        await revoke_key(connection, owner.key_id)
        await store_key(connection, PEPPER, key, "client", "demo")
        assert await find_key(connection, PEPPER, key) is None
        count = await connection.execute(select(func.count()).select_from(t.api_keys))
        assert count.scalar_one() == 4


async def test_a_key_is_worth_nothing_under_another_pepper(api: Api) -> None:
    async with api.writing() as connection:
        assert await find_key(connection, SecretStr("other"), api.keys["demo"]) is None


async def test_new_keys_differ_and_show_their_last_four(api: Api) -> None:
    async with api.writing() as connection:
        keys = {await create_key(connection, PEPPER, "client", "demo") for _ in range(3)}
        shown = (await connection.execute(select(t.api_keys.c.last4))).scalars().all()
    assert len(keys) == 3
    assert {key[-4:] for key in keys} <= set(shown)


async def test_a_database_error_does_not_name_the_values_it_was_given(api: Api) -> None:
    async with api.engine.connect() as connection:
        with pytest.raises(DBAPIError) as refused:
            await connection.execute(text("SELECT 1 FROM nowhere WHERE x = :secret"), {"secret": "planted"})
    assert "planted" not in str(refused.value)
