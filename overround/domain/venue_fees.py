"""The venues' exact order-level fees and commissions (pricing sheet, section 2.4; examples in vectors ``fees.json``).

Rates are inputs read live from the venue. Positive is paid by us, negative a rebate; amounts in account currency.
"""

from dataclasses import dataclass, replace
from decimal import ROUND_HALF_EVEN, Decimal, localcontext
from typing import Literal

from overround.domain.fees import Role
from overround.domain.numbers import CENT, CONTEXT, ONE, ZERO, divide, round_down, round_half_up, round_up

Side = Literal["buy", "sell"]
BetSide = Literal["back", "lay"]

KALSHI_TAKER = Decimal("0.07")
KALSHI_MAKER = Decimal("0.0175")
_FIVE_DECIMALS = Decimal("0.00001")


def spread_fee(contracts: Decimal, price: Decimal, rate: Decimal, exponent: Decimal = ONE) -> Decimal:
    """The unrounded quadratic fee ``C*k*(p(1-p))^e``."""
    with localcontext(CONTEXT):
        curve = price * (ONE - price)
        return contracts * rate * (curve if exponent == ONE else curve**exponent)


def kalshi_fee(
    contracts: Decimal, price: Decimal, role: Role, multiplier: Decimal = ONE, step: Decimal = CENT
) -> Decimal:
    """Kalshi trade fee: ``M*k*C*P*(1-P)`` rounded up to ``step`` (a cent, or what direct members and fills use)."""
    rate = multiplier * (KALSHI_MAKER if role == "maker" else KALSHI_TAKER)
    return round_up(spread_fee(contracts, price, rate), step)


@dataclass(frozen=True, slots=True)
class KalshiRounding:
    """Rounding state of one Kalshi order: pass the state a fill returns into the next fill of the same order.

    ``precision`` is the member's balance unit (0.01, or 0.0001 for direct members), ``trade_fee_step`` what the trade
    fee rounds up to (0.0001 in early 2026, 0.000001 in the newest text).
    """

    precision: Decimal = CENT
    trade_fee_step: Decimal = Decimal("0.0001")
    accumulated: Decimal = ZERO


@dataclass(frozen=True, slots=True)
class KalshiFill:
    """What one Kalshi fill costs: ``net_fee = trade_fee + rounding_fee - rebate``; ``balance_change`` includes all."""

    trade_fee: Decimal
    rounding_fee: Decimal
    rebate: Decimal
    net_fee: Decimal
    balance_change: Decimal


def kalshi_fill(
    state: KalshiRounding, side: Side, contracts: Decimal, price: Decimal, role: Role, multiplier: Decimal = ONE
) -> tuple[KalshiFill, KalshiRounding]:
    """Fee of one fill and the order's next rounding state.

    The balance change is floored to the member's precision; one cent comes back once the accumulated difference
    exceeds a cent (whether exactly one cent does is not documented: strictly greater here).
    """
    trade_fee = kalshi_fee(contracts, price, role, multiplier, state.trade_fee_step)
    cash = contracts * price if side == "sell" else -contracts * price
    floored = round_down(cash - trade_fee, state.precision)
    rounding = cash - trade_fee - floored
    accumulated = state.accumulated + rounding
    rebate = CENT if accumulated > CENT else ZERO
    fill = KalshiFill(trade_fee, rounding, rebate, trade_fee + rounding - rebate, floored + rebate)
    return fill, replace(state, accumulated=accumulated - rebate)


def polymarket_fee(
    shares: Decimal, price: Decimal, rate: Decimal, role: Role, exponent: Decimal = ONE, *, nearest: bool = False
) -> Decimal:
    """Polymarket: takers pay ``C*r*(p(1-p))^e`` in 5 decimals, truncated (or to the ``nearest``); makers nothing."""
    if role == "maker":
        return ZERO
    fee = spread_fee(shares, price, rate, exponent)
    return round_half_up(fee, _FIVE_DECIMALS) if nearest else round_down(fee, _FIVE_DECIMALS)


def _bankers(amount: Decimal, step: Decimal) -> Decimal:
    return (amount / step).to_integral_value(ROUND_HALF_EVEN) * step


def polymarket_us_rate(role: Role) -> Decimal:
    """30 basis points paid by takers, 20 received by makers (both published generations)."""
    return Decimal("-0.0020") if role == "maker" else Decimal("0.0030")


def polymarket_us_v1(contracts: Decimal, price: Decimal, role: Role) -> Decimal:
    """First generation: rate on the premium ``C*P``, nearest 0.001, a taker pays at least 0.001."""
    step = Decimal("0.001")
    fee = round_half_up(polymarket_us_rate(role) * contracts * price, step)
    return max(step, fee) if role == "taker" else fee


