"""What a ``SettlementWorkflow`` may do: close a fixture, collect everybody's word on it, book the results."""

from collections.abc import Iterable
from decimal import Decimal

from sqlalchemy.ext.asyncio import AsyncEngine
from temporalio import activity
from temporalio.client import Client
from temporalio.service import RPCError, RPCStatusCode

from activities.sessions import Sessions
from overround.domain.grading import Settlement, from_feed
from overround.domain.messages import FixtureStatus
from overround.domain.results import BetPartResult, FixtureResults, OrderResult
from overround.domain.scoring import MarketMeaning, own_results
from overround.domain.settling import Book, Closing, SettlementState
from overround.feed.messages import Fixture
from overround.feed.rest import FeedRest
from overround.ledger import settling as ledger
from overround.ledger.alarms import clear_alarm, clear_naked, raise_alarm
from overround.venues import NotFound

CANCELLED = 3
ALARMS = {"DISPUTED": "dispute", "STUCK": "closing"}


class SettlementActivities:
    """Bound to one ledger, the venue sessions, the feed and the Temporal client it signals with."""

    def __init__(self, database: AsyncEngine, sessions: Sessions, feed: FeedRest, client: Client) -> None:
        self._database = database
        self._sessions = sessions
        self._feed = feed
        self._client = client

    @activity.defn(name="close_fixture")
    async def close_fixture(self, fixture_id: str) -> Closing:
        """Tell every owner of the fixture's orders that it is over; count what is still alive."""
        async with self._database.connect() as connection:
            owners = await ledger.owners(connection, fixture_id)
            orders, hedges = await ledger.still_open(connection, fixture_id)
            busy = await ledger.hedging(connection, fixture_id)
            untold = await ledger.untold(connection, fixture_id)
        for workflow_id in [*owners, *hedges]:
            await self._signal(workflow_id, "close", "the fixture is over")
        return Closing(len(orders), busy, untold)

    async def _signal(self, workflow_id: str, signal: str, argument: object) -> None:
        """Signal an execution; one that has finished needs no telling."""
        try:
            await self._client.get_workflow_handle(workflow_id).signal(signal, argument)
        except RPCError as error:
            if error.status is not RPCStatusCode.NOT_FOUND:
                raise

    @activity.defn(name="collect_results")
    async def collect_results(self, fixture_id: str) -> FixtureResults:
        """The feed's grading, our own, each venue's resolution and the bookmaker's results, as far as known."""
        async with self._database.connect() as connection:
            filled = await ledger.filled_orders(connection, fixture_id)
            parts = await ledger.placed_parts(connection, fixture_id)
        if not filled and not parts:
            return FixtureResults(FixtureStatus(fixture_id, 2))
        fixture = await self._fixture(fixture_id)
        markets = {item.market_id for item in filled} | {part.market_id for _, part in parts}
        orders = [await self._valued(item) for item in filled]
        return FixtureResults(
            FixtureStatus(fixture_id, fixture.status_id, _final(fixture)),
            await self._graded(fixture_id),
            await self._own(fixture, markets),
            tuple(orders),
            tuple(await self._settled(parts)),
        )

    async def _fixture(self, fixture_id: str) -> Fixture:
        found = await self._feed.fixtures(fixture_ids=[fixture_id])
        if not found:
            raise NotFound("feed", f"fixture {fixture_id} is not listed")
        return found[0]

    async def _graded(self, fixture_id: str) -> dict[int, str]:
        _, rows = await self._feed.settlement(fixture_id)
        return {row.outcome_id: from_feed(row.status) for row in rows}

    async def _own(self, fixture: Fixture, market_ids: Iterable[int]) -> dict[int, str]:
        """Our own grading; a cancelled fixture voids everything."""
        own: dict[int, str] = {}
        for market in await self._feed.markets(market_ids=sorted(market_ids)):
            meaning = MarketMeaning(
                market.market_id, market.market_type, market.period, tuple(market.outcomes), market.handicap
            )
            if fixture.status_id == CANCELLED:
                own |= dict.fromkeys(meaning.outcomes, Settlement.VOID)
            else:
                own |= own_results(meaning, _final(fixture))
        return own

    async def _valued(self, item: ledger.FilledOrder) -> OrderResult:
        """What the venue pays for one contract of what was bought."""
        exchange = await self._sessions.exchange(item.account_id)
        resolution = await exchange.resolution(item.venue_market, item.contract)
        value = resolution.value
        if value is not None and item.position == "no":
            value = Decimal(1) - value
        return OrderResult(
            item.client_order_id,
            item.client,
            item.market_id,
            item.outcome_id,
            item.action,
            item.size,
            item.cost,
            item.fees,
            value,
        )

    async def _settled(self, parts: list[tuple[str, BetPartResult]]) -> list[BetPartResult]:
        by_account: dict[str, list[BetPartResult]] = {}
        for account_id, part in parts:
            by_account.setdefault(account_id, []).append(part)
        words: dict[tuple[str, str], str] = {}
        for account_id, mine in by_account.items():
            bookmaker = await self._sessions.bookmaker(account_id)
            requests = {part.part_id: part.request_id for part in mine}
            for said in await bookmaker.settlements(list(requests)):
                if said.status is not None and said.bet_id in requests:
                    words[(requests[said.bet_id], said.bet_id)] = said.status
        async with self._database.begin() as connection:
            await ledger.note_parts(connection, words)
        return [_with_word(part, words.get((part.request_id, part.part_id))) for _, part in parts]

    @activity.defn(name="book_results")
    async def book_results(self, request: Book) -> int:
        """Write results; the same results again change nothing."""
        async with self._database.begin() as connection:
            await clear_naked(connection, request.fixture_id)
            return await ledger.book(
                connection, request.fixture_id, request.workflow_id, request.run_id, request.booked
            )

    @activity.defn(name="settlement_state")
    async def settlement_state(self, state: SettlementState) -> None:
        """Show where the settlement stands; a dispute, and orders that do not end, are alarms while they last."""
        async with self._database.begin() as connection:
            await ledger.write_state(connection, state)
            for name, kind in ALARMS.items():
                if state.state == name:
                    await raise_alarm(connection, kind, state.fixture_id, state.reason)
                else:
                    await clear_alarm(connection, kind, state.fixture_id)


def _final(fixture: Fixture) -> dict[str, tuple[int, int]]:
    return {name: (score.participant1, score.participant2) for name, score in fixture.scores.items()}


def _with_word(part: BetPartResult, word: str | None) -> BetPartResult:
    return BetPartResult(
        part.request_id, part.part_id, part.client, part.market_id, part.outcome_id, part.stake, part.price, word
    )
