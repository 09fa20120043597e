"""Accounts and their credentials: sealed at rest, opened only with the right key for the right account."""

import base64

import pytest
from sqlalchemy.ext.asyncio import AsyncEngine

from overround.ledger import accounts
from overround.ledger.secrets import WrongSecretKey, seal, unseal
from overround.venues import Account
from tests.domain.vectors import D
from tests.ledger.desk import CLIENT, SECRET, rows, write

KEYS = {"key_id": "k-1", "private_key_pem": "-----BEGIN PLANTED-----"}


def test_what_was_sealed_can_be_opened_again() -> None:
    sealed = seal(SECRET, "kalshi-demo", KEYS)
    assert unseal(SECRET, "kalshi-demo", sealed) == KEYS
    assert seal(SECRET, "kalshi-demo", KEYS) != sealed, "no two seals are alike"
    for secret in ("PLANTED", "k-1", "key_id"):
        assert secret.encode() not in sealed
        assert base64.b64encode(secret.encode()).rstrip(b"=") not in sealed


@pytest.mark.parametrize(
    ("key", "account", "damage"),
    [("another key", "kalshi-demo", None), (SECRET, "kalshi-other", None), (SECRET, "kalshi-demo", 0),
     (SECRET, "kalshi-demo", 20), (SECRET, "kalshi-demo", -1)],
)  # fmt: skip
def test_a_wrong_key_account_or_byte_opens_nothing(key: str, account: str, damage: int | None) -> None:
    sealed = bytearray(seal(SECRET, "kalshi-demo", KEYS))
    if damage is not None:
        sealed[damage] ^= 1
    with pytest.raises(WrongSecretKey, match=f"credentials of {account} were sealed with another OVERROUND_SECRET_KEY"):
        unseal(key, account, bytes(sealed))


@pytest.mark.parametrize("sealed", [b"", b"short", bytes(12), bytes(27)])
def test_what_was_never_sealed_opens_nothing(sealed: bytes) -> None:
    with pytest.raises(WrongSecretKey):
        unseal(SECRET, "kalshi-demo", sealed)


async def test_an_account_comes_back_whole_and_shows_no_secret(ledger: AsyncEngine) -> None:
    account = Account("kalshi-2", "kalshi", CLIENT, {"rest": "https://venue.invalid"}, KEYS, {"tier": "prime"})
    async with ledger.begin() as connection:
        await accounts.save_exchange_account(connection, account, SECRET)
        found = await accounts.exchange_account(connection, "kalshi-2", SECRET)
    assert found == account
    for shown in (repr(found), str(found)):
        assert "PLANTED" not in shown
        assert "k-1" not in shown
    stored = await rows(ledger, "SELECT * FROM exchange_accounts")
    assert "PLANTED" not in repr([tuple(row) for row in stored])


async def test_new_credentials_replace_the_old(ledger: AsyncEngine) -> None:
    account = Account("vertex-demo", "abp", CLIENT, {"rest": "https://new.invalid"}, {"api_key": "new"})
    async with ledger.begin() as connection:
        await accounts.save_bookmaker_account(connection, account, SECRET, bookmaker="vertex")
        found = await accounts.bookmaker_account(connection, "vertex-demo", SECRET)
    assert (found.secrets, found.endpoints, found.venue) == ({"api_key": "new"}, {"rest": "https://new.invalid"}, "abp")


async def test_an_account_that_is_unknown_or_switched_off_is_named(ledger: AsyncEngine) -> None:
    await write(ledger, "UPDATE exchange_accounts SET active = false WHERE account_id = 'kalshi-demo'")
    await write(ledger, "UPDATE bookmaker_accounts SET active = false")
    async with ledger.connect() as connection:
        for name in ("kalshi-demo", "nobody"):
            with pytest.raises(accounts.UnknownAccount, match=f"no active exchange account '{name}'"):
                await accounts.exchange_account(connection, name, SECRET)
        with pytest.raises(accounts.UnknownAccount, match="no active bookmaker account 'vertex-demo'"):
            await accounts.bookmaker_account(connection, "vertex-demo", SECRET)
        assert await accounts.exchange_accounts(connection) == [("polymarket-demo", CLIENT, "polymarket")]
        assert await accounts.hedge_lines(connection, CLIENT) == []


async def test_the_wrong_key_is_said_and_nothing_else(ledger: AsyncEngine) -> None:
    async with ledger.connect() as connection:
        with pytest.raises(WrongSecretKey) as caught:
            await accounts.exchange_account(connection, "kalshi-demo", "another key")
    assert "s3cret" not in str(caught.value)


async def test_a_client_that_left_trades_nowhere(ledger: AsyncEngine) -> None:
    await write(ledger, "UPDATE clients SET active = false")
    async with ledger.connect() as connection:
        assert await accounts.exchange_accounts(connection) == []


async def test_bookmakers_are_asked_in_their_order(ledger: AsyncEngine) -> None:
    async with ledger.begin() as connection:
        for name, priority in (("b-first", -1), ("a-last", 5), ("c-second", -1)):
            account = Account(name, "abp", CLIENT, {}, {"api_key": "x"})
            await accounts.save_bookmaker_account(connection, account, SECRET, bookmaker="vertex", priority=priority)
        lines = await accounts.hedge_lines(connection, CLIENT)
    assert [line.account_id for line in lines] == ["b-first", "c-second", "vertex-demo", "a-last"]
    assert (lines[0].min_stake, lines[0].stake_step) == (D(1), D("0.01"))


async def test_a_client_is_created_once(ledger: AsyncEngine) -> None:
    async with ledger.begin() as connection:
        await accounts.save_client(connection, CLIENT, "Somebody else", "other")
    (row,) = await rows(ledger, "SELECT name, bookmaker FROM clients")
    assert (row.name, row.bookmaker) == ("Demo", "vertex")


async def test_health_is_noted_and_a_balance_only_when_it_was_read(ledger: AsyncEngine) -> None:
    async with ledger.begin() as connection:
        await accounts.note_exchange(connection, "kalshi-demo", "connected", balance=D("100.50"), available=D(90))
        await accounts.note_exchange(connection, "kalshi-demo", "unreachable", reason="timed out")
        await accounts.note_bookmaker(connection, "vertex-demo", "connected", balance=D(12))
        await accounts.note_bookmaker(connection, "vertex-demo", "unreachable", reason="timed out")
    (row,) = await rows(ledger, "SELECT * FROM exchange_accounts WHERE account_id = 'kalshi-demo'")
    assert (row.status, row.status_reason, row.balance, row.available) == (
        "unreachable", "timed out", D("100.50"), D(90),
    )  # fmt: skip
    assert row.balance_at is not None
    (row,) = await rows(ledger, "SELECT * FROM bookmaker_accounts")
    assert (row.status, row.balance) == ("unreachable", D(12))
