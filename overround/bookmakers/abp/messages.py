"""ABP's words and ours: requests out, reports in.

Source: bookmakers sheet, section 5; what it leaves open is marked [A] here as it is there.
"""

import re
from datetime import UTC, datetime
from typing import Any, Final, Literal

from overround.bookmakers.abp.strict import VENUE, flag, moment, need, number, rows, text
from overround.bookmakers.base import (
    BetReport,
    BetRequest,
    BetSettlement,
    BetStatus,
    BookmakerAccount,
    RefusalClass,
    SelectionPrice,
)
from overround.domain.messages import PlacedBet
from overround.venues import Unreadable

WORKING: Final = {"PENDING", "PROCESSING"}
ENDED: Final = {"CANCELLED", "REJECTED", "EXPIRED", "FAILED"}
PLACED: Final = {"PLACED", "CONFIRMED", "VOID"}
"""Bet states in which the bookmaker has (or had) the bet; a voided one keeps its place and settles as VOID."""
NOT_PLACED: Final = {"PENDING", "REJECTED", "CANCELLED", "FAILED"}
SETTLED: Final[dict[str, Literal["WON", "LOST", "VOID", "HALF_WON", "HALF_LOST"] | None]] = {
    "UNSETTLED": None,
    "WON": "WON",
    "LOST": "LOST",
    "VOID": "VOID",
    "PUSH": "VOID",
    "HALF_WON": "HALF_WON",
    "HALF_LOST": "HALF_LOST",
}

REASONS: Final = (
    (RefusalClass.FUNDS, r"insufficient (funds|balance)|not enough (funds|balance|money)|\bfunds\b|\bbalance\b"),
    (RefusalClass.ACCOUNT, r"\baccount\b|blocked|restricted|log.?in|credential|licen[cs]e|permission|self.?exclu"),
    (RefusalClass.SIZE, r"\bstakes?\b|limit|minimum|maximum|\bmin\b|\bmax\b|amount|liquidity|exposure"),
    (
        RefusalClass.SUSPENDED,
        r"suspend|closed|unavailable|not (available|offered|found|active)|inactive|stale|offline|cut.?off|started",
    ),
    (RefusalClass.PRICE, r"price|odds|line|average"),
)
"""First match wins, case ignored. The venue documents no list of decline texts [A]; unmatched texts are OTHER."""


def refusal_class(reason: str) -> RefusalClass:
    """What a ``declineReason`` means for the next step."""
    text = reason.replace("_", " ").lower()
    return next((kind for kind, pattern in REASONS if re.search(pattern, text)), RefusalClass.OTHER)


# -- requests --------------------------------------------------------------------------------------------------------


def place_body(bet: BetRequest) -> dict[str, object]:
    """The body of ``POST /place-orders`` for one order at one bookmaker, better odds and partial stakes accepted."""
    order: dict[str, object] = {
        "requestUuid": bet.request_id,
        "fixtureId": bet.fixture_id,
        "outcomeId": bet.outcome_id,
        "playerId": bet.player_id,
        "orderPrice": bet.min_price,
        "orderStake": bet.stake,
        "testOrder": False,
        "bookmakers": bet.bookmaker,
        "acceptBetterOdds": True,
        "acceptPartialStake": True,
        "expiresAt": iso(bet.expires_at),
    }
    if bet.reference:
        order["userRef"] = bet.reference
    return {"orders": [order]}


def iso(epoch_ms: int) -> str:
    """``2026-05-16T12:00:05Z``, with milliseconds when there are any."""
    seconds, rest = divmod(epoch_ms, 1000)
    stamp = datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%S")
    return f"{stamp}.{rest:03d}Z" if rest else f"{stamp}Z"


# -- answers ---------------------------------------------------------------------------------------------------------


def order_report(body: Any, now_ms: int) -> BetReport:
    """The report an order object makes. ``now_ms`` decides whether a part-filled order can still grow [A]: the router
    keeps trying until ``expiresAt``."""
    status = text(body, "orderStatus")
    bets = rows(need(body, "bets", "order"), "bets")
    placed = tuple(_placed(bet) for bet in bets if _has_bet(bet))
    waiting = any(text(bet, "betStatus") == "PENDING" for bet in bets)
    final = not waiting and _final(status, body, now_ms)
    reason = next((r for r in [_reason(body), *(_reason(bet) for bet in reversed(bets))] if r), "")
    return _report(text(body, "requestUuid"), status, placed, final, reason)


