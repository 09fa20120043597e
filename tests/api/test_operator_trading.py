"""Operators set how a client trades, scope by scope, version by version (docs/trading.md; issue 3)."""

import asyncio
from decimal import Decimal
from typing import Any

import pytest

from api.operator.schemas.trading import KINDS, ScopeParameters
from overround.domain.config import TradingConfig
from overround.feed.catalogue import DEFAULT_OUTCOMES
from overround.ledger import configs
from tests.api.conftest import Api
from tests.api.operating import Desk

PATH = "/clients/demo/parameters"


@pytest.fixture
def desk(api: Api) -> Desk:
    return Desk(api)


async def engine(api: Api, tournament: int = 17, market: int = 171) -> TradingConfig:
    """What the engine would trade with."""
    async with api.writing() as connection:
        return (await configs.load(connection)).of("demo", tournament, market)


def test_no_parameter_is_missing() -> None:
    shown = {name for name in TradingConfig.__dataclass_fields__ if name != "version"}
    assert KINDS.keys() == shown


async def test_without_settings_the_products_defaults_are_shown(desk: Desk) -> None:
    found = await desk.ok("GET", PATH)
    ScopeParameters.model_validate(found)
    assert (found["scope"], found["version"], found["own"], found["changedBy"]) == ("default", 0, False, None)
    assert found["parameters"]["margin"] == Decimal("0.01")
    assert found["parameters"]["outcomes"] == []


async def test_a_default_counts_in_every_tournament(api: Api, desk: Desk) -> None:
    put = await desk.ok("PUT", PATH, {"margin": 0.02, "size": "12.5", "levels": 2})
    ScopeParameters.model_validate(put)
    assert (put["version"], put["own"], put["parameters"]["size"]) == (1, True, Decimal("12.5"))
    assert set(DEFAULT_OUTCOMES) < set(put["parameters"]["outcomes"])
    config = await engine(api)
    assert (config.margin, config.size, config.levels, config.version) == (Decimal("0.02"), Decimal("12.5"), 2, 1)
    inherited = await desk.ok("GET", PATH, tournamentId=17)
    assert (inherited["scope"], inherited["tournamentId"], inherited["own"]) == ("tournament", 17, False)
    assert inherited["parameters"] == put["parameters"]


async def test_a_scope_builds_on_the_one_above_as_it_is_now(api: Api, desk: Desk) -> None:
    await desk.ok("PUT", PATH, {"margin": 0.02})
    await desk.ok("PUT", PATH, {"size": 30}, tournamentId=17)
    market = await desk.ok("PUT", PATH, {"levels": 3}, tournamentId=17, marketId=171)
    assert (market["scope"], market["marketId"], market["version"]) == ("market", 171, 1)
    config = await engine(api)
    assert (config.margin, config.size, config.levels) == (Decimal("0.02"), Decimal(30), 3)
    other = await engine(api, market=175)
    assert (other.size, other.levels) == (Decimal(30), 1)
    assert (await engine(api, tournament=18)).size == Decimal(50)
    await desk.ok("PUT", PATH, {"margin": 0.03})
    assert (await engine(api)).margin == Decimal("0.02"), "a scope of its own does not follow"


async def test_every_version_says_who_and_when(api: Api, desk: Desk) -> None:
    for margin in (0.02, 0.03):
        await desk.ok("PUT", PATH, {"margin": margin})
    await desk.ok("PUT", PATH, {"margin": 0.04}, tournamentId=17)
    versions = (await desk.ok("GET", f"{PATH}/versions"))["items"]
    assert [(item["scope"], item["version"], item["parameters"]["margin"]) for item in versions] == [
        ("tournament", 1, Decimal("0.04")), ("default", 2, Decimal("0.03")), ("default", 1, Decimal("0.02")),
    ]  # fmt: skip
    assert {item["changedBy"] for item in versions} == {(await desk.audit())[0]["changedBy"]}
    assert versions[1]["changedAt"] > versions[2]["changedAt"]
    (change, *_) = await desk.audit(kind="parameters.put", client="demo")
    assert (change["subject"], change["detail"]["old"]["parameters"]["margin"]) == ("tournament 17", Decimal("0.03"))
    assert change["detail"]["new"]["parameters"]["margin"] == Decimal("0.04")


