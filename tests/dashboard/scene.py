"""A desk in the middle of an evening: what the dashboard shows in tests that look at it, and in the docs' pictures."""

import random
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

from sqlalchemy import insert, update
from sqlalchemy.ext.asyncio import AsyncConnection

from overround.ledger import tables as t
from overround.ledger.heartbeats import beat
from tests.api import rows

GAMES = (
    (11, "Basketball", "NBA", "Lakers", "Celtics", 1, (54, 49)),
    (12, "Tennis", "ATP Vienna", "Ruud", "de Minaur", 1, (1, 1)),
    (16, "Dota 2", "The International", "Liquid", "Tundra", 1, (0, 1)),
    (15, "Ice hockey", "NHL", "Oilers", "Flames", 0, None),
    (14, "American football", "NFL", "Chiefs", "Bills", 0, None),
)
TICK = Decimal("0.01")


def _quote(odds: Decimal) -> Decimal:
    return (1 - 1 / odds - Decimal("0.02")).quantize(TICK, rounding="ROUND_FLOOR")


async def signs_of_life(connection: AsyncConnection, ahead: timedelta = timedelta(0)) -> None:
    """The feed and every process were heard just now, or so much later: nothing beats during a test."""
    for name, detail in (("feed", {"fixtures": 57}), ("streamers", {}), ("trading", {}), ("hedging", {})):
        await beat(connection, name, detail)
    await connection.execute(update(t.heartbeats).values(at=t.heartbeats.c.at + ahead))


async def _accounts(connection: AsyncConnection, client: str) -> None:
    mine = t.exchange_accounts.c.client == client
    balances = {"balance": "12480.55", "available": "9312.05", "status": "connected"}
    await connection.execute(update(t.exchange_accounts).where(mine).values(**balances))
    polymarket = {
        "account_id": f"{client}-polymarket",
        "client": client,
        "exchange": "polymarket",
        "endpoints": {},
        "secrets": b"x",
    }
    await connection.execute(
        insert(t.exchange_accounts).values(
            **polymarket, status="connected", balance="8044.1", available="7120.90", currency="USDC"
        )
    )
    bookmaker = t.bookmaker_accounts.c.client == client
    await connection.execute(update(t.bookmaker_accounts).where(bookmaker).values(status="connected"))


