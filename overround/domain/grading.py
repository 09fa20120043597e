"""Grading: from a final score to a settlement, and from a settlement to money (pricing sheet, section 5.5)."""

from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum
from typing import Literal

from overround.domain.numbers import CENT, ONE, ZERO, BadNumber, divide, exact, round_half_up

BetSide = Literal["back", "lay"]
ContractSide = Literal["buy", "sell"]
_HALF = Decimal("0.5")
_QUARTER = Decimal("0.25")


class Settlement(StrEnum):
    """How a bet ended, from the point of view of whoever holds it."""

    UNDECIDED = "UNDECIDED"
    WON = "WON"
    LOST = "LOST"
    VOID = "VOID"
    HALF_WON = "HALF_WON"
    HALF_LOST = "HALF_LOST"


class Ungradable(ValueError):
    """The selection or word is not one this module can settle."""


_MIRROR = {
    Settlement.WON: Settlement.LOST,
    Settlement.LOST: Settlement.WON,
    Settlement.HALF_WON: Settlement.HALF_LOST,
    Settlement.HALF_LOST: Settlement.HALF_WON,
}
_FEED = {
    "WIN": Settlement.WON,
    "LOSE": Settlement.LOST,
    "PUSH": Settlement.VOID,
    "CANCELLED": Settlement.VOID,
    "HALFWIN": Settlement.HALF_WON,
    "HALFLOSS": Settlement.HALF_LOST,
    "UNDECIDED": Settlement.UNDECIDED,
}


def from_feed(word: str) -> Settlement:
    """The settlement of a feed row's status (oddspapi sheet, settlement rows); raises ``Ungradable`` for a new word."""
    if word not in _FEED:
        raise Ungradable(f"unknown settlement status {word!r}")
    return _FEED[word]


def mirrored(settlement: Settlement) -> Settlement:
    """The same result seen by the other side of the bet."""
    return _MIRROR.get(settlement, settlement)


@dataclass(frozen=True, slots=True)
class Score:
    """Goals or points in the settlement period of the market."""

    home: int
    away: int


@dataclass(frozen=True, slots=True)
class Pick:
    """What was bet on. ``line`` is from the selection's view (European handicap: from home's), in quarters.

    ``market``: 1x2, moneyline_2way, double_chance, draw_no_bet, asian_handicap, european_handicap, total, team_total,
    correct_score, btts. ``selection``: home, draw, away, 1x, x2, 12, over, under, yes, no, a score like ``2-1``, or
    any_other (then ``listed`` names the scores that are not "other"). ``team``: home or away for team totals.
    """

    market: str
    selection: str
    line: Decimal | None = None
    team: str | None = None
    listed: tuple[str, ...] = ()


def parse_line(text: str) -> Decimal:
    """A line in any notation: ``-0.75``, ``-0.5/1``, ``0, -0.5``, ``2.5, 3``. Raises ``BadNumber`` off the quarters."""
    parts = [part.strip() for part in text.replace("/", ",").split(",")]
    numbers = [exact(part) for part in parts]
    if len(numbers) == 2:
        first, second = numbers
        if parts[0].startswith("-") and second > ZERO:
            second = -second
        line = (first + second) * _HALF
        if abs(first - second) != _HALF:
            raise BadNumber(f"a split line has neighbours half a goal apart, got {text!r}")
    elif len(numbers) == 1:
        line = numbers[0]
    else:
        raise BadNumber(f"not a line: {text!r}")
    if line % _QUARTER != ZERO:
        raise BadNumber(f"a line is a multiple of 0.25, got {text!r}")
    return line


def components(margin: Decimal) -> Settlement:
    """Settlement of a handicap or total whose line was already applied: ``margin`` is goals ahead, in quarters."""
    if margin >= _HALF:
        return Settlement.WON
    if margin <= -_HALF:
        return Settlement.LOST
    if margin == ZERO:
        return Settlement.VOID
    return Settlement.HALF_WON if margin > ZERO else Settlement.HALF_LOST


def _won(condition: bool) -> Settlement:
    return Settlement.WON if condition else Settlement.LOST


def _line(pick: Pick) -> Decimal:
    if pick.line is None:
        raise Ungradable(f"{pick.market} needs a line")
    if pick.line % _QUARTER != ZERO:
        raise Ungradable(f"a line is a multiple of 0.25, got {pick.line}")
    return pick.line


def _ahead(pick: Pick, score: Score) -> int:
    if pick.selection not in ("home", "away"):
        raise Ungradable(f"{pick.market} has no selection {pick.selection!r}")
    lead = score.home - score.away
    return lead if pick.selection == "home" else -lead


def _three_way(pick: Pick, lead: Decimal | int) -> Settlement:
    happened = "home" if lead > 0 else "away" if lead < 0 else "draw"
    if pick.selection not in ("home", "draw", "away"):
        raise Ungradable(f"{pick.market} has no selection {pick.selection!r}")
    return _won(pick.selection == happened)


def _double_chance(pick: Pick, score: Score) -> Settlement:
    if pick.selection not in ("1x", "x2", "12"):
        raise Ungradable(f"{pick.market} has no selection {pick.selection!r}")
    happened = "1" if score.home > score.away else "2" if score.home < score.away else "x"
    return _won(happened in pick.selection)


def _over_under(pick: Pick, count: int) -> Settlement:
    if pick.selection not in ("over", "under"):
        raise Ungradable(f"{pick.market} has no selection {pick.selection!r}")
    beyond = count - _line(pick)
    return components(beyond if pick.selection == "over" else -beyond)


