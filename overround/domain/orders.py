"""One order on an exchange: what was meant, what is known, and how evidence changes it.

Evidence may arrive in any order and more than once; applying it never loses a fill and never resurrects a dead order
except where the real world does (``CANCELLED`` to ``FILLED`` when a fill overtakes a cancel).
"""

from dataclasses import dataclass, field, replace
from decimal import Decimal
from enum import StrEnum
from typing import Literal

from overround.domain.numbers import ZERO


class OrderStatus(StrEnum):
    """The lifecycle of the client API (mm-api sheet, section 6.1)."""

    PENDING_PLACEMENT = "PENDING_PLACEMENT"
    PLACED = "PLACED"
    PARTIAL = "PARTIAL"
    FILLED = "FILLED"
    FAILED = "FAILED"
    CANCELLED = "CANCELLED"
    EXPIRED = "EXPIRED"


OPEN = frozenset({OrderStatus.PENDING_PLACEMENT, OrderStatus.PLACED, OrderStatus.PARTIAL})
TERMINAL = frozenset(OrderStatus) - OPEN


@dataclass(frozen=True, slots=True)
class Fill:
    """A trade of one of our orders, keyed by the venue's own trade id.

    ``size`` in contracts, ``price`` the probability price of the contract bought (never the venue's opposite side),
    ``fee`` in account currency, positive when paid. ``at`` is epoch milliseconds at the venue.
    """

    fill_id: str
    size: Decimal
    price: Decimal
    fee: Decimal
    at: int


@dataclass(frozen=True, slots=True)
class Accepted:
    """The venue took the order and named it."""

    venue_order_id: str
    kind: Literal["accepted"] = "accepted"


@dataclass(frozen=True, slots=True)
class Refused:
    """The venue said no: the order does not exist. ``code`` is a stable word, ``reason`` the venue's text."""

    code: str
    reason: str
    kind: Literal["refused"] = "refused"


@dataclass(frozen=True, slots=True)
class Lost:
    """The answer to a placement or cancel was lost: the outcome is unknown until the venue says what happened."""

    reason: str
    kind: Literal["lost"] = "lost"


@dataclass(frozen=True, slots=True)
class Absent:
    """The venue conclusively has no such order (a complete answer, after the quiet period its sheet demands)."""

    kind: Literal["absent"] = "absent"


@dataclass(frozen=True, slots=True)
class Matched:
    """A trade of this order."""

    fill: Fill
    kind: Literal["matched"] = "matched"


@dataclass(frozen=True, slots=True)
class Unmatched:
    """A trade reported earlier failed at the venue: it never happened (Polymarket FAILED, a busted trade)."""

    fill_id: str
    kind: Literal["unmatched"] = "unmatched"


@dataclass(frozen=True, slots=True)
class Seen:
    """The venue's own view of the order. ``filled`` is its total so far; ``ended`` names the terminal state, if any."""

    venue_order_id: str
    filled: Decimal
    ended: Literal["FILLED", "CANCELLED", "EXPIRED", "FAILED"] | None
    reason: str = ""
    kind: Literal["seen"] = "seen"


Evidence = Accepted | Refused | Lost | Absent | Matched | Unmatched | Seen


@dataclass(frozen=True, slots=True)
class OrderSpec:
    """What was meant: buy ``size`` contracts at ``price`` on the instrument of ``outcome_id``.

    ``odds`` and ``limit`` are the bookmaker's at pricing time; ``priced_at`` is the feed time they came from,
    ``sent_at`` when the owner decided to send (epoch ms), ``expires_at`` epoch seconds. ``action`` is ``"sell"`` only
    for an unwind of what this account holds.
    """

    client_order_id: str
    outcome_id: int
    price: Decimal
    size: Decimal
    odds: Decimal
    limit: Decimal | None
    priced_at: int
    level: int = 0
    expires_at: int | None = None
    action: Literal["buy", "sell"] = "buy"
    sent_at: int = 0


@dataclass(frozen=True, slots=True)
class Order:
    """An order and everything known of it. ``version`` counts changes, so that a late projection changes nothing."""

    spec: OrderSpec
    status: OrderStatus = OrderStatus.PENDING_PLACEMENT
    venue_order_id: str | None = None
    fills: dict[str, Fill] = field(default_factory=dict)
    failed_fills: tuple[str, ...] = ()
    reported: Decimal = ZERO
    unknown: bool = False
    cancelling: bool = False
    reason: str = ""
    version: int = 0

    @property
    def filled(self) -> Decimal:
        """Contracts filled by trades we hold."""
        return sum((fill.size for fill in self.fills.values()), ZERO)

    @property
    def traded(self) -> Decimal:
        """Contracts filled by the trades we hold or, where it is ahead of them, by the venue's own total."""
        return max(self.filled, self.reported)

    @property
    def remaining(self) -> Decimal:
        """Contracts that may still fill; zero once the order is over."""
        if self.status in TERMINAL:
            return ZERO
        return max(ZERO, self.spec.size - self.traded)

    @property
    def open(self) -> bool:
        return self.status in OPEN

    @property
    def shown(self) -> tuple[OrderStatus, Decimal, bool]:
        """What the ledger shows of its state."""
        return self.status, self.traded, self.unknown

    def describe(self) -> str:
        """The order in plain words."""
        doubt = ", answer lost" if self.unknown else ""
        return (
            f"{self.status}{doubt}: {self.spec.action} {self.spec.size} @ {self.spec.price} against outcome "
            f"{self.spec.outcome_id} (bookmaker {self.spec.odds}), filled {self.filled} — `{self.spec.client_order_id}`"
        )


