"""What a fixture's results mean for our orders and bets: collect the words, grade, compare, book.

The feed's grading, the venue's resolution and the bookmaker's result must agree with our own arithmetic; where they
do not, an operator decides (design, section 3, "SettlementWorkflow"; pricing sheet, sections 5.5 and 5.7).
"""

from dataclasses import dataclass, field
from decimal import Decimal

from overround.domain.grading import Settlement, profit, shown_as
from overround.domain.messages import FixtureStatus
from overround.domain.numbers import CENT, ONE, ZERO, round_half_up


@dataclass(frozen=True, slots=True)
class OrderResult:
    """An order with fills. ``size`` contracts bought for ``cost``; ``value`` is what the venue pays per contract
    bought, None while the venue has not resolved."""

    client_order_id: str
    client: str
    market_id: int
    outcome_id: int
    action: str
    size: Decimal
    cost: Decimal
    fees: Decimal
    value: Decimal | None


@dataclass(frozen=True, slots=True)
class BetPartResult:
    """One accepted part of a bet; ``settlement`` in the API's words, None while the bookmaker has not settled."""

    request_id: str
    part_id: str
    client: str
    market_id: int
    outcome_id: int
    stake: Decimal
    price: Decimal
    settlement: str | None


@dataclass(frozen=True, slots=True)
class FixtureResults:
    """Everything known about a fixture's end. ``feed`` is outcome id to the feed's word in the API's vocabulary,
    ``own`` the same from the final score by our own arithmetic, where the market can be graded from it."""

    status: FixtureStatus
    feed: dict[int, str] = field(default_factory=dict)
    own: dict[int, str] = field(default_factory=dict)
    orders: tuple[OrderResult, ...] = ()
    bets: tuple[BetPartResult, ...] = ()
    waiting: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Booked:
    """A result to book for one order (``subject`` order) or bet (all its parts together)."""

    subject: str
    subject_id: str
    client: str
    market_id: int
    outcome_id: int
    status: str
    value: Decimal | None
    profit: Decimal
    fee: Decimal


@dataclass(frozen=True, slots=True)
class Verdict:
    """``waiting`` names what is not decided yet, ``disputes`` what disagrees, ``booked`` what may be booked."""

    waiting: tuple[str, ...]
    disputes: tuple[str, ...]
    booked: tuple[Booked, ...]


def verdict(results: FixtureResults) -> Verdict:
    """Grade every order and bet of a fixture and compare all words about it."""
    waiting = list(results.waiting)
    disputes: list[str] = []
    outcomes = sorted({order.outcome_id for order in results.orders} | {bet.outcome_id for bet in results.bets})
    for outcome in outcomes:
        word = results.feed.get(outcome, Settlement.UNDECIDED)
        if word == Settlement.UNDECIDED:
            waiting.append(f"the feed has not graded outcome {outcome}")
        own = results.own.get(outcome)
        if own is not None and word not in (Settlement.UNDECIDED, own):
            disputes.append(f"outcome {outcome}: the feed says {word}, the score says {own}")
    for order in results.orders:
        _compare_order(order, results.feed.get(order.outcome_id), waiting, disputes)
    for bet in results.bets:
        _compare_bet(bet, results.feed.get(bet.outcome_id), waiting, disputes)
    booked = () if waiting else (*map(_book_order, results.orders), *_book_bets(results.bets))
    return Verdict(tuple(waiting), tuple(disputes), booked)


def _compare_order(order: OrderResult, word: str | None, waiting: list[str], disputes: list[str]) -> None:
    if order.value is None:
        waiting.append(f"the venue has not resolved order {order.client_order_id}")
        return
    if word and not _agrees(Settlement(word), order.value):
        disputes.append(
            f"order {order.client_order_id}: outcome {order.outcome_id} {word}, but the venue pays {order.value}"
        )


def _agrees(word: Settlement, value: Decimal) -> bool:
    """May a contract against an outcome that ended as ``word`` pay ``value``? What venues pay on a void is their own
    rule and may be anything from 0 to 1 (pricing sheet, section 5.7)."""
    return value == {Settlement.WON: ZERO, Settlement.LOST: ONE}.get(word, value)


def _compare_bet(bet: BetPartResult, word: str | None, waiting: list[str], disputes: list[str]) -> None:
    if bet.settlement is None:
        waiting.append(f"the bookmaker has not settled bet {bet.part_id}")
    elif word not in (None, Settlement.UNDECIDED, bet.settlement):
        disputes.append(f"bet {bet.part_id}: outcome {bet.outcome_id} {word}, but the bookmaker says {bet.settlement}")


def _book_order(order: OrderResult) -> Booked:
    assert order.value is not None
    sign = ONE if order.action == "buy" else -ONE
    gain = sign * (order.value * order.size - order.cost) - order.fees
    status = _order_status(order.value if order.action == "buy" else ONE - order.value)
    return Booked(
        "order",
        order.client_order_id,
        order.client,
        order.market_id,
        order.outcome_id,
        status,
        order.value,
        gain,
        order.fees,
    )


def _order_status(value: Decimal) -> Settlement:
    return Settlement.WON if value == ONE else Settlement.LOST if value == ZERO else Settlement.VOID


def _book_bets(parts: tuple[BetPartResult, ...]) -> list[Booked]:
    """One result per bet; each part's return is rounded to the cent as bookmakers pay it."""
    by_bet: dict[str, list[BetPartResult]] = {}
    for part in parts:
        by_bet.setdefault(part.request_id, []).append(part)
    return [_book_bet(parts) for parts in by_bet.values()]


def _book_bet(parts: list[BetPartResult]) -> Booked:
    gain = sum((part_profit(part) for part in parts), ZERO)
    words = {part.settlement for part in parts if part.settlement}
    word = words.pop() if len(words) == 1 else shown_as(gain)
    first = parts[0]
    return Booked("bet", first.request_id, first.client, first.market_id, first.outcome_id, str(word), None, gain, ZERO)


def part_profit(part: BetPartResult) -> Decimal:
    """Return to the cent, less the stake."""
    exact_gain = profit(Settlement(part.settlement or Settlement.UNDECIDED), "back", part.stake, part.price)
    return round_half_up(exact_gain + part.stake, CENT) - part.stake
