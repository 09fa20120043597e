"""Real accounts: credentials come from a file or standard input, are stored sealed, and never show up anywhere."""

import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import psycopg
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from overround.ledger.accounts import exchange_account, hedge_lines
from overround.ledger.db import connect
from tests.support.command import console

SECRET = "pepper"
KEY = Ed25519PrivateKey.generate().private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()
KALSHI = f'''
[endpoints]
rest = "http://127.0.0.1:9/trade-api/v2"
ws = "ws://127.0.0.1:9/trade-api/ws/v2"
[secrets]
key_id = "0b7b1b3e"
private_key_pem = """{KEY}"""
'''
ABP = """
[endpoints]
rest = "http://127.0.0.1:9"
ws = "ws://127.0.0.1:9/ws"
[secrets]
api_key = "not-for-anyone"
[options]
rate = "10"
"""


@pytest.fixture
def kalshi(tmp_path: Path) -> Path:
    file = tmp_path / "kalshi.toml"
    file.write_text(KALSHI)
    return file


def accounts(url: str, *arguments: str, **env: str) -> subprocess.CompletedProcess[str]:
    return console("accounts", *arguments, DATABASE_URL=url, OVERROUND_SECRET_KEY=SECRET, **env)


def add(url: str, file: Path, *more: str) -> subprocess.CompletedProcess[str]:
    options = ("--client", "acme:vertex", "--venue", "kalshi", "--file", str(file))
    return accounts(url, "add", "exchange", "kalshi-1", *options, *more)


def rows(url: str, query: str) -> list[Any]:
    with psycopg.connect(url.replace("+psycopg", "")) as connection:
        return connection.execute(query.encode()).fetchall()


async def test_an_exchange_account_is_stored_as_the_engine_reads_it(database_url: str, kalshi: Path) -> None:
    done = add(database_url, kalshi)
    assert done.returncode == 0, done.stderr
    assert done.stdout == "exchange account kalshi-1 of acme:vertex is stored\n"
    engine = connect(database_url)
    async with engine.connect() as connection:
        account = await exchange_account(connection, "kalshi-1", SECRET)
    await engine.dispose()
    assert (account.venue, account.client) == ("kalshi", "acme:vertex")
    assert account.endpoints["rest"] == "http://127.0.0.1:9/trade-api/v2"
    assert account.secrets == {"key_id": "0b7b1b3e", "private_key_pem": KEY}


async def test_a_bookmaker_account_hedges_at_the_clients_bookmaker(database_url: str, tmp_path: Path) -> None:
    file = tmp_path / "abp.toml"
    file.write_text(ABP)
    options = ("--client", "acme:vertex", "--venue", "abp", "--file", str(file))
    for name, more in (("abp-1", ()), ("abp-2", ("--bookmaker", "sharpbet", "--priority", "1"))):
        done = accounts(database_url, "add", "bookmaker", name, *options, *more)
        assert done.returncode == 0, done.stderr
    engine = connect(database_url)
    async with engine.connect() as connection:
        lines = await hedge_lines(connection, "acme:vertex")
    await engine.dispose()
    assert [(line.account_id, line.bookmaker) for line in lines] == [("abp-1", "vertex"), ("abp-2", "sharpbet")]


def test_credentials_are_sealed_at_rest_and_never_printed(database_url: str, kalshi: Path) -> None:
    done = add(database_url, kalshi)
    listed = accounts(database_url)
    assert "kalshi-1" in listed.stdout
    (stored,) = rows(database_url, "SELECT secrets, endpoints::text || options::text FROM exchange_accounts")
    body = KEY.splitlines()[1]
    for text in (done.stdout, done.stderr, listed.stdout, stored[1]):
        assert body not in text
        assert "0b7b1b3e" not in text
    assert body.encode() not in stored[0]


def test_standard_input_will_do_instead_of_a_file(database_url: str) -> None:
    command = ["accounts", "add", "bookmaker", "abp-1", "--client", "acme:vertex", "--venue", "abp"]
    done = console(*command, stdin=ABP, DATABASE_URL=database_url, OVERROUND_SECRET_KEY=SECRET)
    assert done.stdout == "bookmaker account abp-1 of acme:vertex is stored\n", done.stderr


def test_adding_again_replaces_the_credentials(database_url: str, kalshi: Path) -> None:
    assert add(database_url, kalshi).returncode == 0
    kalshi.write_text(KALSHI.replace("127.0.0.1:9/", "127.0.0.1:10/"))
    assert add(database_url, kalshi).returncode == 0
    assert rows(database_url, "SELECT endpoints->>'ws' FROM exchange_accounts") == [
        ("ws://127.0.0.1:10/trade-api/ws/v2",)
    ]