def _live_status(order: Order) -> OrderStatus:
    if order.traded >= order.spec.size:
        return OrderStatus.FILLED
    return OrderStatus.PARTIAL if order.traded > ZERO else OrderStatus.PLACED


def _settled_size(order: Order) -> Order:
    """Re-derive the status after the filled size changed."""
    if order.traded >= order.spec.size:
        return replace(order, status=OrderStatus.FILLED, unknown=False, cancelling=False)
    if order.status is OrderStatus.FILLED:
        # A failed trade took size back: what is left of a finished order is not resting any more.
        return replace(order, status=OrderStatus.CANCELLED, reason=order.reason or "trade failed at the venue")
    if order.status in TERMINAL:
        return order
    if order.venue_order_id is None and order.filled == ZERO:
        return order
    return replace(order, status=_live_status(order))


def _seen(order: Order, evidence: Seen) -> Order:
    order = replace(
        order,
        venue_order_id=order.venue_order_id or evidence.venue_order_id,
        reported=max(order.reported, evidence.filled),
        unknown=False,
    )
    if evidence.ended is None:
        return _settled_size(order)
    if evidence.ended == "FILLED":
        return _settled_size(replace(order, reported=max(order.reported, order.spec.size)))
    if order.status in TERMINAL:
        return _settled_size(order)
    ended = replace(order, status=OrderStatus(evidence.ended), cancelling=False, reason=evidence.reason)
    return _settled_size(ended)


def _absent(order: Order) -> Order:
    """An order nobody ever saw failed; one that was seen, and about which we asked, rests no more."""
    if order.status is OrderStatus.PENDING_PLACEMENT and order.filled == ZERO:
        return replace(order, status=OrderStatus.FAILED, unknown=False, reason="never reached the venue")
    if order.status in TERMINAL or not order.unknown:
        return order
    gone = replace(order, status=OrderStatus.CANCELLED, unknown=False, cancelling=False, reason="gone from the venue")
    return _settled_size(gone)


def _apply(order: Order, evidence: Evidence) -> Order:
    match evidence:
        case Accepted(venue_order_id):
            known = replace(order, venue_order_id=order.venue_order_id or venue_order_id, unknown=False)
            return _settled_size(known)
        case Refused(code, reason):
            if order.status is not OrderStatus.PENDING_PLACEMENT or order.filled > ZERO:
                return order
            return replace(order, status=OrderStatus.FAILED, unknown=False, reason=f"{code}: {reason}")
        case Absent():
            return _absent(order)
        case Lost(reason):
            return order if order.status in TERMINAL else replace(order, unknown=True, reason=reason)
        case Matched(fill):
            if fill.fill_id in order.fills or fill.fill_id in order.failed_fills:
                return order
            return _settled_size(replace(order, fills={**order.fills, fill.fill_id: fill}, unknown=False))
        case Unmatched(fill_id):
            if fill_id in order.failed_fills:
                return order
            kept = {key: fill for key, fill in order.fills.items() if key != fill_id}
            gone = order.fills[fill_id].size if fill_id in order.fills else ZERO
            failed = replace(
                order,
                fills=kept,
                failed_fills=(*order.failed_fills, fill_id),
                reported=max(ZERO, order.reported - gone),
            )
            return _settled_size(failed)
        case Seen():
            return _seen(order, evidence)


def apply(order: Order, evidence: Evidence) -> Order:
    """The order after ``evidence``; the same object when it says nothing new, else with ``version`` one higher."""
    after = _apply(order, evidence)
    return order if after == order else replace(after, version=order.version + 1)


def begin_cancel(order: Order) -> Order:
    """Mark that a cancel is under way, so that it is not sent again before its answer."""
    return replace(order, cancelling=True, version=order.version + 1)


def cancel_answered(order: Order) -> Order:
    """A cancel attempt is over without ending the order (refused, or lost and probed): it may be tried again."""
    return replace(order, cancelling=False, version=order.version + 1) if order.cancelling else order
