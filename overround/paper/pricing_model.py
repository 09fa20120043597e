"""Score and clock to win probabilities, and the play that moves them: one simple honest model per kind of sport.

Goals fall at constant rates (independent Poisson); a high-scoring game's lead is a random walk; drives score three or
seven; a race is units won with a constant chance, best of three. What the model says is what then happens on average,
so a quote at the model's price is fair.
"""

import math
from dataclasses import dataclass, field
from functools import lru_cache
from random import Random

from overround.paper.sports import Sport

WALK_SPREAD = 12.0
"""Standard deviation of a basketball game's final lead, points."""
DRIVE_POINTS = ((7, 0.6), (3, 0.4))
OPINION_LIMIT = 0.25


@dataclass(slots=True)
class MatchState:
    """A match so far. ``done`` is the share played, ``edge`` side 1's strength in the sport's own terms, ``opinion``
    what the market makes of it beyond the model (log odds), ``units`` the score by period, ``lead`` a walk's exact
    lead."""

    edge: float
    opinion: float = 0.0
    done: float = 0.0
    score: tuple[int, int] = (0, 0)
    units: list[tuple[int, int]] = field(default_factory=lambda: [(0, 0)])
    lead: float = 0.0
    over: bool = False


def new_match(sport: Sport, rng: Random) -> MatchState:
    return MatchState(edge=rng.gauss(0.0, sport.spread), opinion=rng.gauss(0.0, 0.05))


def drift(state: MatchState, rng: Random) -> None:
    """The market changes its mind a little, and comes back in time."""
    moved = 0.93 * state.opinion + rng.gauss(0.0, 0.035)
    state.opinion = max(-OPINION_LIMIT, min(OPINION_LIMIT, moved))


# -- probabilities ----------------------------------------------------------------------------------------------------


def probabilities(sport: Sport, state: MatchState) -> tuple[float, ...]:
    """The chance of each outcome in the order of ``sport.outcomes``; they add up to 1."""
    if sport.model == "race":
        win = _race(sport, state)
        return _shifted((win, 1.0 - win), state.opinion)
    left = max(0.0, 1.0 - state.done)
    first, draw, second = _lead_chances(sport, state, left)
    if sport.three_way:
        return _shifted((first, draw, second), state.opinion)
    return _shifted((first + draw / 2, second + draw / 2), state.opinion)


def _lead_chances(sport: Sport, state: MatchState, left: float) -> tuple[float, float, float]:
    lead = state.score[0] - state.score[1]
    if sport.model == "goals":
        return _poisson_chances(lead, *(rate * left for rate in rates(sport, state)))
    if sport.model == "points":
        mean, spread = lead + (sport.rates[0] - sport.rates[1] + state.edge) * left, WALK_SPREAD * math.sqrt(left)
    else:
        points = sum(value * share for value, share in DRIVE_POINTS)
        squares = sum(value * value * share for value, share in DRIVE_POINTS)
        home, away = rates(sport, state)
        mean, spread = lead + points * (home - away) * left, math.sqrt(squares * (home + away) * left)
    if spread < 1e-6:
        return float(lead > 0), float(lead == 0), float(lead < 0)
    below, above = _normal((-0.5 - mean) / spread), _normal((0.5 - mean) / spread)
    return 1.0 - above, above - below, below


def rates(sport: Sport, state: MatchState) -> tuple[float, float]:
    """Expected scores of both sides in a whole match."""
    return sport.rates[0] * math.exp(state.edge), sport.rates[1] * math.exp(-state.edge)


def _normal(z: float) -> float:
    return 0.5 * (1.0 + math.erf(z / math.sqrt(2.0)))


def _poisson_chances(lead: int, home: float, away: float) -> tuple[float, float, float]:
    size = 25
    first = [math.exp(-home) * home**k / math.factorial(k) for k in range(size)]
    second = [math.exp(-away) * away**k / math.factorial(k) for k in range(size)]
    below = [sum(second[:k]) for k in range(size + 1)]
    win = sum(p * below[max(0, min(size, k + lead))] for k, p in enumerate(first))
    draw = sum(p * second[k + lead] for k, p in enumerate(first) if 0 <= k + lead < size)
    return win, draw, max(0.0, 1.0 - win - draw)


def unit_chance(state: MatchState) -> float:
    """The chance that side 1 takes the next game or round."""
    return min(0.75, max(0.25, 0.5 + state.edge))


