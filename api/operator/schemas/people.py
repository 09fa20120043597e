"""Clients and API keys."""

from datetime import datetime
from typing import Annotated, Literal

from pydantic import ConfigDict, Field

from api.operator.parameters import ClientText, Line
from api.schemas.base import OddsFormat, Shape


class NewClient(Shape):
    """``client`` is the id for ever: `demo:vertex` is demo, priced and hedged at vertex; `vertex` is both."""

    model_config = ConfigDict(
        json_schema_extra={"examples": [{"client": "demo:vertex", "name": "Demo", "oddsFormat": "decimal"}]}
    )
    client: ClientText
    name: Line
    odds_format: OddsFormat = "decimal"


class ClientChange(Shape):
    """What is left out stays."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"name": "Demo Ltd", "active": False}]})
    name: Line | None = None
    odds_format: OddsFormat | None = None
    active: bool | None = None


class ClientRecord(Shape):
    """``bookmaker`` is what the id says; ``active`` false means that nothing is quoted and its keys open nothing."""

    client: str
    name: str
    bookmaker: str
    active: bool
    odds_format: OddsFormat
    created_at: datetime


class NewKey(Shape):
    """A client's key names its client, an operator's key names none."""

    model_config = ConfigDict(
        json_schema_extra={"examples": [{"kind": "client", "client": "demo:vertex", "label": "reporting"}]}
    )
    kind: Literal["client", "operator"] = "client"
    client: ClientText | None = None
    label: Line


class Rotation(Shape):
    """How long the old key goes on working, in seconds."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"graceSeconds": 3600}]})
    grace_seconds: Annotated[int, Field(ge=0, le=2_592_000)] = 3600


class Key(Shape):
    """A key without any part of it. ``lastUsedAt`` is exact to a minute."""

    key_id: int
    kind: Literal["client", "operator"]
    client: str | None
    label: str
    state: Literal["live", "ending", "ended", "revoked"]
    created_at: datetime
    expires_at: datetime | None
    last_used_at: datetime | None
    revoked_at: datetime | None


class KeyShown(Key):
    """With the key itself, this once."""

    key: str
