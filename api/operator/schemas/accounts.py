"""Exchange and bookmaker accounts. Credentials go in and never come out."""

from datetime import datetime
from decimal import Decimal
from typing import Annotated

from pydantic import ConfigDict, Field, SecretStr, StringConstraints, WithJsonSchema

from api.operator.parameters import ClientText
from api.schemas.base import Number, Shape

Name = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9_]{1,64}$")]
Value = Annotated[str, StringConstraints(min_length=1, max_length=500, pattern=r"^[!-~]+$")]
Secret = Annotated[SecretStr, Field(min_length=1, max_length=10_000)]
Slug = Annotated[str, StringConstraints(pattern=r"^[a-z0-9][a-z0-9.-]{0,62}$")]
Currency = Annotated[str, StringConstraints(pattern=r"^[A-Z]{3,5}$")]
Amount = Annotated[
    Decimal,
    Field(gt=0, le=1_000_000, decimal_places=8),
    WithJsonSchema({"type": "number", "exclusiveMinimum": 0, "maximum": 1_000_000}),
]
"""In the account's currency."""
Priority = Annotated[int, Field(ge=-1000, le=1000)]


class Access(Shape):
    """How a venue is reached; which names a venue needs is in its documentation, and a 422 lists them."""

    client: ClientText
    endpoints: Annotated[dict[Name, Value], Field(max_length=20)]
    secrets: Annotated[dict[Name, Secret], Field(max_length=20)]
    options: Annotated[dict[Name, Value], Field(max_length=20)] = Field(default_factory=dict)


class ExchangeAccess(Access):
    """An exchange account, or new credentials for it."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "client": "demo:vertex",
                    "exchange": "kalshi",
                    "endpoints": {
                        "rest": "https://kalshi.example/trade-api/v2",
                        "ws": "wss://kalshi.example/trade-api/ws/v2",
                    },
                    "secrets": {"key_id": "<key id>", "private_key_pem": "<PEM text>"},
                    "options": {"tier": "basic"},
                }
            ]
        }
    )
    exchange: Slug
    currency: Currency = "USD"


class BookmakerAccess(Access):
    """A bookmaker account, or new credentials for it. ``bookmaker`` is the client's own when left out; ``route`` is
    what reaches it."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "client": "demo:vertex",
                    "route": "abp",
                    "endpoints": {"rest": "https://abp.example", "ws": "wss://abp.example/ws"},
                    "secrets": {"api_key": "<key>"},
                    "priority": 0,
                    "currency": "EUR",
                    "minStake": 2,
                    "stakeStep": 0.01,
                }
            ]
        }
    )
    route: Slug
    bookmaker: Slug | None = None
    priority: Priority | None = None
    currency: Currency | None = None
    min_stake: Amount | None = None
    stake_step: Amount | None = None


class BookmakerTerms(Shape):
    """What is left out stays. Accounts are asked in the order of ``priority``, lowest first."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"minStake": 5, "stakeStep": 0.5, "currency": "EUR"}]})
    priority: Priority | None = None
    currency: Currency | None = None
    min_stake: Amount | None = None
    stake_step: Amount | None = None


class AccountShown(Shape):
    """``optionNames`` only names: their values go in and do not come out, as credentials."""

    account_id: str
    client: str
    active: bool
    status: str
    status_reason: str
    currency: str
    balance: Number | None
    balance_at: datetime | None
    endpoints: dict[str, str]
    option_names: list[str]
    created_at: datetime


class ExchangeAccount(AccountShown):
    exchange: str
    available: Number | None


class BookmakerAccount(AccountShown):
    bookmaker: str
    route: str
    priority: int
    min_stake: Number
    stake_step: Number