async def test_digits_survive(api: Api, desk: Desk) -> None:
    await desk.ok("PUT", PATH, {"margin": "0.012345678901", "maxMarketLoss": 123456789.123456789012})
    assert (await engine(api)).margin == Decimal("0.012345678901")
    raw = b'{"maxFixtureLoss": 123456789.123456789012}'
    headers = {"X-API-Key": api.keys["operator"], "Content-Type": "application/json"}
    answer = await api.http.put(f"/api/v1/operator{PATH}", content=raw, headers=headers)
    assert answer.status_code == 200
    assert '"maxFixtureLoss":123456789.123456789012' in answer.text
    assert (await engine(api)).max_fixture_loss == Decimal("123456789.123456789012")


WRONG: list[tuple[dict[str, Any], str, str]] = [
    ({"margin": 0.9}, "margin", "margin must be between -0.2 and 0.5, not 0.9"),
    ({"minPrice": 0.9, "maxPrice": 0.1}, "minPrice", "min_price must be below max_price"),
    ({"levels": 11}, "levels", "levels must be between 1 and 10, not 11"),
    ({"hedgeShare": "NaN"}, "hedgeShare", ""),
    ({"levels": 1.5}, "levels", ""),
    ({"levels": True}, "levels", ""),
    ({"enabled": "yes"}, "enabled", ""),
    ({"outcomes": [0]}, "outcomes", ""),
    ({"outcomes": "111"}, "outcomes", ""),
    ({"margin": "1e-99999999"}, "margin", ""),
    ({"margins": 0.1}, "margins", ""),
    ({"min_price": 0.1, "minPrice": 0.2}, "min_price", ""),
    ({"version": 3}, "version", ""),
]


async def test_what_is_wrong_is_named_and_changes_nothing(api: Api, desk: Desk) -> None:
    for body, name, words in WRONG:
        (first, *_) = await desk.refused(422, "PUT", PATH, body)
        assert first["loc"][:2] == ["body", name], body
        assert first["msg"] == words or not words
    assert await engine(api) == TradingConfig()
    assert await desk.audit() == []


async def test_a_market_is_one_of_a_tournament_and_a_client_exists(desk: Desk) -> None:
    (wrong,) = await desk.refused(422, "GET", PATH, marketId=171)
    assert "give tournamentId too" in wrong["msg"]
    wrong_queries: list[dict[str, Any]] = [
        {"tournamentId": 0}, {"tournamentId": "x"}, {"tournamentId": 17, "marketId": 2**31},
    ]  # fmt: skip
    for query in wrong_queries:
        await desk.refused(422, "PUT", PATH, {}, **query)
    for method, path in (("GET", ""), ("PUT", ""), ("GET", "/versions")):
        body: dict[str, Any] | None = {} if method == "PUT" else None
        assert await desk.refused(404, method, f"/clients/nobody/parameters{path}", body) == "Client not found"


async def test_who_read_an_older_version_does_not_overwrite_the_newer(desk: Desk) -> None:
    await desk.ok("PUT", PATH, {"margin": 0.02}, expectedVersion=0)
    detail = await desk.refused(409, "PUT", PATH, {"margin": 0.03}, expectedVersion=0)
    assert detail == "The version is 1 now, not 0: read it and try again"
    answers = await asyncio.gather(*(desk.call("PUT", PATH, {"size": 9}, expectedVersion=1) for _ in range(3)))
    assert sorted(answer.status_code for answer in answers) == [200, 409, 409]
    assert (await desk.ok("GET", PATH))["version"] == 2
