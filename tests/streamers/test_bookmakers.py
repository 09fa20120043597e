"""The bookmaker watch shows each account as it is, and one that cannot be read does not hide the others."""

from decimal import Decimal
from typing import Any

import pytest
from sqlalchemy.ext.asyncio import AsyncEngine

from overround.bookmakers.base import BookmakerAccount
from overround.venues import TimedOut
from streamers.bookmakers import BookmakerWatch
from tests.ledger.desk import rows


class Route:
    """A bookmaker route that answers with ``held``, or does not."""

    def __init__(self, held: list[BookmakerAccount] | Exception) -> None:
        self.held = held

    async def accounts(self) -> list[BookmakerAccount]:
        if isinstance(self.held, Exception):
            raise self.held
        return self.held


class Routes:
    def __init__(self, held: list[BookmakerAccount] | Exception) -> None:
        self.route = Route(held)

    async def bookmaker(self, _: str) -> Any:
        return self.route


def account(bookmaker: str = "vertex", *, active: bool = True) -> BookmakerAccount:
    return BookmakerAccount(bookmaker, "demo", Decimal("99.50"), "USD", active, Decimal(1), None)


@pytest.mark.parametrize(
    ("held", "status", "balance"),
    [
        ([account()], "connected", Decimal("99.50")),
        ([account(active=False)], "blocked", Decimal("99.50")),
        ([account("sharpbet")], "unknown", None),
        (TimedOut("abp", "GET /accounts was not answered in time"), "unreachable", None),
    ],
)
async def test_an_account_is_shown_as_it_is(
    ledger: AsyncEngine, held: list[BookmakerAccount] | Exception, status: str, balance: Decimal | None
) -> None:
    await BookmakerWatch(ledger, Routes(held)).look()  # type: ignore[arg-type]
    found = await rows(ledger, "SELECT status, balance FROM bookmaker_accounts")
    assert {(row.status, row.balance) for row in found} == {(status, balance)}


async def test_a_balance_once_read_stays_when_the_route_is_away(ledger: AsyncEngine) -> None:
    routes = Routes([account()])
    watch = BookmakerWatch(ledger, routes)  # type: ignore[arg-type]
    await watch.look()
    routes.route.held = TimedOut("abp", "no answer")
    await watch.look()
    (row,) = await rows(ledger, "SELECT status, status_reason, balance FROM bookmaker_accounts")
    assert (row.status, row.status_reason, row.balance) == ("unreachable", "no answer", Decimal("99.50"))
