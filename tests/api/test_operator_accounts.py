"""Operators give clients accounts: credentials go in sealed and never come out (issue 3)."""

import asyncio
import copy
from decimal import Decimal
from typing import Any

import pytest
from sqlalchemy import update

from api.operator.schemas.accounts import BookmakerAccount, ExchangeAccount
from overround import credentials
from overround.bookmakers import ROUTES, open_bookmaker
from overround.exchanges import ADAPTERS, open_exchange
from overround.ledger import accounts as ledger
from overround.ledger import tables as t
from overround.venues import Account
from tests.api import rows
from tests.api.conftest import PEPPER, Api
from tests.api.operating import ABP, KALSHI, KEY_ID, PEM, Desk, leaks

SECRET = PEPPER.get_secret_value()
HEX_KEY = "0xac0974bec39a17e36ba4a6b4d238ff944bacb478cbed5efcae784d7bf4f2ff80"
"""The published throw-away key of the vectors."""
POLYMARKET: dict[str, Any] = {
    "client": "demo",
    "exchange": "polymarket",
    "endpoints": dict.fromkeys(("clob", "gamma", "data", "user_ws", "market_ws"), "https://pm.invalid"),
    "secrets": {"private_key": HEX_KEY},
    "options": {"signature_type": "2", "timeout": "4.5"},
}


@pytest.fixture
def desk(api: Api) -> Desk:
    return Desk(api)


def changed(body: dict[str, Any], **values: Any) -> dict[str, Any]:
    return {**copy.deepcopy(body), **values}


def account(body: dict[str, Any]) -> Account:
    venue = body.get("exchange") or body["route"]
    return Account("x", venue, body["client"], body["endpoints"], body["secrets"], body.get("options", {}))


# -- what an account needs ------------------------------------------------------------------------------------------


def test_every_adapter_has_its_needs_and_nothing_else_has() -> None:
    assert credentials.EXCHANGES.keys() == ADAPTERS.keys()
    assert credentials.ROUTES.keys() == ROUTES.keys()


@pytest.mark.parametrize("body", [KALSHI, POLYMARKET, ABP], ids=["kalshi", "polymarket", "abp"])
def test_what_is_needed_is_what_the_adapter_reads(body: dict[str, Any]) -> None:
    exchange = "exchange" in body
    needs = (credentials.EXCHANGES if exchange else credentials.ROUTES)[account(body).venue]
    opener: Any = open_exchange if exchange else open_bookmaker
    credentials.check(account(body), credentials.EXCHANGES if exchange else credentials.ROUTES)
    opener(account(body))
    for table, names in (("endpoints", needs.endpoints), ("secrets", needs.secrets)):
        for name in names:
            without = changed(body)
            del without[table][name]
            with pytest.raises(KeyError, match=name):
                opener(account(without))


@pytest.mark.parametrize(
    ("table", "name", "value"),
    [
        ("secrets", "private_key_pem", "-----BEGIN NOTHING-----"),
        ("secrets", "private_key_pem", PEM.replace("PRIVATE", "PUBLIC")),
        ("endpoints", "rest", "kalshi.invalid"),
        ("endpoints", "rest", "https://user:PLANTED@kalshi.invalid"),
        ("endpoints", "rest", "https://[bad"),
        ("endpoints", "rest", "file:///etc/passwd"),
        ("options", "tier", "imaginary"),
        ("options", "PLANTED", "x"),
    ],
)
def test_what_the_adapter_could_not_use_is_refused_without_repeating_it(table: str, name: str, value: str) -> None:
    body = changed(KALSHI)
    body[table][name] = value
    with pytest.raises(credentials.UnusableAccount) as caught:
        credentials.check(account(body), credentials.EXCHANGES)
    assert caught.value.where[0] == table
    assert value not in str(caught.value)
    assert not leaks(str(caught.value), "PLANTED")


# -- exchange accounts ----------------------------------------------------------------------------------------------


