"""The odds streamer: bookmaker odds in, quote signals out.

Keeps the latest books in memory, runs the same pure quote function as the workflow, and signals an order's owner only
when some desired quote really changes, a pull, or a confirmation that the odds still stand.
"""

import asyncio
import time
from collections.abc import Iterable
from dataclasses import dataclass, field, replace

import structlog
from sqlalchemy.ext.asyncio import AsyncEngine
from temporalio.client import Client
from temporalio.service import RPCError, RPCStatusCode

from activities.sessions import Sessions
from overround.domain import ids
from overround.domain.config import TradingConfig
from overround.domain.markets import MarketBook, MarketKey
from overround.domain.messages import HedgeOdds, Owner, QuoteSignal, Terms
from overround.domain.numbers import ONE
from overround.domain.quotes import Desired, desired_quotes
from overround.feed.feed import Feed
from overround.feed.messages import Fixture
from overround.ledger import configs as ledger_configs
from overround.ledger.accounts import exchange_accounts
from overround.ledger.configs import Configs
from streamers.conflate import Conflator
from streamers.instruments import InstrumentDesk, Listing
from workflows import starts
from workflows.names import TRADING

log = structlog.get_logger(__name__)
RELOAD_SECONDS = 1.0
PROOFS_AT_ONCE = 4


@dataclass(frozen=True, slots=True)
class Trader:
    """One exchange account and the client it trades for; ``bookmaker`` prices and hedges it."""

    account_id: str
    client: str
    exchange: str
    bookmaker: str


@dataclass(slots=True)
class Line:
    """What was last told to the owner of one market on one account."""

    owner: Owner
    told: tuple[Desired, ...] = ()
    told_at: float = 0.0
    terms: Terms | None = None
    sent_terms: Terms | None = None
    started: bool = False


@dataclass(frozen=True, slots=True)
class Outgoing:
    """A signal about to leave, with the line it updates."""

    line: Line
    signal: QuoteSignal


