"""Exchange adapters, one folder each with the same file names. Only ``open_exchange`` knows them all."""

from importlib import import_module

from overround.exchanges.base import Exchange
from overround.venues import Account

ADAPTERS = {"kalshi": "Kalshi", "polymarket": "Polymarket"}
"""Folder (the feed's slug) to class in its ``adapter`` module; imported only by the process that trades there."""


class UnknownVenue(LookupError):
    """No adapter of that name."""


def open_exchange(account: Account) -> Exchange:
    """The adapter of the account's venue, not yet entered."""
    if account.venue not in ADAPTERS:
        raise UnknownVenue(f"no exchange adapter named {account.venue!r}; known: {', '.join(sorted(ADAPTERS))}")
    module = import_module(f"overround.exchanges.{account.venue}.adapter")
    adapter: Exchange = getattr(module, ADAPTERS[account.venue])(account)
    return adapter