def _team_total(pick: Pick, score: Score) -> Settlement:
    if pick.team not in ("home", "away"):
        raise Ungradable("a team total names its team")
    return _over_under(pick, score.home if pick.team == "home" else score.away)


def _correct_score(pick: Pick, score: Score) -> Settlement:
    happened = f"{score.home}-{score.away}"
    if pick.selection == "any_other":
        if not pick.listed:
            raise Ungradable("any_other needs the listed scores")
        return _won(happened not in pick.listed)
    return _won(pick.selection == happened)


def _both_score(pick: Pick, score: Score) -> Settlement:
    if pick.selection not in ("yes", "no"):
        raise Ungradable(f"{pick.market} has no selection {pick.selection!r}")
    return _won((score.home > 0 and score.away > 0) == (pick.selection == "yes"))


def grade(pick: Pick, score: Score | None) -> Settlement:
    """How the backer or buyer of ``pick`` ends at the final ``score``; None (abandoned, no result) is ``VOID``.

    For in-play Asian handicaps under the "goals after the bet" rule pass ``after_bet(final, at_bet)``.
    """
    if score is None:
        return Settlement.VOID
    match pick.market:
        case "1x2":
            return _three_way(pick, score.home - score.away)
        case "european_handicap":
            return _three_way(pick, score.home - score.away + _line(pick))
        case "moneyline_2way" | "draw_no_bet":
            return components(Decimal(_ahead(pick, score)))
        case "asian_handicap":
            return components(_ahead(pick, score) + _line(pick))
        case "total":
            return _over_under(pick, score.home + score.away)
        case "team_total":
            return _team_total(pick, score)
        case "double_chance":
            return _double_chance(pick, score)
        case "correct_score":
            return _correct_score(pick, score)
        case "btts":
            return _both_score(pick, score)
    raise Ungradable(f"unknown market {pick.market!r}")


def after_bet(final: Score, at_bet: Score) -> Score:
    """The score since the bet was accepted: what in-play Asian handicaps settle on at Asian bookmakers."""
    return Score(final.home - at_bet.home, final.away - at_bet.away)


def full_match_line(line_after: Decimal, selection: Literal["home", "away"], at_bet: Score) -> Decimal:
    """The full-match line equal to ``line_after`` counted from the score at the bet: at 1-0, home -0.25 is -1.25."""
    lead = at_bet.home - at_bet.away
    return line_after - (lead if selection == "home" else -lead)


def _shares(settlement: Settlement) -> tuple[Decimal, Decimal]:
    """Which parts of the stake won and lost."""
    if settlement is Settlement.UNDECIDED:
        raise Ungradable("an undecided bet has no profit yet")
    won = {Settlement.WON: ONE, Settlement.HALF_WON: _HALF}.get(settlement, ZERO)
    lost = {Settlement.LOST: ONE, Settlement.HALF_LOST: _HALF}.get(settlement, ZERO)
    return won, lost


def profit(settlement: Settlement, side: BetSide, stake: Decimal, odds: Decimal) -> Decimal:
    """Profit before commission of a bet whose holder ended with ``settlement``; ``stake`` is always the backer's.

    A lay is the negative of the back with the mirrored settlement. ``UNDECIDED`` raises ``Ungradable``.
    """
    won, lost = _shares(settlement)
    if side == "back":
        return stake * (odds - ONE) * won - stake * lost
    return stake * won - stake * (odds - ONE) * lost


def returned(settlement: Settlement, stake: Decimal, odds: Decimal) -> Decimal:
    """What a bookmaker pays back on a back bet: stake plus profit."""
    return stake + profit(settlement, "back", stake, odds)


def contract_profit(side: ContractSide, size: Decimal, price: Decimal, value: Decimal) -> Decimal:
    """Profit of ``size`` contracts at ``price`` settled at ``value`` (0, 1, 0.5 or any fraction), before fees."""
    return size * (value - price) if side == "buy" else size * (price - value)


def contract_value(settlement: Settlement, entry: Decimal) -> Decimal:
    """Settlement value per contract: 1, 0, or the entry price on a void. A fungible token has no half result."""
    match settlement:
        case Settlement.WON:
            return ONE
        case Settlement.LOST:
            return ZERO
        case Settlement.VOID:
            return entry
    raise Ungradable(f"a contract cannot settle {settlement}")


def shown_as(amount: Decimal) -> Settlement:
    """The word to display for a profit the five states cannot express (dead heat, scalar settlement)."""
    return Settlement.WON if amount > ZERO else Settlement.LOST if amount < ZERO else Settlement.VOID


@dataclass(frozen=True, slots=True)
class DeadHeat:
    """``places`` shared by ``tied`` selections: the stake that stands is ``stake*places/tied``."""

    places: int
    tied: int

    def reduced(self, stake: Decimal) -> Decimal:
        """The part of the stake that is settled as a winner."""
        return divide(stake * self.places, Decimal(self.tied))

    def profit(self, side: BetSide, stake: Decimal, odds: Decimal) -> Decimal:
        """``s*rho*d - s`` for a back, its negative for a lay."""
        backer = divide(stake * self.places * odds, Decimal(self.tied)) - stake
        return backer if side == "back" else -backer


def agrees(ours: Decimal, theirs: Decimal, tolerance: Decimal = CENT) -> bool:
    """Whether a reported return matches ours: books split half stakes by a cent (sheet 5.5)."""
    return abs(ours - theirs) <= tolerance


def booked(amount: Decimal) -> Decimal:
    """``amount`` to the nearest cent, ties away from zero."""
    return round_half_up(amount, CENT)