async def test_an_exchange_account_is_stored_as_the_engine_reads_it(api: Api, desk: Desk) -> None:
    made = await desk.ok("PUT", "/accounts/exchange/kalshi-9", KALSHI)
    ExchangeAccount.model_validate(made)
    assert (made["client"], made["exchange"], made["active"], made["status"]) == ("demo", "kalshi", True, "starting")
    assert (made["optionNames"], made["endpoints"]["rest"]) == (["tier"], "https://kalshi.invalid/trade-api/v2")
    async with api.writing() as connection:
        held = await ledger.exchange_account(connection, "kalshi-9", SECRET)
        traded = await ledger.exchange_accounts(connection)
    assert held.secrets == {"key_id": KEY_ID, "private_key_pem": PEM}
    assert held.options == {"tier": "basic"}
    assert ("kalshi-9", "demo", "kalshi") in traded
    assert await desk.ok("GET", "/accounts/exchange/kalshi-9") == made
    listed = await desk.ok("GET", "/accounts/exchange", client="demo")
    assert [item["accountId"] for item in listed["items"]] == ["kalshi-9", "demo-kalshi"]
    assert (await desk.ok("GET", "/accounts/exchange"))["total"] == 4


async def test_new_credentials_replace_the_old_and_nothing_else_changes(api: Api, desk: Desk) -> None:
    made = await desk.ok("PUT", "/accounts/exchange/kalshi-9", KALSHI)
    newer = changed(KALSHI, secrets={"key_id": "new-id", "private_key_pem": PEM})
    assert await desk.ok("PUT", "/accounts/exchange/kalshi-9", newer) == made
    async with api.writing() as connection:
        assert (await ledger.exchange_account(connection, "kalshi-9", SECRET)).secrets["key_id"] == "new-id"
    assert [change["kind"] for change in await desk.audit()] == ["account.replace", "account.create"]


async def test_an_account_never_changes_hands(desk: Desk) -> None:
    await desk.ok("PUT", "/accounts/exchange/kalshi-9", KALSHI)
    await desk.ok("PUT", "/accounts/bookmaker/abp-9", ABP)
    words = "kalshi-9 is demo's account at kalshi and stays that: choose another id"
    for body in (changed(KALSHI, client="rival"), POLYMARKET):
        assert await desk.refused(409, "PUT", "/accounts/exchange/kalshi-9", body) == words
    await desk.refused(409, "PUT", "/accounts/bookmaker/abp-9", changed(ABP, client="rival"))
    await desk.refused(409, "PUT", "/accounts/bookmaker/abp-9", changed(ABP, bookmaker="elsewhere"))
    assert await desk.refused(404, "PUT", "/accounts/exchange/k", changed(KALSHI, client="nobody")) == (
        "Client not found"
    )
    assert (await desk.ok("GET", "/accounts/exchange/kalshi-9"))["client"] == "demo"


async def test_two_clients_who_get_the_same_account_at_once_do_not_share_it(api: Api, desk: Desk) -> None:
    bodies = [changed(KALSHI, client=name, secrets={**KALSHI["secrets"], "key_id": name}) for name in ("demo", "rival")]
    answers = await asyncio.gather(*(desk.call("PUT", "/accounts/exchange/kalshi-9", body) for body in bodies * 2))
    codes = [answer.status_code for answer in answers]
    assert sorted(codes) == [200, 200, 409, 409]
    async with api.writing() as connection:
        held = await ledger.exchange_account(connection, "kalshi-9", SECRET)
    assert held.secrets["key_id"] == held.client


async def test_accounts_that_are_not_there_are_not_found(desk: Desk) -> None:
    for kind in ("exchange", "bookmaker"):
        assert await desk.refused(404, "GET", f"/accounts/{kind}/nothing") == "Account not found"
        for word in ("activate", "deactivate"):
            await desk.refused(404, "POST", f"/accounts/{kind}/nothing/{word}")
    await desk.refused(404, "PATCH", "/accounts/bookmaker/nothing", {"priority": 1})
    await desk.refused(422, "GET", "/accounts/exchange/a:b")


