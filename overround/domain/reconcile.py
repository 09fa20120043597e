"""What a ``ReconcileWorkflow`` is told and reports."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class ReconcileStart:
    """One account; trades of the last ``lookback_seconds`` are compared."""

    account_id: str
    lookback_seconds: int = 600


@dataclass(frozen=True, slots=True)
class ReconcileReport:
    """``findings`` in plain words; ``repaired`` how many signals were sent."""

    open_at_venue: int
    open_in_ledger: int
    repaired: int
    findings: tuple[str, ...] = ()
