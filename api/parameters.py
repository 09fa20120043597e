"""Query and path parameters, each with its documented default and limit (mm-api sheet, section 5.2)."""

import re
from datetime import date
from typing import Annotated

from fastapi import Depends, Path, Query
from pydantic import BeforeValidator

from overround.domain.orders import OrderStatus
from overround.ledger.events import BET_STATUS
from overround.ledger.reads.page import Filters, Window

MAX_ID = 2**63 - 1
VISIBLE = r"^[!-~]+$"
DAY = re.compile(r"\d{4}-\d{2}-\d{2}")


PageNumber = Annotated[
    int, Query(ge=1, le=1_000_000, description="From 1; what lies after the first 20,000 rows is read with `cursor`.")
]
Cursor = Annotated[
    str | None,
    Query(
        pattern=r"^[A-Za-z0-9_=-]+$",
        max_length=400,
        description="`nextCursor` of the page before; `page` does not count then. Rows written meanwhile "
        "neither repeat nor hide others.",
    ),
]


def _one_of(words: list[str]) -> str:
    choice = "|".join(words)
    return rf"^({choice})(,({choice}))*$"


def _strict_day(value: object) -> object:
    if isinstance(value, str) and not DAY.fullmatch(value):
        raise ValueError("a date is written YYYY-MM-DD")
    return value


Day = Annotated[date, BeforeValidator(_strict_day)]
FromDate = Annotated[Day | None, Query(alias="fromDate", description="Created on or after this UTC day.")]
ToDate = Annotated[Day | None, Query(alias="toDate", description="Created on or before this UTC day.")]
FixtureId = Annotated[str, Query(alias="fixtureId", pattern=VISIBLE, max_length=200)]
MaybeFixtureId = Annotated[str | None, Query(alias="fixtureId", pattern=VISIBLE, max_length=200)]
Exchange = Annotated[str | None, Query(pattern=VISIBLE, max_length=100, examples=["polymarket", "kalshi"])]
Bookmaker = Annotated[str | None, Query(pattern=VISIBLE, max_length=100, examples=["vertex"])]
MaybeOrderId = Annotated[int | None, Query(alias="orderId", ge=1, le=MAX_ID)]
OrderStatuses = Annotated[
    str | None,
    Query(
        pattern=_one_of([status.value for status in OrderStatus]),
        description="One status, or several separated by commas.",
        examples=["PLACED,FILLED"],
    ),
]
BetStatuses = Annotated[
    str | None,
    Query(
        pattern=_one_of(list(BET_STATUS.values())),
        description="One bet status, or several separated by commas.",
        examples=["matched"],
    ),
]
RowId = Annotated[int, Path(ge=1, le=MAX_ID)]
PathFixtureId = Annotated[str, Path(pattern=VISIBLE, max_length=200)]
NullIsEmpty = BeforeValidator(lambda body: {} if body is None else body)
"""For a body that may be left out: null says as little. Undocumented, for generators make a type of it."""


def _window(
    page: PageNumber = 1, page_size: Annotated[int, Query(alias="pageSize", ge=1, le=2000)] = 50, cursor: Cursor = None
) -> Window:
    return Window(page, page_size, cursor)


def _order_filters(
    fixture_id: MaybeFixtureId = None,
    exchange: Exchange = None,
    status: OrderStatuses = None,
    from_date: FromDate = None,
    to_date: ToDate = None,
) -> Filters:
    return Filters(
        fixture_id=fixture_id, exchange=exchange, statuses=_split(status), from_date=from_date, to_date=to_date
    )


def _bet_filters(
    fixture_id: MaybeFixtureId = None,
    exchange: Exchange = None,
    bookmaker: Bookmaker = None,
    order_id: MaybeOrderId = None,
    status: BetStatuses = None,
    from_date: FromDate = None,
    to_date: ToDate = None,
) -> Filters:
    return Filters(fixture_id, exchange, bookmaker, order_id, _split(status), from_date, to_date)


def _position_filters(
    fixture_id: MaybeFixtureId = None, exchange: Exchange = None, from_date: FromDate = None, to_date: ToDate = None
) -> Filters:
    return Filters(fixture_id=fixture_id, exchange=exchange, from_date=from_date, to_date=to_date)


def _split(statuses: str | None) -> tuple[str, ...]:
    return tuple(statuses.split(",")) if statuses else ()


PageWindow = Annotated[Window, Depends(_window)]
OrderFilters = Annotated[Filters, Depends(_order_filters)]
BetFilters = Annotated[Filters, Depends(_bet_filters)]
PositionFilters = Annotated[Filters, Depends(_position_filters)]
