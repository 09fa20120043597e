"""What the venue's answers to orders and cancels mean (polymarket sheet, sections 5.3, 5.4, 5.5 and 8)."""

from typing import Any

import httpx

from overround.domain.orders import Accepted, Lost, Refused
from overround.exchanges.polymarket.messages import VENUE, field, flag, listed, parse, rows, text
from overround.venues import NotFound, RateLimited, Rejected, Unauthorised, Unreadable, VenueError

DUPLICATE = "duplicate"
LONGEST_WAIT = 60.0
"""Seconds we wait at most because a venue asked: a longer pause is asked for again."""
OUTCOME_UNKNOWN = (
    "could not insert order",
    "could not run the execution",
    "error delaying the order",
    "order match delayed due to market conditions",
)
"""System errors and delays: the order may live (section 5.3)."""

REFUSALS = (
    ("duplicated", DUPLICATE),
    ("post-only mode", "post_only_mode"),
    ("crosses", "post_only_cross"),
    ("only gtc and gtd order types", "post_only_type"),
    ("minimum tick size rule", "off_grid"),
    ("lower than the minimum", "too_small"),
    ("not enough balance", "funds"),
    ("has to be the owner", "unauthorised"),
    ("has to be the address", "unauthorised"),
    ("address banned", "account"),
    ("closed only mode", "account"),
    ("invalid expiration", "expiration"),
    ("invalid nonce", "nonce"),
    ("fok orders are", "not_filled"),
    ("no orders found to match", "not_filled"),
    ("there are no matching orders", "not_filled"),
    ("not yet ready", "market_closed"),
    ("order_version_mismatch", "version"),
    ("canceled in the ctf exchange", "cancelled"),
    ("rounding issues", "rounding"),
    ("discrepancy greater than allowed", "price"),
    ("too many orders", "batch_too_large"),
    ("invalid order payload", "malformed"),
    ("invalid token id", "unknown_contract"),
    ("no orderbook exists", "unknown_contract"),
    ("trading is currently disabled", "maintenance"),
    ("trading is currently cancel-only", "maintenance"),
)
"""Fragments of the venue's documented texts and the stable word for each."""


def refusal(reason: str) -> Refused | None:
    """The refusal a documented text means; None for a text the sheet does not know."""
    lower = reason.lower()
    return next((Refused(code, reason) for fragment, code in REFUSALS if fragment in lower), None)


def error_text(response: httpx.Response) -> str:
    """The venue's own words in an error answer, or the status when there are none."""
    try:
        body = parse(response.content)
    except Unreadable:
        return f"HTTP {response.status_code}"
    words = body.get("error") or body.get("errorMsg") or body.get("error_msg") if isinstance(body, dict) else None
    return str(words) if words else f"HTTP {response.status_code}"


def retry_after(response: httpx.Response) -> float | None:
    """Seconds the venue asks to wait (section 8); None where it does not say or says nonsense."""
    try:
        wait = float(response.headers["Retry-After"])
    except (KeyError, ValueError):
        return None
    return min(wait, LONGEST_WAIT) if wait >= 0 else None


def read_error(response: httpx.Response) -> VenueError:
    """The error a failed read raises (section 8)."""
    reason, status = error_text(response), response.status_code
    if status in (401, 403):
        return Unauthorised(VENUE, reason)
    if status == 404:
        return NotFound(VENUE, reason)
    if status == 429:
        return RateLimited(VENUE, reason, retry_after(response))
    if 400 <= status < 500 or (status == 503 and refusal(reason) is not None):
        return Rejected(VENUE, reason)
    return Unreadable(VENUE, f"HTTP {status}: {reason}")


def write_refusal(response: httpx.Response) -> Refused | Lost:
    """What a non-200 answer says of every order in the request."""
    reason, status = error_text(response), response.status_code
    if any(words in reason.lower() for words in OUTCOME_UNKNOWN):
        return Lost(reason)
    if status == 425:
        return Refused("restarting", reason)
    if status == 429:
        return Refused("rate_limited", reason)
    if status in (401, 403):
        return Refused("unauthorised", reason)
    known = refusal(reason)
    if status == 503:
        return known or Lost(reason)
    if 400 <= status < 500:
        return known or Refused("rejected", reason)
    return Lost(f"HTTP {status}: {reason}")


def placement(order_id: str, row: Any) -> Accepted | Refused | Lost:
    """One element of a placement's answer. Anything the sheet does not name is unknown, never a failure."""
    reason = str(row.get("errorMsg") or row.get("error") or "") if isinstance(row, dict) else "unreadable element"
    if reason:
        lower = reason.lower()
        unknown = any(words in lower for words in OUTCOME_UNKNOWN)
        return Lost(reason) if unknown else refusal(reason) or Lost(reason)
    try:
        success, status, answered = field(row, "success", flag), field(row, "status", text), field(row, "orderID", text)
    except Unreadable as error:
        return Lost(error.message)
    if not success:
        return Lost("refused without a reason")
    if answered.lower() != order_id:
        return Lost(f"the venue answered for another order: {answered}")
    if status in ("live", "matched", "delayed"):
        return Accepted(order_id)
    return Lost(f"status {status}: look it up")  # "unmatched" is resting in one source and refused in another


def placements(order_ids: list[str], response: httpx.Response) -> list[Accepted | Refused | Lost]:
    """What is known of each order of a batch, in order."""
    if response.status_code != 200:
        said = write_refusal(response)
        return [said for _ in order_ids]
    answered = listed(parse(response.content))
    if len(answered) != len(order_ids):
        raise Unreadable(VENUE, f"{len(answered)} answers to {len(order_ids)} orders")
    return [placement(order_id, row) for order_id, row in zip(order_ids, answered, strict=True)]


def cancels(response: httpx.Response) -> tuple[set[str], dict[str, str]]:
    """Ids that were cancelled, and the reasons for those that were not (section 5.4)."""
    body = parse(response.content)
    done = {str(order_id).lower() for order_id in field(body, "canceled", rows)}
    refused = body.get("not_canceled") or {}
    if not isinstance(refused, dict):
        raise Unreadable(VENUE, "field 'not_canceled' cannot be read")
    return done, {str(order_id).lower(): str(reason) for order_id, reason in refused.items()}
