"""What clients may say on the socket, and the words in which they are refused (mm-api sheet, section 7)."""

import json
from typing import Any

from overround.ledger.events import CHANNELS

POLICY_VIOLATION, TRY_AGAIN = 1008, 1013


class Ended(Exception):
    """The conversation is over; ``error`` is told to the client first, ``reason`` goes into the close frame."""

    def __init__(self, reason: str, *, error: str | None = None, code: int = POLICY_VIOLATION) -> None:
        super().__init__(reason)
        self.reason = reason
        self.error = error
        self.code = code


def denied(text: str) -> Ended:
    """A subscription refused in the documented words."""
    return Ended(text, error=text)


def too_slow() -> Ended:
    """Its own close code: unlike a refused subscription, this one is worth resuming."""
    why = "Too slow: messages were not read in time"
    return Ended(why, error=why, code=TRY_AGAIN)


def unsettled() -> Ended:
    """Nothing can be promised about what this client would be told."""
    why = "Try again: events are being held up"
    return Ended(why, error=why, code=TRY_AGAIN)


def parse(text: str) -> dict[str, Any]:
    try:
        message = json.loads(text)
    except (ValueError, RecursionError):
        raise denied("Invalid message") from None
    if not isinstance(message, dict):
        raise denied("Invalid message")
    return message


def effective_channels(message: dict[str, Any]) -> list[str]:
    """The effective channels: those asked for that exist, in our order; all five when none are named."""
    asked = message.get("channels", list(CHANNELS))
    if not isinstance(asked, list):
        raise denied("channels must be a list")
    effective: list[str] = [channel for channel in CHANNELS if channel in asked]
    if not effective:
        raise denied("No known channel")
    return effective


def resume_number(message: dict[str, Any]) -> int | None:
    """The last ``seq`` the client has seen; None when it begins afresh."""
    number = message.get("resume")
    if number is None:
        return None
    if isinstance(number, bool) or not isinstance(number, int) or number < 0:
        raise denied("Invalid resume number")
    return number