def _race(sport: Sport, state: MatchState) -> float:
    if state.score[0] >= 2 or state.score[1] >= 2:
        return float(state.score[0] >= 2)
    chance = round(unit_chance(state), 4)
    fresh = _unit(0, 0, sport.target, sport.cap, chance)
    now = _unit(*state.units[-1], sport.target, sport.cap, chance)

    def match(won: int, lost: int, this: float) -> float:
        if won == 2 or lost == 2:
            return float(won == 2)
        return this * match(won + 1, lost, fresh) + (1 - this) * match(won, lost + 1, fresh)

    return match(*state.score, now)


@lru_cache(maxsize=20_000)
def _unit(won: int, lost: int, target: int, cap: int, chance: float) -> float:
    if unit_over(won, lost, target, cap):
        return float(won > lost)
    win = _unit(won + 1, lost, target, cap, chance)
    return chance * win + (1 - chance) * _unit(won, lost + 1, target, cap, chance)


def unit_over(won: int, lost: int, target: int, cap: int) -> bool:
    best = max(won, lost)
    return best >= cap or (best >= target and abs(won - lost) >= 2)


def _shifted(chances: tuple[float, ...], opinion: float) -> tuple[float, ...]:
    weights = [chances[0] * math.exp(opinion), *chances[1:-1], chances[-1] * math.exp(-opinion)]
    total = sum(weights)
    return tuple(weight / total for weight in weights)


# -- play -------------------------------------------------------------------------------------------------------------


def most_units(sport: Sport) -> int:
    """The longest a race can be, in games or rounds."""
    return 3 * (2 * sport.cap - 1)


def play(sport: Sport, state: MatchState, until: float, rng: Random) -> bool:
    """Play on to the share ``until``; whether anybody scored. Ends the match when it is decided or at 1."""
    if sport.model == "race":
        return _play_race(sport, state, until, rng)
    before, share = state.score, max(0.0, min(1.0, until) - state.done)
    state.done = min(1.0, until)
    _enter_period(sport, state)
    gained = _gained(sport, state, share, rng)
    _add(state, gained)
    if state.done >= 1.0:
        state.over = True
        if not sport.three_way and state.score[0] == state.score[1]:
            _add(state, (1, 0) if rng.random() < 0.5 else (0, 1))
    return state.score != before


def _enter_period(sport: Sport, state: MatchState) -> None:
    period = min(sport.periods, int(state.done * sport.periods) + 1)
    while len(state.units) < period:
        state.units.append((0, 0))


def _add(state: MatchState, gained: tuple[int, int]) -> None:
    state.score = (state.score[0] + gained[0], state.score[1] + gained[1])
    now = state.units[-1]
    state.units[-1] = (now[0] + gained[0], now[1] + gained[1])


def _gained(sport: Sport, state: MatchState, share: float, rng: Random) -> tuple[int, int]:
    if sport.model == "points":
        return _walk(sport, state, share, rng)
    first, second = (_poisson(rate * share, rng) for rate in rates(sport, state))
    if sport.model == "goals":
        return first, second
    return sum(_drive(rng) for _ in range(first)), sum(_drive(rng) for _ in range(second))


def _walk(sport: Sport, state: MatchState, share: float, rng: Random) -> tuple[int, int]:
    state.lead += (sport.rates[0] - sport.rates[1] + state.edge) * share
    state.lead += rng.gauss(0.0, WALK_SPREAD * math.sqrt(share))
    total = sum(sport.rates) * state.done
    target = (round((total + state.lead) / 2), round((total - state.lead) / 2))
    return max(0, target[0] - state.score[0]), max(0, target[1] - state.score[1])


def _poisson(mean: float, rng: Random) -> int:
    limit, count, product = math.exp(-mean), 0, rng.random()
    while product > limit:
        count, product = count + 1, product * rng.random()
    return count


def _drive(rng: Random) -> int:
    return DRIVE_POINTS[0][0] if rng.random() < DRIVE_POINTS[0][1] else DRIVE_POINTS[1][0]


def _play_race(sport: Sport, state: MatchState, until: float, rng: Random) -> bool:
    units, scored = most_units(sport), False
    while not state.over and state.done + 1 / units <= until + 1e-9:
        state.done += 1 / units
        scored = True
        first = rng.random() < unit_chance(state)
        won, lost = state.units[-1]
        state.units[-1] = (won + 1, lost) if first else (won, lost + 1)
        if unit_over(*state.units[-1], sport.target, sport.cap):
            state.score = (state.score[0] + first, state.score[1] + (not first))
            state.over = max(state.score) == 2
            if not state.over:
                state.units.append((0, 0))
    return scored
