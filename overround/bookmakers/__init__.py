"""Bookmaker routes, one folder each. ``open_bookmaker`` is the only place that knows them all."""

from importlib import import_module

from overround.bookmakers.base import Bookmaker
from overround.venues import Account

ROUTES = {"abp": "Abp"}
"""Folder to class in its ``adapter`` module. A route reaches one or many bookmakers (bookmakers sheet, section 5)."""


class UnknownRoute(LookupError):
    """No bookmaker route of that name."""


def open_bookmaker(account: Account) -> Bookmaker:
    """The adapter of the account's route, not yet entered."""
    if account.venue not in ROUTES:
        raise UnknownRoute(f"no bookmaker route named {account.venue!r}; known: {', '.join(sorted(ROUTES))}")
    module = import_module(f"overround.bookmakers.{account.venue}.adapter")
    adapter: Bookmaker = getattr(module, ROUTES[account.venue])(account)
    return adapter
