"""Who may operate: keys of kind ``operator`` and nobody else."""

from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Annotated

from fastapi import Depends, Request, Security
from sqlalchemy.ext.asyncio import AsyncConnection

from api.auth import OPERATOR_HEADER
from api.context import context_of, writing
from api.limits import charge


@dataclass(frozen=True, slots=True)
class Operator:
    """Who calls. ``by`` is what the audit shows: the label of the key, and its number, which nobody chooses."""

    key_id: int
    by: str


async def admit_operator(request: Request, key: Annotated[str | None, Security(OPERATOR_HEADER)]) -> Operator:
    """The calling operator, if the key is one's and its minute is not used up."""
    owner = await context_of(request).keys.admit(key, "operator")
    await charge(request, f"operator:{owner.key_id}")
    number = f"operator key {owner.key_id}"
    return Operator(owner.key_id, f"{owner.name} ({number})" if owner.name else number)


async def _writer(request: Request) -> AsyncIterator[AsyncConnection]:
    async with writing(context_of(request)) as connection:
        yield connection


Caller = Annotated[Operator, Depends(admit_operator)]
Writer = Annotated[AsyncConnection, Depends(_writer, scope="function")]
"""One transaction: committed before the answer leaves, undone when the answer is a refusal."""
