"""What an account needs is checked before it is stored, and no message holds what was given."""

import copy
from collections.abc import Mapping
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import BestAvailableEncryption, Encoding, NoEncryption, PrivateFormat
from hypothesis import given
from hypothesis import strategies as st

from overround.credentials import EXCHANGES, KALSHI_TIERS, ROUTES, Needs, UnusableAccount, check
from overround.exchanges.kalshi.rest import TIERS
from overround.venues import Account

PLAIN = NoEncryption()


def pem(key: Any, encryption: Any = PLAIN) -> str:
    return str(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, encryption).decode())


ED25519 = pem(Ed25519PrivateKey.generate())
HEX_KEY = "0xac0974bec39a17e36ba4a6b4d238ff944bacb478cbed5efcae784d7bf4f2ff80"
"""The published throw-away key of the vectors."""
GOOD: dict[str, dict[str, dict[str, str]]] = {
    "kalshi": {
        "endpoints": {"rest": "https://k.invalid/trade-api/v2", "ws": "wss://k.invalid/ws"},
        "secrets": {"key_id": "k-1", "private_key_pem": ED25519},
        "options": {"tier": "prime"},
    },
    "polymarket": {
        "endpoints": dict.fromkeys(("clob", "gamma", "data", "user_ws", "market_ws"), "https://p.invalid"),
        "secrets": {"private_key": HEX_KEY, "api_key": "a", "secret": "s", "passphrase": "p"},
        "options": {
            "signature_type": "0",
            "funder": "0x" + "a1" * 20,
            "builder": "0x" + "00" * 32,
            "timeout": "5",
            "ping": "9.5",
            "silence": "30",
        },
    },
    "abp": {
        "endpoints": {"rest": "http://127.0.0.1:9", "ws": "ws://127.0.0.1:9/ws"},
        "secrets": {"api_key": "a"},
        "options": {"rate": "10", "timeout": "2.5", "ping_seconds": "30", "idle_seconds": "75"},
    },
}


def venues(venue: str) -> Mapping[str, Needs]:
    return EXCHANGES if venue in EXCHANGES else ROUTES


def refused(venue: str, body: dict[str, dict[str, str]]) -> UnusableAccount:
    account = Account("x-1", venue, "demo", body["endpoints"], body["secrets"], body["options"])
    with pytest.raises(UnusableAccount) as caught:
        check(account, venues(venue))
    return caught.value


def changed(venue: str, table: str, name: str, value: str | None) -> dict[str, dict[str, str]]:
    body = copy.deepcopy(GOOD[venue])
    if value is None:
        del body[table][name]
    else:
        body[table][name] = value
    return body


@pytest.mark.parametrize("venue", GOOD)
def test_everything_a_venue_knows_is_taken(venue: str) -> None:
    body = GOOD[venue]
    check(Account("x", venue, "demo", body["endpoints"], body["secrets"], body["options"]), venues(venue))
    check(Account("x", venue, "demo", body["endpoints"], body["secrets"]), venues(venue))
    needs = venues(venue)[venue]
    assert set(body["options"]) == set(needs.options), "an option nobody tries"
    assert set(body["secrets"]) == {*needs.secrets, *needs.extra}


@pytest.mark.parametrize("venue", GOOD)
def test_what_is_missing_is_named(venue: str) -> None:
    needs = venues(venue)[venue]
    for table, names in (("endpoints", needs.endpoints), ("secrets", needs.secrets)):
        for name in names:
            error = refused(venue, changed(venue, table, name, None))
            assert (str(error), error.where) == (f"{venue} accounts need {name}", (table, name))


def test_the_tiers_are_the_adapters() -> None:
    assert set(KALSHI_TIERS) == set(TIERS)


def test_a_venue_nobody_trades_at_is_refused_with_those_there_are() -> None:
    error = refused("imaginary", GOOD["abp"])
    assert (str(error), error.where) == ("no adapter of that name; known: abp", ("venue",))


@pytest.mark.parametrize(
    "key",
    [
        "",
        "not a key",
        ED25519[:-40],
        pem(ec.generate_private_key(ec.SECP256R1())),
        pem(Ed25519PrivateKey.generate(), BestAvailableEncryption(b"passphrase")),
    ],
    ids=["empty", "text", "cut", "another curve", "encrypted"],
)
def test_a_key_that_cannot_sign_is_not_stored(key: str) -> None:
    error = refused("kalshi", changed("kalshi", "secrets", "private_key_pem", key))
    assert (str(error), error.where) == ("private_key_pem is not usable", ("secrets", "private_key_pem"))


def test_an_rsa_key_signs_too() -> None:
    body = changed("kalshi", "secrets", "private_key_pem", pem(rsa.generate_private_key(65537, 1024)))
    check(Account("x", "kalshi", "demo", body["endpoints"], body["secrets"]), EXCHANGES)


@pytest.mark.parametrize(
    ("venue", "table", "name", "value"),
    [
        ("polymarket", "secrets", "private_key", HEX_KEY[:-1]),
        ("polymarket", "secrets", "private_key", HEX_KEY + "\n"),
        ("polymarket", "secrets", "api_key", ""),
        ("polymarket", "options", "signature_type", "4"),
        ("polymarket", "options", "funder", "a1" * 20),
        ("polymarket", "options", "timeout", "-1"),
        ("polymarket", "options", "timeout", "0.0"),
        ("polymarket", "options", "ping", "1e3"),
        ("abp", "options", "rate", "ten"),
        ("abp", "options", "rate", "inf"),
        ("abp", "secrets", "api_key", ""),
        ("abp", "endpoints", "rest", "abp.invalid"),
        ("abp", "endpoints", "rest", "https://"),
        ("abp", "endpoints", "ws", "ws://somebody:planted@abp.invalid"),
        ("kalshi", "options", "tier", "Prime"),
    ],
)
def test_a_value_its_adapter_could_not_use_is_refused_by_name_alone(
    venue: str, table: str, name: str, value: str
) -> None:
    error = refused(venue, changed(venue, table, name, value))
    assert (str(error), error.where) == (f"{name} is not usable", (table, name))


@given(st.sampled_from(sorted(GOOD)), st.sampled_from(["endpoints", "secrets", "options"]), st.uuids())
def test_a_name_nobody_asked_for_is_not_repeated(venue: str, table: str, planted: Any) -> None:
    error = refused(venue, changed(venue, table, str(planted), str(planted)))
    assert str(planted) not in str(error)
    assert error.where == (table,)
    assert f"there is a name that {venue} accounts do not have; known: " in str(error)


@given(st.sampled_from(sorted(GOOD)), st.data())
def test_no_value_is_ever_repeated(venue: str, data: st.DataObject) -> None:
    table = data.draw(st.sampled_from(["endpoints", "secrets", "options"]))
    name = data.draw(st.sampled_from(sorted(GOOD[venue][table])))
    value = "planted-" + data.draw(st.text(max_size=40))
    body = changed(venue, table, name, value)
    said = ""
    try:
        check(Account("x", venue, "demo", body["endpoints"], body["secrets"], body["options"]), venues(venue))
    except UnusableAccount as error:
        said = f"{error} {error.where} {error!r}"
    assert value not in said