@dataclass(slots=True)
class OddsStreamer:
    """Owns the lines of every account and market. ``tick`` must be called a few times a second."""

    feed: Feed
    client: Client
    database: AsyncEngine
    sessions: Sessions
    queue: str = TRADING
    traders: list[Trader] = field(default_factory=list)
    configs: Configs = field(default_factory=lambda: Configs(-1, {}))
    stopped: str | None = None
    """Why nothing may be quoted now; whoever sets it is heard at the next ``tick``."""
    lines: dict[tuple[str, MarketKey], Line] = field(default_factory=dict)
    desk: InstrumentDesk = field(init=False)
    _out: Conflator[str, Outgoing] = field(init=False)
    _asking: dict[tuple[str, MarketKey], asyncio.Task[None]] = field(default_factory=dict)
    _proofs: asyncio.Semaphore = field(default_factory=lambda: asyncio.Semaphore(PROOFS_AT_ONCE))
    _loaded_at: float = 0.0

    def __post_init__(self) -> None:
        self.desk = InstrumentDesk(self.database, self.sessions)
        self._out = Conflator(self._send)

    # -- what changes -----------------------------------------------------------------------------------------------

    def changed(self, keys: Iterable[MarketKey]) -> None:
        """Look at markets whose book changed."""
        for key in keys:
            for trader in self.traders:
                self._look(trader, key)

    async def tick(self) -> None:
        """Pull what went stale, confirm what still stands, ask again what was not proved, then reload settings."""
        by_account = {trader.account_id: trader for trader in self.traders}
        for account_id, key in list(self.lines):
            if account_id in by_account:
                self._look(by_account[account_id], key)
        for exchange, key in self.desk.overdue():
            self._look_at(exchange, key)
        await self._reload()

    def everything(self) -> None:
        """Look at every market known, after a change of settings or connection."""
        self.changed(
            {
                MarketKey(f.fixture_id, m)
                for f in self.feed.state.fixtures()
                if not f.over
                for m in self.feed.state.markets_of(f.fixture_id)
            }
        )

    async def _reload(self) -> None:
        if time.monotonic() - self._loaded_at < RELOAD_SECONDS:
            return
        self._loaded_at = time.monotonic()
        async with self.database.connect() as connection:
            changed = await ledger_configs.newest(connection) != self.configs.version
            accounts = await exchange_accounts(connection)
            if changed:
                self.configs = await ledger_configs.load(connection)
        traders = [Trader(account, client, exchange, bookmaker_of(client)) for account, client, exchange in accounts]
        if changed or traders != self.traders:
            self.traders = traders
            self.everything()

    # -- one market on one account ----------------------------------------------------------------------------------

    def _look_at(self, exchange: str, key: MarketKey) -> None:
        for trader in self.traders:
            if trader.exchange == exchange:
                self._look(trader, key)

    def _look(self, trader: Trader, key: MarketKey) -> None:
        """Price one market and tell its owner; one that is told of already is looked at whatever becomes of it."""
        fixture = self.feed.state.fixture(key.fixture_id)
        line = self.lines.get((trader.account_id, key))
        over = fixture is None or fixture.over
        config = self.configs.traded(trader.client, _tournament(fixture, line), key.market_id)
        book = self._usable(
            self.feed.state.book(key.fixture_id, key.market_id, trader.bookmaker, self.feed.now_ms()), config
        )
        if line is not None or (not over and self._wanted(key, config, book)):
            self._price(trader, key, book, config, line)
        if over:
            self.lines.pop((trader.account_id, key), None)
            self.desk.forget_fixture(key.fixture_id)

    def _wanted(self, key: MarketKey, config: TradingConfig, book: MarketBook) -> bool:
        market = self.feed.state.catalogue.get(key.market_id)
        traded = market is not None and bool(set(market.outcomes) & set(config.outcomes))
        return traded and config.enabled and book.pull is None

    def _price(
        self, trader: Trader, key: MarketKey, book: MarketBook, config: TradingConfig, line: Line | None
    ) -> None:
        listing = self._listing(trader, key, book, config)
        terms = _terms(listing, line, config)
        if terms is None:
            return
        if listing is not None and not listing.instruments and book.pull is None:
            book = replace(book, pull=f"no instrument: {listing.reason}")
        self._tell(line or self._open(trader, key), book, terms)

    def _open(self, trader: Trader, key: MarketKey) -> Line:
        fixture, market = self.feed.state.fixture(key.fixture_id), self.feed.state.catalogue[key.market_id]
        assert fixture is not None
        title = f"{fixture.participant1} v {fixture.participant2} · {market.name}"
        owner = Owner(
            trader.client,
            trader.account_id,
            trader.exchange,
            key.fixture_id,
            key.market_id,
            fixture.tournament_id,
            title,
        )
        line = self.lines[(trader.account_id, key)] = Line(owner)
        return line

    def _usable(self, book: MarketBook, config: TradingConfig) -> MarketBook:
        """The book, pulled when nothing may be quoted, or its last sign of life is older than the tournament's own
        limit."""
        if book.pull is None and self.stopped is not None:
            return replace(book, pull=self.stopped)
        allowed = config.odds_max_age_live if book.live else config.odds_max_age_pregame
        if book.pull is None and self.feed.now_ms() - book.received_at > allowed * 1000:
            return replace(book, pull=f"odds older than {allowed} s")
        return book

    def _listing(self, trader: Trader, key: MarketKey, book: MarketBook, config: TradingConfig) -> Listing | None:
        """What the desk knows; it is asked when that is nothing and the book could be quoted from."""
        listing = self.desk.known(trader.exchange, key)
        if listing is None and book.pull is None:
            self._ask(trader, key, book, config)
        return listing

    def _ask(self, trader: Trader, key: MarketKey, book: MarketBook, config: TradingConfig) -> None:
        """Have the mapping proved in the background: no venue's slowness delays another market's odds."""
        if (trader.exchange, key) not in self._asking:
            task = asyncio.create_task(self._prove(trader, key, book, config))
            self._asking[(trader.exchange, key)] = task
            task.add_done_callback(lambda _: self._asking.pop((trader.exchange, key), None))

    async def _prove(self, trader: Trader, key: MarketKey, book: MarketBook, config: TradingConfig) -> None:
        native = self.feed.state.native_ids(key.fixture_id, key.market_id, trader.exchange)
        async with self._proofs:
            try:
                await self.desk.ask(trader.exchange, trader.account_id, native, self._names(key), book, config.band)
            except Exception as error:
                log.warning("a mapping could not be proved", exchange=trader.exchange, key=str(key), error=repr(error))
                return
        self._look_at(trader.exchange, key)

    def _names(self, key: MarketKey) -> dict[int, str]:
        """Outcome id to what the feed calls it: a participant, a draw, or the catalogue's own name."""
        fixture = self.feed.state.fixture(key.fixture_id)
        market = self.feed.state.catalogue[key.market_id]
        sides = {"1": fixture.participant1, "2": fixture.participant2, "X": "Draw"} if fixture else {}
        return {outcome: sides.get(name, name) for outcome, name in market.outcomes.items()}

    def _tell(self, line: Line, book: MarketBook, terms: Terms) -> None:
        """Offer a signal when the desired quotes moved, when quoting must stop, or when it is time to confirm."""
        desired = desired_quotes(book, terms.instruments, terms.config)
        stop = bool(line.told) and not desired
        moved = worth_telling(line.told, desired, terms)
        confirm = bool(desired) and time.monotonic() - line.told_at > terms.config.owner_seconds / 3
        if not (stop or moved or confirm or (line.started and terms != line.terms)):
            return
        line.told, line.told_at, line.terms = desired, time.monotonic(), terms
        signal = QuoteSignal(book, int(time.time() * 1000), terms)
        key = ids.order_workflow(line.owner.account_id, line.owner.fixture_id, line.owner.market_id)
        self._out.offer(key, Outgoing(line, signal), urgent=stop)

    async def _send(self, workflow_id: str, outgoing: Outgoing) -> None:
        """Signal the owner; the first signal of a market starts it."""
        line, signal = outgoing.line, outgoing.signal
        if line.started:
            news = signal.terms if signal.terms != line.sent_terms else None
            try:
                await self.client.get_workflow_handle(workflow_id).signal("quote", replace(signal, terms=news))
                line.sent_terms = signal.terms
                return
            except RPCError as error:
                if error.status is not RPCStatusCode.NOT_FOUND:
                    raise
        if signal.book.pull is not None:
            return
        line.started = True  # a start whose answer is lost may have happened: what comes next must reach it
        await starts.quote(self.client, self.queue, line.owner, signal)
        line.sent_terms = signal.terms

    # -- for the hedger ---------------------------------------------------------------------------------------------

    def odds_now(self, client: str, fixture_id: str, market_id: int, outcome_id: int) -> HedgeOdds | None:
        """The bookmaker's price of an outcome at this moment, if the book may be used."""
        book = self.feed.state.book(fixture_id, market_id, bookmaker_of(client), self.feed.now_ms())
        if book.pull is not None:
            return None
        price = next((item for item in book.outcomes if item.outcome_id == outcome_id and item.active), None)
        if price is None or price.price <= ONE:
            return None
        return HedgeOdds(price.price, price.limit, price.changed_at, int(time.time() * 1000))

    async def close(self) -> None:
        """Stop asking and sending."""
        for task in self._asking.values():
            task.cancel()
        await asyncio.gather(*self._asking.values(), return_exceptions=True)
        await self._out.close()


