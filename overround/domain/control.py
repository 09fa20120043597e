"""What a ``ControlWorkflow`` is told and answers (mm-api sheet, section 5.10)."""

from dataclasses import dataclass
from decimal import Decimal
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
    """Flags to write for a scope, and who wants them so."""

    scope: str
    command: Command
    reason: str
    by: str = ""


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


@dataclass(frozen=True, slots=True)
class CancelOrders:
    """Cancel orders of the scope's client: ``order_ids`` as the ledger numbers them.

    With ``whole`` nothing new is to rest either where they rest: in every market of ``fixture_id`` and ``exchange``, of
    which None is any.
    """

    order_ids: tuple[int, ...]
    by: str
    reason: str = ""
    whole: bool = False
    fixture_id: str | None = None
    exchange: str | None = None


@dataclass(frozen=True, slots=True)
class DropOrders:
    """``CancelOrders`` of one client, to be told to the owners; ``command_id`` is written down once."""

    client: str
    request: CancelOrders
    command_id: str = ""


@dataclass(frozen=True, slots=True)
class Drop:
    """Told to an owner: cancel these orders (or, with ``everything``, all), and place nothing new in their outcomes
    until the odds change or the hold is over."""

    client_order_ids: tuple[str, ...]
    everything: bool = False


@dataclass(frozen=True, slots=True)
class Hold:
    """No new order in ``outcome_id`` while its odds are ``odds`` and ``until`` (epoch ms) has not passed."""

    outcome_id: int
    odds: Decimal | None
    until: int
