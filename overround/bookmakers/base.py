"""What the engine asks of a bookmaker: a taker bet with a price floor, sent once, found again by our own id.

Source: bookmakers sheet, section 8. ``price`` is decimal odds, ``stake`` the amount at risk in the account's currency.
"""

from collections.abc import AsyncIterator
from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum
from typing import Literal, Protocol

from overround.domain.messages import PlacedBet


class BetStatus(StrEnum):
    """A hedge bet's life. ``UNKNOWN`` blocks further hedging of the same exposure until a look-up resolves it."""

    SENT = "SENT"
    PENDING = "PENDING"
    FILLED = "FILLED"
    PARTIAL = "PARTIAL"
    REJECTED = "REJECTED"
    UNKNOWN = "UNKNOWN"


IN_FLIGHT = (BetStatus.SENT, BetStatus.PENDING, BetStatus.UNKNOWN)
"""Without a final answer: the bet may be placed, or still be."""


class RefusalClass(StrEnum):
    """Why a bet was refused, as far as the next step differs."""

    PRICE = "PRICE"
    SIZE = "SIZE"
    SUSPENDED = "SUSPENDED"
    FUNDS = "FUNDS"
    ACCOUNT = "ACCOUNT"
    OTHER = "OTHER"


@dataclass(frozen=True, slots=True)
class BetRequest:
    """One bet to send. ``request_id`` is derived from the intent, ``min_price`` the floor, ``expires_at`` epoch ms."""

    request_id: str
    fixture_id: str
    outcome_id: int
    min_price: Decimal
    stake: Decimal
    bookmaker: str
    expires_at: int
    player_id: int = 0
    reference: str = ""


@dataclass(frozen=True, slots=True)
class BetReport:
    """What the bookmaker says of one request. ``bets`` are its accepted parts so far. ``final`` is False while a live
    delay or routing is still running. ``refusal`` is set when (part of) it was refused."""

    request_id: str
    status: BetStatus
    bets: tuple[PlacedBet, ...]
    final: bool
    refusal: RefusalClass | None = None
    reason: str = ""


@dataclass(frozen=True, slots=True)
class SelectionPrice:
    """A live price of one selection at one bookmaker account; ``limit`` and ``min_stake`` in ``currency``."""

    bookmaker: str
    price: Decimal
    limit: Decimal
    min_stake: Decimal
    currency: str
    active: bool


@dataclass(frozen=True, slots=True)
class BetSettlement:
    """The bookmaker's result of one accepted part; ``status`` in the client API's words, None while unsettled.
    ``payout`` is what it returned to the account, stake included, in the bet's currency; None where it does not say."""

    bet_id: str
    status: Literal["WON", "LOST", "VOID", "HALF_WON", "HALF_LOST"] | None
    payout: Decimal | None = None


@dataclass(frozen=True, slots=True)
class BookmakerAccount:
    """An account the bookmaker (or router) holds for us."""

    bookmaker: str
    username: str
    balance: Decimal
    currency: str
    active: bool
    min_stake: Decimal
    max_stake: Decimal | None


class Bookmaker(Protocol):
    """A session at one bookmaker or router. Use as an async context manager. Reads raise ``overround.venues`` errors;
    ``place`` raises ``Unknown`` errors when nobody knows whether the bet exists."""

    name: str
    memory_seconds: float
    """How long the venue remembers a request id; after it neither protection nor look-up exists."""

    async def __aenter__(self) -> "Bookmaker": ...

    async def __aexit__(self, *exc: object) -> None: ...

    async def accounts(self) -> list[BookmakerAccount]: ...

    async def prices(self, fixture_id: str, outcome_id: int, player_id: int = 0) -> list[SelectionPrice]: ...

    async def place(self, bet: BetRequest) -> BetReport:
        """Send one bet, once. A duplicate id is the success of an earlier attempt: its report is returned."""
        ...

    async def find(self, request_id: str) -> BetReport | None:
        """The venue's report of a request id, None when it conclusively never arrived (complete answer within
        ``memory_seconds``); raises otherwise."""
        ...

    async def cancel(self, request_id: str) -> BetReport: ...

    async def settlements(self, bet_ids: list[str]) -> list[BetSettlement]: ...

    def stream(self) -> AsyncIterator[BetReport]:
        """Reports pushed by the venue, reconnecting for ever; what was missed is found by ``find``."""
        ...