def polymarket_us_v2(side: Side, contracts: Decimal, price: Decimal, role: Role) -> Decimal:
    """Second generation: rate on the risk notional (``p`` for buyers, ``1-p`` for sellers), banker's cents."""
    risk = contracts * (price if side == "buy" else ONE - price)
    return polymarket_us_v2_round(polymarket_us_rate(role) * risk)


def polymarket_us_v2_round(amount: Decimal) -> Decimal:
    """Banker's rounding to the cent."""
    return _bankers(amount, CENT)


def net_winnings_commission(net: Decimal, rate: Decimal, discount: Decimal = ZERO) -> Decimal:
    """Unrounded commission on the net winnings of one market; a losing market pays nothing.

    Betfair, Smarkets, ProphetX. Betfair: ``net * market base rate * (1 - discount)``.
    """
    return max(ZERO, net) * rate * (ONE - discount)


def market_commission(net: Decimal, rate: Decimal, discount: Decimal = ZERO) -> Decimal:
    """``net_winnings_commission`` as booked: nearest cent."""
    return round_half_up(net_winnings_commission(net, rate, discount), CENT)


def marginal_commission(held: Decimal, added: Decimal, rate: Decimal) -> Decimal:
    """What a further profit ``added`` costs when the market already stands at ``held`` in that outcome (sheet 2.3)."""
    return rate * (max(ZERO, held + added) - max(ZERO, held))


def betfair_expert_fee_rate(gross_profit_52_weeks: Decimal) -> Decimal:
    """Share of gross profit total charges are topped up to; GBP over the rolling 52 active weeks."""
    if gross_profit_52_weeks <= Decimal(25000):
        return ZERO
    return Decimal("0.20") if gross_profit_52_weeks <= Decimal(100000) else Decimal("0.40")


@dataclass(frozen=True, slots=True)
class WinOrLose:
    """A commission whose amount depends on whether the bet wins."""

    if_win: Decimal
    if_lose: Decimal


def smarkets_pro(stake: Decimal, odds: Decimal, rate: Decimal) -> WinOrLose:
    """Smarkets Pro: the rate on a back bet's profit if it wins, on its stake if it loses."""
    return WinOrLose(rate * stake * (odds - ONE), rate * stake)


def smarkets_pro_odds(odds: Decimal, rate: Decimal) -> Decimal:
    """Effective odds under Smarkets Pro: ``1 + (d-1)(1-r)/(1+r)``."""
    return ONE + divide((odds - ONE) * (ONE - rate), ONE + rate)


def matchbook_volume(side: BetSide, stake: Decimal, odds: Decimal, rate: Decimal) -> WinOrLose:
    """Matchbook's historic volume scheme: the rate on the profit if it wins, on ``min(stake, profit)`` if it loses."""
    backer_profit = stake * (odds - ONE)
    won = backer_profit if side == "back" else stake
    return WinOrLose(rate * won, rate * min(stake, backer_profit))


@dataclass(frozen=True, slots=True)
class RiskOrWin:
    """A 4casters wager: ``fee`` is charged win or lose; ``risk`` and ``win`` are net of it, as in the venue's fills."""

    gross_win: Decimal
    fee: Decimal
    risk: Decimal
    win: Decimal


def fourcasters(risk: Decimal, odds: Decimal, rate: Decimal, role: Role = "taker") -> RiskOrWin:
    """4casters: takers pay ``f*min(risk, win)`` win or lose, makers nothing. ``odds`` are decimal."""
    with localcontext(CONTEXT):
        win = risk * (odds - ONE)
        fee = ZERO if role == "maker" else rate * min(risk, win)
        return RiskOrWin(win, fee, risk + fee, win - fee)


def sx_fee(profit: Decimal, *, parlay: bool = False) -> Decimal:
    """SX Bet: nothing on single bets, 5 % of a parlay's profit."""
    return max(ZERO, profit) * Decimal("0.05") if parlay else ZERO


def novig_fee(
    contracts: Decimal, price: Decimal, coefficient: Decimal, role: Role, maker_credit: Decimal = ZERO
) -> Decimal:
    """Novig: contracts pay 0.01; ``k*P*(1-P)*C*0.01`` half up to 0.00001; the maker receives ``credit`` of it."""
    taker = round_half_up(spread_fee(contracts * CENT, price, coefficient), _FIVE_DECIMALS)
    return taker if role == "taker" else -round_half_up(maker_credit * taker, _FIVE_DECIMALS)


@dataclass(frozen=True, slots=True)
class TakenFee:
    """A fee taken from what the taker receives: in cash, and as shares when buying."""

    cash: Decimal
    shares: Decimal


def predict_fun(shares: Decimal, price: Decimal, rate: Decimal, role: Role = "taker") -> TakenFee:
    """Predict.fun: ``r*min(p, 1-p)`` per share from takers; a buyer receives ``fee/p`` fewer shares."""
    cash = ZERO if role == "maker" else rate * min(price, ONE - price) * shares
    return TakenFee(cash, divide(cash, price))