def _tournament(fixture: Fixture | None, line: Line | None) -> int:
    return fixture.tournament_id if fixture is not None else line.owner.tournament_id if line is not None else 0


def _terms(listing: Listing | None, line: Line | None, config: TradingConfig) -> Terms | None:
    """Settings and instruments to price with: the proved ones, else those last used; None when there never were any."""
    if listing is not None and listing.instruments:
        return Terms(config, listing.instruments)
    return Terms(config, line.terms.instruments) if line is not None and line.terms is not None else None


def bookmaker_of(client: str) -> str:
    """``demo:vertex`` hedges at ``vertex``; a simple name is the bookmaker itself (mm-api sheet, section 8.5)."""
    return client.split(":", 1)[-1]


def worth_telling(told: tuple[Desired, ...], desired: tuple[Desired, ...], terms: Terms) -> bool:
    """True when an owner would act differently: a price moved by a tick against us, or by enough ticks in our favour, a
    size changed by more than a quarter, or a quote appeared or vanished."""
    before = {(item.outcome_id, item.level): item for item in told}
    now = {(item.outcome_id, item.level): item for item in desired}
    if before.keys() != now.keys():
        return True
    return any(_differs(before[slot], now[slot], terms) for slot in now)


def _differs(old: Desired, new: Desired, terms: Terms) -> bool:
    if new.price < old.price or new.size < old.size * 3 / 4 or new.size > old.size * 5 / 4:
        return True
    if new.price == old.price:
        return False
    grid = next(item.grid for item in terms.instruments if item.outcome_id == new.outcome_id)
    if not grid.contains(old.price):
        return True
    return grid.ticks_between(old.price, new.price) >= terms.config.improve_ticks