class Evening:
    """Writes the rows; ``draw`` makes every choice, so every evening is the same."""

    def __init__(self, connection: AsyncConnection, client: str, now: datetime) -> None:
        self.connection, self.client, self.now = connection, client, now
        self.draw = random.Random(7)

    async def order(self, fixture: str, outcome: int, odds: Decimal, seconds: float, **changes: Any) -> dict[str, Any]:
        exchange = changes.pop("exchange", "kalshi")
        account = f"{self.client}-kalshi" if exchange == "kalshi" else f"{self.client}-polymarket"
        values = {"fixture_id": fixture, "outcome_id": outcome, "market_id": outcome // 10 * 10 + 1, "odds": odds}
        values |= {"price": _quote(odds), "exchange": exchange, "account_id": account, "size": "100"}
        values |= {
            "created_at": self.now - timedelta(seconds=seconds),
            "workflow_id": f"orders:{account}:{fixture}:{outcome}",
        }
        return await rows.order(self.connection, self.client, **(values | changes))

    async def fixtures(self) -> list[tuple[str, int]]:
        named = []
        for number, (sport, name, tournament, one, two, status, score) in enumerate(GAMES):
            fixture = f"id{sport}0001{number:04d}"
            scores = (
                {}
                if score is None
                else {"result": {"period": "result", "participant1Score": score[0], "participant2Score": score[1]}}
            )
            await rows.fixture(
                self.connection,
                fixture,
                sport_id=sport,
                sport=name,
                tournament=tournament,
                participant1=one,
                participant2=two,
                status_id=status,
                scores=scores,
                start_time=self.now + timedelta(minutes=40 * number - 60),
            )
            named.append((fixture, sport * 10))
        return named

    async def quotes(self, fixture: str, first: int) -> None:
        """Both sides on two exchanges, some partly taken."""
        for side, odds in ((1, Decimal("1.87")), (2, Decimal("1.95"))):
            moved = odds + Decimal(self.draw.randint(-20, 20)) / 100
            for exchange in ("kalshi", "polymarket"):
                taken = self.draw.random() < 0.2
                some = {"status": "PARTIAL", "filled": "40", "matched_status": "PARTIALLY_MATCHED"} if taken else {}
                order = await self.order(
                    fixture, first + side, moved, self.draw.uniform(1, 90), exchange=exchange, odds_limit="2500", **some
                )
                if taken:
                    await self.covered(order, Decimal(40), moved)

    async def covered(self, order: dict[str, Any], size: Decimal, odds: Decimal, **bet: Any) -> dict[str, Any]:
        """The fill and the bet that hedges it."""
        await rows.fill(self.connection, order, size=size, fee="0.35")
        stake = (size / odds).quantize(TICK)
        await rows.hedge(
            self.connection, order, target=size, done=size, workflow_id=f"hedge:{order['client_order_id']}"
        )
        placed = {"placed_at": order["created_at"] + timedelta(seconds=3), "stake": stake, "placed_stake": stake}
        return await rows.bet(self.connection, order, placed_price=odds, payout=size, **(placed | bet))

    async def history(self, fixture: str, first: int, count: int) -> None:
        """Filled, hedged and settled orders of the last day, with what they earned."""
        for number in range(count):
            seconds = 86000 * (1 - (number + 1) / (count + 1)) + 300
            odds = Decimal(self.draw.randint(160, 240)) / 100
            won = self.draw.random() < 0.5
            order = await self.order(
                fixture,
                first + 1 + number % 2,
                odds,
                seconds,
                status="FILLED",
                filled="100",
                remaining="0",
                matched_status="FULLY_MATCHED",
                settlement="WON" if won else "LOST",
                matched_at=self.now - timedelta(seconds=seconds - 5),
            )
            bet = await self.covered(order, Decimal(100), odds, settlement="LOST" if won else "WON")
            gain = Decimal(100) * (1 - order["price"]) if won else -Decimal(100) * order["price"]
            back = -bet["placed_stake"] if won else Decimal(100) - bet["placed_stake"]
            slip = Decimal(self.draw.randint(-420, 260)) / 100
            for row, profit in ((order, gain - Decimal("0.35")), (bet, back + slip)):
                await rows.settled(self.connection, row, str(profit))
                subject = str(row.get("request_id", row["client_order_id"]))
                booked = update(t.settlements).where(t.settlements.c.subject_id == subject)
                await self.connection.execute(
                    booked.values(booked_at=self.now - timedelta(seconds=max(0, seconds - 250)))
                )

    async def trouble(self, fixture: str, first: int) -> None:
        """A refused hedge, one whose answer is on its way, and orders that ended without a fill."""
        naked = await self.order(
            fixture,
            first + 1,
            Decimal("2.12"),
            52,
            status="FILLED",
            filled="100",
            remaining="0",
            matched_status="FULLY_MATCHED",
        )
        await rows.fill(self.connection, naked, fee="0.35")
        since = self.now - timedelta(seconds=41)
        await rows.hedge(
            self.connection, naked, done="0", residual="100", state="OPEN", reason="PRICE", opened_at=since
        )
        refused = {
            "status": "REJECTED",
            "placed_price": None,
            "placed_stake": "0",
            "payout": "0",
            "refusal": "PRICE",
            "placed_at": None,
        }
        await rows.bet(self.connection, naked, **refused)
        flying = await self.order(
            fixture, first + 2, Decimal("1.91"), 9, status="FILLED", filled="60", remaining="0", size="60"
        )
        await rows.fill(self.connection, flying, size="60")
        soon = self.now - timedelta(seconds=2)
        await rows.hedge(
            self.connection,
            flying,
            target="60",
            done="0",
            in_flight="60",
            residual="0",
            state="HEDGING",
            opened_at=soon,
        )
        await rows.bet(
            self.connection,
            flying,
            status="SENT",
            placed_price=None,
            placed_stake="0",
            payout="60",
            stake="31.41",
            placed_at=None,
        )
        for seconds in (14, 30, 75, 120):
            await self.order(fixture, first + 1, Decimal("2.05"), seconds, status="CANCELLED", remaining="0")


async def evening(connection: AsyncConnection, client: str = "demo") -> None:
    """Everything, for a client that ``rows.client`` made."""
    now = datetime.now(UTC)
    desk = Evening(connection, client, now)
    await signs_of_life(connection, timedelta(minutes=5))
    await _accounts(connection, client)
    games = await desk.fixtures()
    await desk.history(*games[0], 60)
    for fixture, first in games:
        await desk.quotes(fixture, first)
    await desk.trouble(*games[1])
