"""Paper fixtures for feed tests."""

from decimal import Decimal

from overround.feed.stream import Pace
from overround.paper.world import NativeIds, PaperFixture, PaperMarket, PaperOutcome, World

KEY = "0123456789abcdef0123456789abcdef"
QUICK = Pace(first=0.02, cap=0.2, healthy=0.5, crowded=0.05, login=5.0, replay=1.0, ping=5.0)
BASKETBALL = "id1100013262926199"
SOCCER = "id1000001772221240"


def outcome(outcome_id: int, name: str, price: str) -> PaperOutcome:
    return PaperOutcome(outcome_id, name, Decimal(price), Decimal(500), changed_at=1_788_421_025_000)


def basketball(fixture_id: str = BASKETBALL) -> PaperFixture:
    market = PaperMarket(
        111, "Winner (incl. overtime)", "moneyline", "result", [outcome(111, "1", "1.91"), outcome(112, "2", "2.01")]
    )
    return PaperFixture(
        fixture_id,
        11,
        "Basketball",
        132,
        "NBA",
        "Houston Rockets",
        "Los Angeles Lakers",
        1_788_430_000,
        markets=[market],
        native={
            "kalshi": NativeIds(
                "KXNBAGAME-26APR21HOULAL",
                {"111": "KXNBAGAME-26APR21HOULAL-HOU", "112": "KXNBAGAME-26APR21HOULAL-LAL"},
                {"111": "KXNBAGAME-26APR21HOULAL-HOU", "112": "KXNBAGAME-26APR21HOULAL-LAL"},
            ),
            "polymarket": NativeIds("nba-hou-lal", {"111": "0xc0", "112": "0xc0"}, {"111": "70001", "112": "70002"}),
        },
    )


def soccer(fixture_id: str = SOCCER) -> PaperFixture:
    sides = [outcome(101, "1", "2.5"), outcome(102, "X", "3.4"), outcome(103, "2", "2.9")]
    market = PaperMarket(101, "Full Time Result", "1x2", "fulltime", sides)
    return PaperFixture(
        fixture_id, 10, "Soccer", 17, "Premier League", "Arsenal", "Chelsea", 1_788_430_000, markets=[market]
    )


def move(world: World, fixture: PaperFixture, outcome_id: int, price: str) -> None:
    """Change one price and tell the world."""
    for market in fixture.markets:
        for item in market.outcomes:
            if item.outcome_id == outcome_id:
                item.price = Decimal(price)
                item.changed_at += 1000
    world.tell(fixture, "odds")
