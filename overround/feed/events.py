"""What the stream tells: updates as the feed sent them, and what happened to the connection itself.

Source: oddspapi sheet, sections 2.4 to 3.6. Every event carries the local moment it was received.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from overround.feed.catalogue import Currency, currency
from overround.feed.clock import Receipt
from overround.feed.messages import (
    BookmakerState,
    Clock,
    Fixture,
    OddsRow,
    Score,
    bookmaker_states,
    clock,
    fixture,
    odds_by_bookmaker,
    scores,
)
from overround.feed.wire import VENUE, Row
from overround.venues import Unreadable


@dataclass(frozen=True, slots=True)
class FixtureChange:
    fixture: Fixture


@dataclass(frozen=True, slots=True)
class OddsChange:
    fixture_id: str
    odds: dict[str, tuple[OddsRow, ...]]


@dataclass(frozen=True, slots=True)
class BookmakerChange:
    fixture_id: str
    bookmakers: dict[str, BookmakerState]


@dataclass(frozen=True, slots=True)
class ScoreChange:
    fixture_id: str
    scores: dict[str, Score]


@dataclass(frozen=True, slots=True)
class ClockChange:
    fixture_id: str
    clock: Clock


@dataclass(frozen=True, slots=True)
class CurrencyChange:
    currencies: tuple[Currency, ...]


@dataclass(frozen=True, slots=True)
class OtherChange:
    """A channel this client does not read."""


Body = FixtureChange | OddsChange | BookmakerChange | ScoreChange | ClockChange | CurrencyChange | OtherChange


@dataclass(frozen=True, slots=True)
class Update:
    """A data frame. ``ts`` is the gateway's emit time, epoch milliseconds; ``entry_id`` the channel's cursor."""

    at: Receipt
    channel: str
    ts: int
    entry_id: str
    body: Body


@dataclass(frozen=True, slots=True)
class Connected:
    """Logged in. ``resuming`` names the channels whose gap the server is asked to replay: they are not to be trusted
    before ``Resumed``. ``new_epoch`` is True when the gateway restarted since the last connection."""

    at: Receipt
    connection_id: str
    epoch: str
    receive_type: str
    channels: tuple[str, ...]
    bookmakers: tuple[str, ...] | None
    resuming: tuple[str, ...]
    new_epoch: bool


@dataclass(frozen=True, slots=True)
class Disconnected:
    """The connection is gone: nothing it told may be quoted from. ``code`` is the close code, None without one."""

    at: Receipt
    reason: str
    code: int | None


@dataclass(frozen=True, slots=True)
class Resumed:
    """The replay asked for is complete."""

    at: Receipt


@dataclass(frozen=True, slots=True)
class SnapshotNeeded:
    """What these channels said may be incomplete: read them by REST. The stream keeps flowing."""

    at: Receipt
    channels: tuple[str, ...]
    reason: str


@dataclass(frozen=True, slots=True)
class BadFrame:
    """A frame that could not be understood; nothing of it was used. ``channel`` and ``fixture_id`` say what it was
    about, None where that could not be read."""

    at: Receipt
    reason: str
    channel: str | None = None
    fixture_id: str | None = None


@dataclass(frozen=True, slots=True)
class Complaint:
    """An ``error`` frame of a server that goes on."""

    at: Receipt
    text: str


StreamEvent = Complaint | Update | Connected | Disconnected | Resumed | SnapshotNeeded | BadFrame


def update(frame: Row, at: Receipt) -> Update:
    """A data frame's envelope and payload (sheet, section 2.5). Raises ``Unreadable``."""
    channel, kind = frame.text("channel"), frame.text("type")
    if kind != "UPDATE":
        raise Unreadable(VENUE, f"frame of {channel} has type {kind!r}")
    parse = PARSERS.get(channel, _other)
    return Update(at, channel, frame.integer("ts"), frame.text("entryId"), parse(frame.row("payload")))


def bad_frame(frame: object, at: Receipt, reason: str) -> BadFrame:
    """A report of an unreadable frame naming the fixture it was about, as far as that can be read."""
    body: Mapping[str, Any] = frame if isinstance(frame, dict) else {}
    payload = body.get("payload")
    fixture_id = payload.get("fixtureId") if isinstance(payload, dict) else None
    return BadFrame(at, reason, _text(body.get("channel")), _text(fixture_id))


def _text(value: object) -> str | None:
    return value if isinstance(value, str) else None


def _fixture(row: Row) -> Body:
    return FixtureChange(fixture(row.body))


def _odds(row: Row) -> Body:
    return OddsChange(row.text("fixtureId"), odds_by_bookmaker(row.mapping("odds")))


def _bookmakers(row: Row) -> Body:
    return BookmakerChange(row.text("fixtureId"), bookmaker_states(row.mapping("bookmakers")))


def _scores(row: Row) -> Body:
    return ScoreChange(row.text("fixtureId"), scores(row.mapping("scores")))


def _clock(row: Row) -> Body:
    return ClockChange(row.text("fixtureId"), clock(row.mapping("clock")))


def _currencies(row: Row) -> Body:
    return CurrencyChange(tuple(currency(item) for item in row.body.values()))


def _other(_: Row) -> Body:
    return OtherChange()


PARSERS: dict[str, Callable[[Row], Body]] = {
    "fixtures": _fixture,
    "odds": _odds,
    "bookmakers": _bookmakers,
    "scores": _scores,
    "clocks": _clock,
    "currencies": _currencies,
}