def _report(request_id: str, status: str, placed: tuple[PlacedBet, ...], final: bool, reason: str) -> BetReport:
    if status in {"FILLED", "PARTIALLY_FILLED"} and final and not placed:
        raise Unreadable(VENUE, f"order {request_id} is {status} without a placed bet")
    if not final:
        return BetReport(request_id, BetStatus.PENDING, placed, False, None, reason)
    if status == "FILLED":
        return BetReport(request_id, BetStatus.FILLED, placed, True)
    reason = reason or f"order {status}"
    kind = RefusalClass.PRICE if reason == "order EXPIRED" else refusal_class(reason)
    return BetReport(request_id, BetStatus.PARTIAL if placed else BetStatus.REJECTED, placed, True, kind, reason)


def _final(status: str, body: Any, now_ms: int) -> bool:
    if status in WORKING:
        return False
    if status == "PARTIALLY_FILLED":
        changed = max(now_ms, moment(body["updatedAt"], "updatedAt") if body.get("updatedAt") else 0)
        return not body.get("expiresAt") or changed >= moment(body["expiresAt"], "expiresAt")
    if status == "FILLED" or status in ENDED:
        return True
    raise Unreadable(VENUE, f"unknown orderStatus {status!r}")


def merge(reports: list[BetReport]) -> BetReport | None:
    """One report of every order under a request id. Two exist only when an id was sent again after the venue forgot it:
    then all bets of both are ours, and the worst is shown."""
    if len(reports) < 2:
        return reports[0] if reports else None
    bets = tuple(bet for report in reports for bet in report.bets)
    final = all(report.final for report in reports)
    worst = next((report for report in reports if report.refusal), reports[0])
    status = worst.status if final and not bets else BetStatus.PARTIAL if worst.refusal else BetStatus.FILLED
    reason = "this request id was placed more than once"
    return BetReport(worst.request_id, status if final else BetStatus.PENDING, bets, final, worst.refusal, reason)


def declined(body: Any, request_id: str) -> BetReport:
    """The report of an order refused before any bookmaker saw it."""
    reason = text(body, "declineReason")
    return BetReport(request_id, BetStatus.REJECTED, (), True, refusal_class(reason), reason)


def _has_bet(body: Any) -> bool:
    status = text(body, "betStatus")
    if status not in PLACED | NOT_PLACED:
        raise Unreadable(VENUE, f"unknown betStatus {status!r}")
    return status in PLACED


def _placed(body: Any) -> PlacedBet:
    price, stake = number(body, "placedPrice"), number(body, "placedStake")
    if price <= 1 or stake <= 0:
        raise Unreadable(VENUE, f"placed bet of {stake} at {price}")
    return PlacedBet(
        text(body, "betId"),
        text(body, "bookmakerBetId"),
        price,
        stake,
        text(body, "placedCurrency"),
        moment(body["placedAt"], "placedAt") if body.get("placedAt") else 0,
    )


def settlement(body: Any) -> BetSettlement:
    """The result of a bet object; one taken back by the bookmaker is VOID. ``payout`` where the venue states it."""
    status = text(body, "settlementStatus")
    if status not in SETTLED:
        raise Unreadable(VENUE, f"bet {body.get('betId')} has settlementStatus {status!r}, which we cannot book")
    void = text(body, "betStatus") in {"VOID", "CANCELLED"}
    payout = None if body.get("payout") is None else number(body, "payout")
    return BetSettlement(text(body, "betId"), "VOID" if void else SETTLED[status], payout)


def account(body: Any) -> BookmakerAccount:
    return BookmakerAccount(
        text(body, "bookmaker"),
        text(body, "username"),
        number(body, "balance"),
        text(body, "currencyId"),
        flag(body, "active"),
        number(body, "minStake"),
        None if need(body, "maxStake", "account") is None else number(body, "maxStake"),
    )


def selection(key: str, body: Any) -> SelectionPrice:
    """One entry of a betslip; ``key`` is ``fixture:book:outcome:player``."""
    parts = key.split(":")
    if len(parts) != 4:
        raise Unreadable(VENUE, f"betslip key {key!r} is not fixture:book:outcome:player")
    return SelectionPrice(
        parts[1],
        number(body, "price"),
        number(body, "limit"),
        number(body, "limitMin"),
        text(body, "limitCurrency"),
        flag(body, "active"),
    )


def _reason(body: Any) -> str:
    return str(body.get("declineReason") or "") if isinstance(body, dict) else ""