def test_an_account_never_changes_hands(database_url: str, kalshi: Path) -> None:
    assert add(database_url, kalshi).returncode == 0
    done = add(database_url, kalshi, "--client", "rival:vertex")
    assert done.returncode == 1
    assert done.stderr == "overround: kalshi-1 is acme:vertex's account at kalshi: choose another id\n"
    assert rows(database_url, "SELECT client FROM clients") == [("acme:vertex",)]


BROKEN: Mapping[str, tuple[str, str]] = {
    "a missing credential": (KALSHI.replace("key_id", "keyid"), "kalshi accounts need 'key_id' in the file"),
    "a missing address": (KALSHI.replace("rest =", "base ="), "kalshi accounts need 'rest' in the file"),
    "a key that is none": (KALSHI.replace(KEY, "guesswork"), "kalshi cannot use these credentials (Unauthorised)"),
    "an unknown table": (KALSHI.replace("[secrets]", "[secret]"), "--file: unknown [secret]; a file holds"),
    "a number for text": (KALSHI.replace('"0b7b1b3e"', "17"), "--file: key_id in [secrets] must be text in quotes"),
    "no TOML": ("key_id: 17", " is not TOML"),
}


@pytest.mark.parametrize("name", BROKEN)
def test_a_broken_file_is_one_line_that_tells_no_secret(database_url: str, tmp_path: Path, name: str) -> None:
    text, said = BROKEN[name]
    file = tmp_path / "broken.toml"
    file.write_text(text)
    done = add(database_url, file)
    assert done.returncode == 1
    assert said in done.stderr
    assert len(done.stderr.splitlines()) == 1
    assert "guesswork" not in done.stderr
    assert rows(database_url, "SELECT account_id FROM exchange_accounts") == []


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("add", "exchange", "x", "--client", "a:b", "--venue", "nowhere"), "--venue: no exchange adapter named"),
        (("add", "bookmaker", "x", "--client", "a:b", "--venue", "kalshi"), "--venue: no bookmaker route named"),
        (("add", "exchange", "x", "--venue", "kalshi"), "accounts add: give exchange or bookmaker"),
        (("try", "exchange", "nobody"), "accounts try: no active exchange account 'nobody'"),
        (("try",), "accounts try: give exchange or bookmaker, and an account id"),
    ],
)
def test_a_wrong_command_is_one_line(database_url: str, kalshi: Path, arguments: tuple[str, ...], said: str) -> None:
    more = ("--file", str(kalshi)) if arguments[0] == "add" else ()
    done = accounts(database_url, *arguments, *more)
    assert done.returncode == 1
    assert said in done.stderr
    assert len(done.stderr.splitlines()) == 1


def test_trying_an_account_says_that_the_venue_does_not_answer(database_url: str, kalshi: Path) -> None:
    assert add(database_url, kalshi).returncode == 0
    done = accounts(database_url, "try", "exchange", "kalshi-1")
    assert done.returncode == 1
    assert done.stderr.startswith("overround: accounts try: kalshi: ")


def test_another_secret_key_cannot_read_the_credentials(database_url: str, kalshi: Path) -> None:
    assert add(database_url, kalshi).returncode == 0
    done = console("accounts", "try", "exchange", "kalshi-1", DATABASE_URL=database_url, OVERROUND_SECRET_KEY="another")
    assert done.returncode == 1
    assert "were sealed with another OVERROUND_SECRET_KEY" in done.stderr


def test_without_accounts_the_list_says_so(database_url: str) -> None:
    assert accounts(database_url).stdout == "there are no accounts yet\n"


async def test_nobody_is_called_everybody(database_url: str, kalshi: Path) -> None:
    options = ("--client", "global", "--venue", "kalshi", "--file", str(kalshi))
    done = accounts(database_url, "add", "exchange", "kalshi-1", *options)
    assert done.returncode == 1
    assert done.stderr == "overround: --client: global is not a client: it means everybody\n"
    assert rows(database_url, "SELECT client FROM clients") == []


async def test_an_account_added_here_is_in_the_audit(database_url: str, kalshi: Path) -> None:
    assert add(database_url, kalshi).returncode == 0
    ((kind, by, client, body),) = rows(database_url, "SELECT kind, changed_by, client, body FROM changes")
    assert (kind, by, client) == ("account.put", "console", "acme:vertex")
    assert body == {"new": {"kind": "exchange", "venue": "kalshi"}}
