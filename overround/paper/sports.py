"""The simulator's sports: their winner market, tournaments, sides and pace (oddspapi sheet, sections 4 and 5)."""

from dataclasses import dataclass
from typing import Literal

Model = Literal["goals", "points", "drives", "race"]


@dataclass(frozen=True, slots=True)
class Sport:
    """One sport as simulated.

    ``rates`` are the two sides' expected scores of a whole match (goals, points or scoring drives). A race is won two
    units to none or one, a unit by reaching ``target`` two ahead, or ``cap``. ``suspends`` is the chance that the
    bookmaker suspends on a score. ``minutes`` is the real length shown on the match clock, 0 where there is none.
    """

    sport_id: int
    name: str
    market_id: int
    market_name: str
    market_type: str
    period: str
    outcomes: tuple[tuple[int, str], ...]
    tournaments: tuple[tuple[int, str], ...]
    sides: tuple[str, ...]
    model: Model
    rates: tuple[float, float] = (0.0, 0.0)
    spread: float = 0.0
    periods: int = 1
    minutes: int = 0
    target: int = 0
    cap: int = 0
    suspends: float = 1.0

    @property
    def three_way(self) -> bool:
        return len(self.outcomes) == 3


def _two(first: int) -> tuple[tuple[int, str], ...]:
    return ((first, "1"), (first + 1, "2"))


SPORTS: tuple[Sport, ...] = (
    Sport(
        10, "Soccer", 101, "Full Time Result", "1x2", "fulltime", ((101, "1"), (102, "X"), (103, "2")),
        ((17, "Premier League"), (44, "2. Bundesliga"), (242, "MLS")),
        ("Arsenal", "Chelsea", "Everton", "Brentford", "Fulham", "Leeds United", "Aston Villa", "Wolverhampton",
         "Newcastle United", "Crystal Palace", "Brighton", "West Ham United"),
        "goals", rates=(1.5, 1.2), spread=0.35, periods=2, minutes=90,
    ),
    Sport(
        11, "Basketball", 111, "Winner (incl. overtime)", "moneyline", "result", _two(111),
        ((132, "NBA"), (486, "WNBA")),
        ("Boston Celtics", "Denver Nuggets", "Miami Heat", "Phoenix Suns", "Utah Jazz", "Chicago Bulls",
         "Orlando Magic", "Sacramento Kings", "Atlanta Hawks", "Detroit Pistons"),
        "points", rates=(113.0, 111.0), spread=6.0, periods=4, minutes=48, suspends=0.02,
    ),
    Sport(
        12, "Tennis", 121, "Winner", "moneyline", "result", _two(121),
        ((3101, "ATP Basel"), (3105, "WTA Linz")),
        ("Ada Marchetti", "Ivo Lindqvist", "Pavel Horak", "Juan Ibarra", "Tomas Weber", "Luca Ferri", "Nils Bakker",
         "Andrei Popa", "Hugo Lambert", "Oskar Nowak"),
        "race", spread=0.07, target=6, cap=7, suspends=0.15,
    ),
    Sport(
        13, "Baseball", 131, "Winner (incl. extra innings)", "moneyline", "result", _two(131),
        ((109, "MLB"),),
        ("New York Yankees", "Boston Red Sox", "Houston Astros", "Seattle Mariners", "Chicago Cubs",
         "San Diego Padres", "Atlanta Braves", "Texas Rangers"),
        "goals", rates=(4.6, 4.3), spread=0.2, periods=9,
    ),
    Sport(
        14, "American Football", 141, "Winner (incl. overtime)", "1x2", "result", _two(141),
        ((31, "NFL"),),
        ("Buffalo Bills", "Dallas Cowboys", "Green Bay Packers", "Denver Broncos", "Miami Dolphins",
         "Chicago Bears", "Detroit Lions", "Seattle Seahawks"),
        "drives", rates=(4.2, 4.0), spread=0.25, periods=4, minutes=60,
    ),
    Sport(
        15, "Ice Hockey", 151, "Winner (incl. overtime and penalties)", "moneyline", "result", _two(151),
        ((234, "NHL"),),
        ("Boston Bruins", "Calgary Flames", "Dallas Stars", "Edmonton Oilers", "Nashville Predators",
         "Ottawa Senators", "Vancouver Canucks", "Winnipeg Jets"),
        "goals", rates=(3.1, 2.9), spread=0.2, periods=3, minutes=60,
    ),
    Sport(
        16, "Dota 2", 161, "Winner", "moneyline", "result", _two(161),
        ((1601, "DPC Western Europe"), (1602, "The International")),
        ("Team Spirit", "Tundra", "Gaimin Gladiators", "Team Liquid", "OG", "Nigma", "BetBoom", "Xtreme"),
        "race", spread=0.08, target=10, cap=10, suspends=0.08,
    ),
    Sport(
        17, "Counter-Strike", 171, "Winner", "moneyline", "result", _two(171),
        ((1701, "ESL Pro League"), (1702, "BLAST Premier")),
        ("Vitality", "Natus Vincere", "FaZe", "MOUZ", "G2", "Astralis", "Heroic", "Complexity"),
        "race", spread=0.05, target=13, cap=16, suspends=0.05,
    ),
)  # fmt: skip