async def test_an_exchange_account_in_use_is_not_switched_off(api: Api, desk: Desk) -> None:
    async with api.writing() as connection:
        order = await rows.order(connection, "demo", status="PARTIAL", filled="40")
    detail = await desk.refused(409, "POST", "/accounts/exchange/demo-kalshi/deactivate")
    assert detail.startswith("demo-kalshi has 1 open orders and 1 unsettled orders")
    one = t.orders.c.order_id == order["order_id"]
    async with api.writing() as connection:
        await connection.execute(update(t.orders).where(one).values(status="CANCELLED"))
    assert "1 unsettled orders" in await desk.refused(409, "POST", "/accounts/exchange/demo-kalshi/deactivate")
    async with api.writing() as connection:
        await connection.execute(update(t.orders).where(one).values(settlement="WON"))
    assert (await desk.ok("POST", "/accounts/exchange/demo-kalshi/deactivate"))["active"] is False
    async with api.writing() as connection:
        assert "demo-kalshi" not in [name for name, *_ in await ledger.exchange_accounts(connection)]
    assert (await desk.ok("POST", "/accounts/exchange/demo-kalshi/deactivate"))["active"] is False
    assert (await desk.ok("POST", "/accounts/exchange/demo-kalshi/activate"))["active"] is True
    assert [change["kind"] for change in await desk.audit()] == ["account.activate", "account.deactivate"]


# -- bookmaker accounts ---------------------------------------------------------------------------------------------


async def test_a_bookmaker_account_has_terms_that_the_hedger_reads(api: Api, desk: Desk) -> None:
    terms = {"priority": 3, "currency": "EUR", "minStake": 2.5, "stakeStep": 0.1}
    made = await desk.ok("PUT", "/accounts/bookmaker/abp-9", changed(ABP, **terms))
    BookmakerAccount.model_validate(made)
    assert (made["bookmaker"], made["route"], made["priority"], made["currency"]) == ("vertex", "abp", 3, "EUR")
    async with api.writing() as connection:
        (line,) = [item for item in await ledger.hedge_lines(connection, "demo") if item.account_id == "abp-9"]
    assert (line.min_stake, line.stake_step, line.currency) == (Decimal("2.5"), Decimal("0.1"), "EUR")
    again = await desk.ok("PUT", "/accounts/bookmaker/abp-9", ABP)
    assert again == made, "terms left out stay"


async def test_terms_change_without_the_credentials(api: Api, desk: Desk) -> None:
    made = await desk.ok("PUT", "/accounts/bookmaker/abp-9", ABP)
    assert (made["minStake"], made["stakeStep"], made["currency"]) == (1, Decimal("0.01"), "USD")
    new = await desk.ok("PATCH", "/accounts/bookmaker/abp-9", {"minStake": 10, "stakeStep": "0.05"})
    assert new == made | {"minStake": 10, "stakeStep": Decimal("0.05")}
    async with api.writing() as connection:
        assert (await ledger.bookmaker_account(connection, "abp-9", SECRET)).secrets == ABP["secrets"]
    assert (await desk.audit())[0]["detail"]["new"]["minStake"] == 10
    assert await desk.ok("PATCH", "/accounts/bookmaker/abp-9", {}) == new


WRONG_TERMS: list[dict[str, Any]] = [
    {"minStake": 0}, {"minStake": -1}, {"minStake": "NaN"}, {"stakeStep": 0}, {"stakeStep": "1e-999999"},
    {"minStake": 10**7}, {"currency": "euro"}, {"priority": 1.5}, {"secrets": {}}, {"minStake": True},
]  # fmt: skip


async def test_terms_that_are_not_amounts_are_refused(desk: Desk) -> None:
    for terms in WRONG_TERMS:
        await desk.refused(422, "PATCH", "/accounts/bookmaker/demo-vertex", terms)
    assert await desk.audit() == []


async def test_a_bookmaker_account_with_bets_that_are_not_settled_is_not_switched_off(api: Api, desk: Desk) -> None:
    async with api.writing() as connection:
        order = await rows.order(connection, "demo")
        await rows.bet(connection, order)
        await rows.bet(connection, order, status="UNKNOWN", placed_stake="0", placed_at=None)
    detail = await desk.refused(409, "POST", "/accounts/bookmaker/demo-vertex/deactivate")
    assert detail.startswith("demo-vertex has 1 unanswered bets and 1 unsettled bets")
    async with api.writing() as connection:
        await connection.execute(update(t.bets).values(settlement="WON", status="FILLED"))
    assert (await desk.ok("POST", "/accounts/bookmaker/demo-vertex/deactivate"))["active"] is False
    async with api.writing() as connection:
        assert await ledger.hedge_lines(connection, "demo") == []
    assert (await desk.ok("POST", "/accounts/bookmaker/demo-vertex/activate"))["active"] is True


