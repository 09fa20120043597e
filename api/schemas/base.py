"""The objects of the API as its OpenAPI document shows them (mm-api sheet, section 5).

Answers are built by ``overround.ledger`` and written by ``ExactJSON``; the contract tests hold each against its model.
"""

from decimal import Decimal
from typing import Annotated, Generic, Literal, TypeVar

from pydantic import BaseModel, ConfigDict, WithJsonSchema
from pydantic.alias_generators import to_camel
from typing_extensions import TypeAliasType

Number = Annotated[Decimal, WithJsonSchema({"type": "number"})]
"""Money, a price or a size: a JSON number with all its digits; read it as a decimal, not as a float."""
Settlement = TypeAliasType("Settlement", Literal["UNDECIDED", "WON", "LOST", "VOID", "HALF_WON", "HALF_LOST"])
OddsFormat = TypeAliasType("OddsFormat", Literal["american", "decimal", "hong_kong", "fractional"])
Item = TypeVar("Item")


class Shape(BaseModel):
    """camelCase on the wire, nothing besides what is declared."""

    model_config = ConfigDict(
        alias_generator=to_camel,
        extra="forbid",
        field_title_generator=lambda name, _: name.strip("_").replace("_", " ").capitalize(),
    )


class Page(Shape, Generic[Item]):
    """A page, newest first; pages count from 1. ``nextCursor`` leads on from its last row; null at the end."""

    items: list[Item]
    page: int
    page_size: int
    total: int
    total_pages: int
    next_cursor: str | None


class Invalid(Shape):
    """Which parameter is wrong, and how."""

    loc: list[str | int]
    msg: str
    type: str


class Problem(Shape):
    """An error: ``detail`` as documented, with the members of RFC 9457 beside it."""

    detail: str | list[Invalid]
    type: str
    title: str
    status: int
    instance: str
    code: str
    request_id: str
