"""Sessions: one per account, opened when first asked for, and all of them closed."""

import asyncio
from typing import Any

import pytest
from sqlalchemy.ext.asyncio import AsyncEngine

from activities import sessions as module
from activities.sessions import Sessions
from overround.ledger.accounts import UnknownAccount
from overround.ledger.secrets import WrongSecretKey
from overround.venues import Account, Unauthorised
from tests.ledger.desk import SECRET, write
from tests.support.waiting import until


class Session:
    """Opens when ``doors`` lets it; may refuse to open or to close."""

    def __init__(self, desk: "Desk", account: Account) -> None:
        self.desk, self.account = desk, account

    async def __aenter__(self) -> "Session":
        self.desk.opened.append(self.account.account_id)
        await self.desk.door(self.account.account_id).wait()
        if self.desk.refusals:
            raise self.desk.refusals.pop(0)
        return self

    async def __aexit__(self, *exc: object) -> None:
        if self.account.account_id in self.desk.stubborn:
            raise OSError("it does not close")
        self.desk.closed.append(self.account.account_id)


class Desk:
    """What was opened and closed."""

    def __init__(self) -> None:
        self.opened: list[str] = []
        self.closed: list[str] = []
        self.refusals: list[Exception] = []
        self.stubborn: set[str] = set()
        self.shut: set[str] = set()
        self._doors: dict[str, asyncio.Event] = {}

    def door(self, account_id: str) -> asyncio.Event:
        event = self._doors.setdefault(account_id, asyncio.Event())
        if account_id not in self.shut:
            event.set()
        return event


@pytest.fixture
def desk(monkeypatch: pytest.MonkeyPatch) -> Desk:
    made = Desk()
    for name in ("open_exchange", "open_bookmaker"):
        monkeypatch.setattr(module, name, lambda account: Session(made, account))
    return made


@pytest.fixture
def sessions(ledger: AsyncEngine, desk: Desk) -> Sessions:
    return Sessions(ledger, SECRET)


async def test_an_account_is_opened_once_however_many_ask(sessions: Sessions, desk: Desk) -> None:
    found = await asyncio.gather(*(sessions.exchange("kalshi-demo") for _ in range(5)))
    assert len(set(map(id, found))) == 1
    assert desk.opened == ["kalshi-demo"]
    assert await sessions.exchange("polymarket-demo") is not found[0]


async def test_a_session_has_its_own_accounts_credentials(sessions: Sessions) -> None:
    exchange: Any = await sessions.exchange("kalshi-demo")
    bookmaker: Any = await sessions.bookmaker("vertex-demo")
    assert (exchange.account.venue, exchange.account.secrets) == ("kalshi", {"key": "s3cret"})
    assert (bookmaker.account.venue, bookmaker.account.secrets) == ("abp", {"api_key": "s3cret"})


async def test_a_venue_that_does_not_open_delays_no_other(sessions: Sessions, desk: Desk) -> None:
    """A hedge must not wait for the log-in of an exchange that hangs."""
    desk.shut = {"kalshi-demo"}
    hanging = asyncio.create_task(sessions.exchange("kalshi-demo"))
    await until(lambda: desk.opened == ["kalshi-demo"])
    async with asyncio.timeout(10):
        await sessions.exchange("polymarket-demo")
        await sessions.bookmaker("vertex-demo")
    desk.door("kalshi-demo").set()
    await hanging


async def test_an_account_that_was_refused_is_opened_again_when_asked_again(sessions: Sessions, desk: Desk) -> None:
    desk.refusals = [Unauthorised("kalshi", "wrong key")]
    with pytest.raises(Unauthorised):
        await sessions.exchange("kalshi-demo")
    assert await sessions.exchange("kalshi-demo") is not None
    assert desk.opened == ["kalshi-demo", "kalshi-demo"]


@pytest.mark.parametrize("kind", ["exchange", "bookmaker"])
async def test_an_account_nobody_added_or_that_is_switched_off_is_named(
    sessions: Sessions, ledger: AsyncEngine, kind: str
) -> None:
    await write(ledger, f"UPDATE {kind}_accounts SET active = false")
    account = "kalshi-demo" if kind == "exchange" else "vertex-demo"
    for name in (account, "nobody"):
        with pytest.raises(UnknownAccount, match=name):
            await getattr(sessions, kind)(name)


async def test_the_wrong_secret_key_opens_nothing(ledger: AsyncEngine, desk: Desk) -> None:
    with pytest.raises(WrongSecretKey):
        await Sessions(ledger, "another").exchange("kalshi-demo")
    assert desk.opened == []


async def test_one_session_that_does_not_close_leaves_none_open(sessions: Sessions, desk: Desk) -> None:
    for name in ("kalshi-demo", "polymarket-demo"):
        await sessions.exchange(name)
    await sessions.bookmaker("vertex-demo")
    desk.stubborn = {"kalshi-demo"}
    await sessions.close()
    assert sorted(desk.closed) == ["polymarket-demo", "vertex-demo"]


async def test_after_closing_an_account_is_opened_anew(sessions: Sessions, desk: Desk) -> None:
    first = await sessions.exchange("kalshi-demo")
    await sessions.close()
    assert await sessions.exchange("kalshi-demo") is not first
    assert desk.opened == ["kalshi-demo", "kalshi-demo"]
