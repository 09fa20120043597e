"""Trading settings in the ledger: every change a version, what is wrong changes nothing."""

import asyncio
from decimal import Decimal
from typing import Any

import pytest
from sqlalchemy.ext.asyncio import AsyncEngine

from overround.domain.config import BadConfig, TradingConfig, parse_config
from overround.ledger import configs
from tests.domain.vectors import D
from tests.ledger.desk import CLIENT, rows


async def save(ledger: AsyncEngine, tournament: int, body: dict[str, Any]) -> TradingConfig:
    async with ledger.begin() as connection:
        return await configs.save(connection, CLIENT, tournament, body, "tester")


async def load(ledger: AsyncEngine) -> configs.Configs:
    async with ledger.connect() as connection:
        return await configs.load(connection)


async def test_a_tournament_then_the_client_then_the_product(ledger: AsyncEngine) -> None:
    assert (await load(ledger)).of(CLIENT, 132) == TradingConfig()
    await save(ledger, configs.DEFAULT, {"margin": "0.02"})
    await save(ledger, 132, {"margin": "0.03"})
    found = await load(ledger)
    assert [found.of(CLIENT, tournament).margin for tournament in (132, 17)] == [D("0.03"), D("0.02")]
    assert found.of("somebody", 132) == TradingConfig()


async def test_each_change_is_a_new_version_and_the_last_counts(ledger: AsyncEngine) -> None:
    versions = [(await save(ledger, 132, {"size": size})).version for size in (10, 20, 30)]
    assert versions == [1, 2, 3]
    found = await load(ledger)
    assert (found.of(CLIENT, 132).size, found.of(CLIENT, 132).version) == (D(30), 3)
    kept = await rows(ledger, "SELECT body, changed_by FROM trading_configs ORDER BY config_version")
    assert [(row.body, row.changed_by) for row in kept] == [({"size": size}, "tester") for size in (10, 20, 30)]


async def test_a_change_is_noticed_by_its_number(ledger: AsyncEngine) -> None:
    async with ledger.connect() as connection:
        assert await configs.newest(connection) == 0
    before = await load(ledger)
    await save(ledger, 132, {})
    async with ledger.connect() as connection:
        assert await configs.newest(connection) > before.version
    assert (await load(ledger)).version > before.version


@pytest.mark.parametrize("body", [{"sizes": 1}, {"margin": "much"}, {"levels": 99}, {"min_price": "0.98"}])
async def test_a_wrong_setting_changes_nothing(ledger: AsyncEngine, body: dict[str, Any]) -> None:
    await save(ledger, 132, {"size": 10})
    with pytest.raises(BadConfig):
        await save(ledger, 132, body)
    assert (await load(ledger)).of(CLIENT, 132).size == D(10)


async def test_exact_numbers_stay_exact_through_the_ledger(ledger: AsyncEngine) -> None:
    saved = await save(ledger, 132, {"margin": Decimal("0.0123456789012345678"), "slippage": "0.3", "outcomes": [111]})
    found = (await load(ledger)).of(CLIENT, 132)
    assert found == saved
    assert found.margin == D("0.0123456789012345678")


def test_plain_values_read_back_as_they_were() -> None:
    config = TradingConfig(version=4, outcomes=(111, 112), margin=D("0.015"), levels=3)
    plain = configs.as_plain(config)
    assert "version" not in plain
    assert parse_config(plain, version=4) == config


async def test_a_market_of_a_tournament_has_settings_of_its_own(ledger: AsyncEngine) -> None:
    await save(ledger, 132, {"margin": "0.03"})
    async with ledger.begin() as connection:
        first = await configs.save(connection, CLIENT, 132, {"margin": "0.04"}, "tester", 111)
    found = await load(ledger)
    assert first.version == 1
    assert [found.of(CLIENT, 132, market).margin for market in (111, 113)] == [D("0.04"), D("0.03")]
    assert found.of(CLIENT, 17, 111) == TradingConfig()
    assert found.version == 2


async def test_two_who_save_at_once_get_a_version_each(ledger: AsyncEngine) -> None:
    saved = await asyncio.gather(*(save(ledger, 132, {"size": size}) for size in (10, 20, 30)))
    assert sorted(config.version for config in saved) == [1, 2, 3]
