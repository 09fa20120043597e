"""Path and query parameters, and texts in bodies."""

from typing import Annotated

from fastapi import Path, Query
from pydantic import StringConstraints

from api.parameters import MAX_ID, VISIBLE

PRINTABLE = r"^[^\x00-\x1f\x7f]+$"
ACCOUNT = r"^[A-Za-z0-9][A-Za-z0-9._-]*$"

Line = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=200, pattern=PRINTABLE)]
"""One line of text for people."""
ClientText = Annotated[str, StringConstraints(min_length=1, max_length=127, pattern=VISIBLE)]
PathClient = Annotated[str, Path(pattern=VISIBLE, max_length=127, examples=["demo:vertex"])]
PathAccount = Annotated[str, Path(alias="accountId", pattern=ACCOUNT, max_length=64, examples=["kalshi-1"])]
PathKey = Annotated[int, Path(alias="keyId", ge=1, le=MAX_ID)]
MaybeClient = Annotated[
    str | None, Query(alias="client", pattern=VISIBLE, max_length=127, description="Only this client's.")
]
