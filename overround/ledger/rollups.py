"""Counters behind the lists and sums of the client API, kept by triggers of migration 0004.

A writer only appends to the ``…_deltas``, so no writer waits for another; ``fold`` adds them to the counters. Both
together are exact in every snapshot, however long ago the last fold was.
"""

from typing import Any

from sqlalchemy import BigInteger, Column, Date, DateTime, Index, Integer, Numeric, Table, Text, text
from sqlalchemy.ext.asyncio import AsyncConnection

from overround.ledger.schema import metadata

ALL = ""
"""The fixture of a counter's row that stands for all fixtures together."""
RESULTS = ("undecided", "won", "lost", "void", "half_won", "half_lost")
LINE = ("client", "fixture_id", "market_id", "outcome_id", "exchange")
LINE_SUMS = ("orders", "bought", "bought_cost", "matched", "fees", "realised", *RESULTS)
PROFIT_SUMS = ("matched", "fees", "realised", *RESULTS)
_KINDS: dict[str, Any] = {
    **dict.fromkeys(("client", "fixture_id", "exchange", "bookmaker", "status"), Text),
    **dict.fromkeys(("item_id", "first_id", "last_id", "opened"), BigInteger),
    **dict.fromkeys(("market_id", "outcome_id", "orders", "bets", *RESULTS), Integer),
    "day": Date,
    "updated_at": DateTime(timezone=True),
}


def _table(name: str, key: tuple[str, ...], columns: tuple[str, ...], *indexes: Index, keyed: bool = True) -> Table:
    keys: list[Column[Any]] = [Column(column, _KINDS[column], primary_key=keyed, nullable=False) for column in key]
    rest: list[Column[Any]] = [
        Column(column, _KINDS.get(column, Numeric), nullable=column == "updated_at") for column in columns
    ]
    return Table(name, metadata, *keys, *rest, *indexes)


_ORDER = ("client", "fixture_id", "day", "exchange", "status")
_BET = ("client", "fixture_id", "day", "exchange", "bookmaker", "status")
_IDS = ("first_id", "last_id")
order_deltas = _table("order_deltas", _ORDER, ("item_id", "orders", "stake", "filled"), keyed=False)
bet_deltas = _table("bet_deltas", _BET, ("item_id", "bets", "stake", "placed"), keyed=False)
position_deltas = _table("position_deltas", (*LINE, "day"), ("opened", "updated_at", *LINE_SUMS), keyed=False)
_WHOLE = text("exchange = ''")
_PLACE: dict[str, Any] = {"postgresql_include": ["matched", "exchange", "fixture_id"]}
order_counts = _table(
    "order_counts",
    _ORDER,
    (*_IDS, "orders", "stake", "filled"),
    Index("order_counts_none", "orders", postgresql_where=text("orders = 0")),
    Index(
        "order_counts_fixtures",
        *("client", "day", "fixture_id"),
        postgresql_include=["orders"],
        postgresql_where=_WHOLE,
    ),
)
"""Per fixture and kind, per kind for all fixtures together (fixture ''), per fixture for all kinds (exchange '')."""
bet_counts = _table(
    "bet_counts",
    _BET,
    (*_IDS, "bets", "stake", "placed"),
    Index("bet_counts_none", "bets", postgresql_where=text("bets = 0")),
    Index(
        "bet_counts_fixtures", *("client", "day", "fixture_id"), postgresql_include=["bets"], postgresql_where=_WHOLE
    ),
)
positions = _table(
    "positions", LINE, ("opened", "updated_at", *LINE_SUMS), Index("positions_in_order", "client", "opened", **_PLACE)
)
"""One row per line that was ever filled. ``opened`` is an order id that never changes: the lists' order."""
position_days = _table(
    "position_days",
    (*LINE, "day"),
    ("opened", "updated_at", *LINE_SUMS),
    Index("position_days_in_order", "client", "opened", "day", **_PLACE),
    Index("position_days_by_day", "client", "day", "opened", **_PLACE),
)
profit_days = _table("profit_days", ("client", "day", "exchange"), PROFIT_SUMS)


async def fold(connection: AsyncConnection) -> bool:
    """Add what writers left to the counters; False when somebody else is just doing it."""
    return bool((await connection.execute(text("SELECT fold_lists()"))).scalar_one())


async def rebuild(connection: AsyncConnection) -> None:
    """Count everything anew from the rows themselves, while nobody writes."""
    await connection.execute(text("SELECT rebuild_lists()"))