async def test_bookmaker_accounts_are_listed_for_all_or_one(desk: Desk) -> None:
    listed = await desk.ok("GET", "/accounts/bookmaker")
    assert {item["accountId"] for item in listed["items"]} == {"demo-vertex", "rival-vertex", "asleep-vertex"}
    (one,) = (await desk.ok("GET", "/accounts/bookmaker", client="rival"))["items"]
    assert await desk.ok("GET", "/accounts/bookmaker/rival-vertex") == one


# -- nothing secret comes back --------------------------------------------------------------------------------------


def wrong_bodies() -> list[Any]:
    """Requests with secrets in them, each wrong in its own way."""
    bodies: list[Any] = [
        {**KALSHI, "secrets": PEM},
        {**KALSHI, "secrets": [KEY_ID, PEM]},
        {**KALSHI, "secrets": {KEY_ID: PEM}},
        {**KALSHI, "secrets": {KEY_ID: 5, PEM: KEY_ID}},
        {**KALSHI, "secrets": {**KALSHI["secrets"], KEY_ID: "x"}},
        {**KALSHI, "secrets": {"key_id": KEY_ID, "private_key_pem": PEM.replace("BEGIN", "BEG")}},
        {**KALSHI, "secrets": {"key_id": {"nested": KEY_ID}, "private_key_pem": [PEM]}},
        {**KALSHI, "secrets": {"key_id": KEY_ID * 2000, "private_key_pem": PEM}},
        {**KALSHI, "secrets": {"private_key_pem": PEM}},
        {**KALSHI, "exchange": "imaginary"},
        {**KALSHI, "exchange": KEY_ID},
        {**KALSHI, "client": PEM},
        {**KALSHI, "options": {"tier": KEY_ID}},
        {**KALSHI, "options": {"token": KEY_ID}},
        {**KALSHI, "endpoints": {**KALSHI["endpoints"], "rest": f"https://{KEY_ID}:x@kalshi.invalid"}},
        {**KALSHI, "endpoints": {"rest": KEY_ID}},
        {**KALSHI, "currency": KEY_ID},
        {"secrets": KALSHI["secrets"]},
        [KALSHI],
        PEM,
    ]
    return bodies


async def test_a_refused_body_is_never_repeated(desk: Desk) -> None:
    for body in wrong_bodies():
        answer = await desk.call("PUT", "/accounts/exchange/kalshi-9", body)
        assert answer.status_code == 422, answer.text
        assert not leaks(answer.text)
        assert set(answer.json()["detail"][0]) == {"loc", "msg", "type"}
    await desk.refused(404, "GET", "/accounts/exchange/kalshi-9")


UNREADABLE = {
    "cut": b'{"secrets": {"key_id": "PLANTED-key-id-4711"',
    "nan": b'{"client": "PLANTED-key-id-4711", "n": NaN}',
    "text": b'"PLANTED-key-id-4711',
    "form": b"PLANTED-key-id-4711=1",
    "deep": b"[" * 100_000,
    "not utf-8": b'{"a": "PLANTED-key-id-4711\xff"}',
    "a long number": b'{"a": "PLANTED-key-id-4711", "n": ' + b"9" * 5000 + b"}",
    "nothing": b"",
}


async def test_what_is_not_even_json_is_not_repeated_either(api: Api) -> None:
    headers = {"X-API-Key": api.keys["operator"], "Content-Type": "application/json"}
    url = "/api/v1/operator/accounts/exchange/kalshi-9"
    for why, raw in UNREADABLE.items():
        answer = await api.http.put(url, content=raw, headers=headers)
        assert answer.status_code == 422, why
        assert not leaks(answer.text), why
