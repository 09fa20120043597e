"""What a ``ControlWorkflow`` is told and answers (mm-api sheet, section 5.10)."""

from dataclasses import dataclass
from typing import Literal

Command = Literal["pause", "resume", "stop", "start", "emergency", "soft_pause", "clear"]


@dataclass(frozen=True, slots=True)
class ControlStart:
    """``scope`` is a client, or ``global``; the rest is what one run hands to the next."""

    scope: str
    blocked: str | None = None
    sweeping: bool = False


@dataclass(frozen=True, slots=True)
class ControlRequest:
    """A command with who gave it and why."""

    command: Command
    by: str
    reason: str = ""


@dataclass(frozen=True, slots=True)
class GateChange:
    """Flags to write for a scope; ``quiet`` is the reason told to order workflows, None when they may quote again."""

    scope: str
    command: Command
    reason: str


@dataclass(frozen=True, slots=True)
class GateResult:
    """What a command did: the ``result`` word of the API, and whether quoting is blocked now and why."""

    result: str
    changed: bool
    blocked: str | None


@dataclass(frozen=True, slots=True)
class Sweep:
    """Tell every owner of open orders in ``scope`` that the gate is ``blocked`` (or open), and count what rests."""

    scope: str
    blocked: str | None
