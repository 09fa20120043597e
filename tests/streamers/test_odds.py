"""The odds streamer: signals only what an owner would act on, pulls at once, never loses what it meant to say."""

import asyncio
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from sqlalchemy.ext.asyncio import AsyncEngine
from temporalio.service import RPCError, RPCStatusCode

from overround.domain.grid import uniform
from overround.domain.messages import QuoteSignal, Terms
from overround.domain.quotes import Desired
from overround.ledger import choices, configs
from overround.venues import TimedOut
from streamers import conflate, odds
from streamers.conflate import Conflator
from streamers.odds import OddsStreamer, bookmaker_of, worth_telling
from tests.domain.desk import KEY, instrument, settings, wanted
from tests.domain.vectors import D
from tests.ledger.desk import CLIENT, write
from tests.streamers.desk import FakeExchange, FakeFeed, FakeSessions, FakeTemporal, venue_market
from tests.support.waiting import until

OWNER = f"orders:kalshi-demo:{KEY.fixture_id}:111"
TERMS = Terms(settings(), (instrument(111), instrument(112)))

# -- what is worth a signal -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("new", "told"),
    [
        (wanted(), False),
        (wanted(odds=D("1.91"), priced_at=2_000), False),
        (wanted("0.45"), True),
        (wanted("0.47"), False),
        (wanted("0.48"), True),
        (wanted(size="45"), False),
        (wanted(size="37"), True),
        (wanted(size="63"), True),
        (wanted(level=1), True),
        (wanted(outcome=112), True),
    ],
)
def test_an_owner_hears_of_what_it_would_act_on(new: Desired, told: bool) -> None:
    assert worth_telling((wanted(),), (new,), TERMS) is told


def test_a_quote_that_appears_or_vanishes_is_told() -> None:
    assert worth_telling((), (wanted(),), TERMS)
    assert worth_telling((wanted(),), (), TERMS)
    assert worth_telling((wanted(),), (wanted(), wanted(outcome=112)), TERMS)
    assert not worth_telling((), (), TERMS)


def test_a_tick_change_that_left_the_old_price_off_the_grid_is_told() -> None:
    coarse = Terms(settings(), (instrument(111, uniform(D("0.1"))),))
    assert worth_telling((wanted("0.46"),), (wanted("0.5"),), coarse)


@pytest.mark.parametrize(
    ("client", "bookmaker"), [("demo:vertex", "vertex"), ("vertex", "vertex"), ("a:b:c", "b:c"), ("demo:", "")]
)
def test_the_bookmaker_is_named_by_the_client(client: str, bookmaker: str) -> None:
    assert bookmaker_of(client) == bookmaker


# -- the streamer ---------------------------------------------------------------------------------------------------


class Rig:
    """A streamer on one exchange account between a feed and a Temporal that a test moves."""

    def __init__(self, ledger: AsyncEngine) -> None:
        self.feed, self.temporal, self.exchange = FakeFeed(), FakeTemporal(), FakeExchange()
        self.ledger = ledger
        sessions = FakeSessions(kalshi=self.exchange)
        self.streamer = OddsStreamer(self.feed, self.temporal, ledger, sessions)  # type: ignore[arg-type]
        self.streamer._out = Conflator(self.streamer._send, interval=0.0)

    async def configure(self, **body: Any) -> None:
        async with self.ledger.begin() as connection:
            await configs.save(connection, CLIENT, configs.DEFAULT, {"outcomes": [111, 112], **body}, "tester")

    async def tick(self) -> None:
        """Reload, look, and let everything said arrive."""
        self.streamer._loaded_at = 0.0
        await self.streamer.tick()
        await self.settle()

    async def settle(self) -> None:
        await until(lambda: not self.streamer._asking and not self.streamer._out._tasks)

    async def moved(self) -> None:
        """The feed said something of the market."""
        self.streamer.changed([KEY])
        await self.settle()

    def signals(self) -> list[QuoteSignal]:
        """Every quote signal that reached its owner."""
        return [said[0] if isinstance(said, list) else said for _, _, said in self.temporal.told]

    def names(self) -> list[str]:
        return [name for _, name, _ in self.temporal.told]


@pytest.fixture
async def rig(ledger: AsyncEngine, monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.setattr(conflate, "RETRY_SECONDS", 0.005)
    await write(ledger, "UPDATE exchange_accounts SET active = (account_id = 'kalshi-demo')")
    made = Rig(ledger)
    await made.configure()
    yield made
    await made.streamer.close()


async def test_the_first_signal_starts_the_owner_with_odds_and_terms(rig: Rig) -> None:
    await rig.tick()
    ((workflow, name, _),) = rig.temporal.told
    assert (workflow, name) == (OWNER, "start+quote")
    (signal,) = rig.signals()
    assert signal.book == rig.feed.now
    assert signal.terms is not None
    assert [item.outcome_id for item in signal.terms.instruments] == [111, 112]


async def test_odds_that_change_no_quote_are_not_told(rig: Rig) -> None:
    await rig.tick()
    for first in ("1.901", "1.902", "1.90"):
        rig.feed.price(first)
        await rig.moved()
    assert len(rig.signals()) == 1
    rig.feed.price("1.80")
    await rig.moved()
    assert rig.names() == ["start+quote", "quote"]
    assert rig.signals()[1].terms is None, "what has not changed is not said again"


@pytest.mark.parametrize("why", ["suspended", "bookmaker stale", "feed disconnected"])
async def test_a_pull_is_told_at_once_and_once(rig: Rig, why: str) -> None:
    await rig.tick()
    rig.feed.pull(why)
    for _ in range(3):
        await rig.moved()
    assert [signal.book.pull for signal in rig.signals()] == [None, why]
    rig.feed.pull(None)
    await rig.moved()
    assert rig.signals()[-1].book.pull is None


async def test_while_nobody_would_hedge_everything_is_pulled_and_nothing_new_told(rig: Rig) -> None:
    """The guard cancels once; a living trading worker would put the quotes back at the next change of the odds."""
    await rig.tick()
    rig.streamer.stopped = "the hedging worker has said nothing for 7 s"
    await rig.tick()
    assert rig.signals()[-1].book.pull == rig.streamer.stopped
    for price in ("1.80", "1.70"):
        rig.feed.price(price)
        await rig.moved()
    assert len(rig.signals()) == 2
    rig.streamer.stopped = None
    await rig.tick()
    assert rig.signals()[-1].book.pull is None
    assert len(rig.signals()) == 3


async def test_odds_nobody_confirmed_are_pulled_by_the_clock(rig: Rig) -> None:
    await rig.tick()
    rig.feed.clock += 5_001
    await rig.tick()
    assert rig.signals()[-1].book.pull == "odds older than 5 s"


async def test_a_market_that_may_not_be_quoted_starts_nothing(rig: Rig) -> None:
    rig.feed.pull("suspended")
    await rig.tick()
    await rig.moved()
    assert rig.temporal.told == []
    assert rig.exchange.asked == 0


@pytest.mark.parametrize("body", [{"enabled": False}, {"outcomes": []}, {"outcomes": [999]}])
async def test_settings_that_stop_trading_pull_without_a_restart(rig: Rig, body: dict[str, Any]) -> None:
    await rig.tick()
    await rig.configure(**body)
    await rig.tick()
    assert len(rig.signals()) == 2
    last = rig.signals()[-1]
    assert last.terms is not None
    assert not last.terms.config.enabled or 111 not in last.terms.config.outcomes


@pytest.mark.parametrize(
    ("kind", "subject", "new"),
    [
        (choices.MARKETS, "", {"outcomeIds": [112]}),
        (choices.TOURNAMENT, "132", {"active": False}),
        (choices.TOURNAMENT, "0", {"active": False}),
    ],
)
async def test_what_the_client_leaves_out_is_pulled_without_a_restart_until_it_wants_it_back(
    rig: Rig, kind: str, subject: str, new: dict[str, Any]
) -> None:
    await rig.tick()
    before = rig.signals()[-1].terms
    for wanted_now in (new, None):
        async with rig.ledger.begin() as connection:
            held = await choices.lock(connection, CLIENT)
            await choices.choose(connection, held, CLIENT, kind, subject, wanted_now, "tester")
        await rig.tick()
        terms = rig.signals()[-1].terms
        assert terms is not None
        if wanted_now is not None:
            assert not terms.config.enabled or terms.config.outcomes == (112,)
    assert terms == before


async def test_a_market_type_is_told_the_settings_of_its_own(rig: Rig) -> None:
    await rig.tick()
    tournament = rig.feed.state.fixture(KEY.fixture_id).tournament_id
    async with rig.ledger.begin() as connection:
        for market, margin in ((configs.DEFAULT, "0.02"), (KEY.market_id, "0.07"), (KEY.market_id + 1, "0.09")):
            body = {"outcomes": [111, 112], "margin": margin}
            await configs.save(connection, CLIENT, tournament, body, "tester", market)
    await rig.tick()
    last = rig.signals()[-1]
    assert last.terms is not None
    assert last.terms.config.margin == D("0.07")


async def test_new_settings_reach_the_owner_even_if_newer_odds_overtake_them(rig: Rig) -> None:
    await rig.tick()
    gate = asyncio.Event()
    rig.streamer._out = Conflator(_held(gate, rig.streamer._send), interval=0.0)
    rig.feed.price("1.85")
    rig.streamer.changed([KEY])
    await asyncio.sleep(0.01)  # in flight
    await rig.configure(margin="0.03")
    rig.streamer._loaded_at = 0.0
    await rig.streamer.tick()  # waits with the new terms
    rig.feed.price("1.70")
    rig.streamer.changed([KEY])  # replaces them
    gate.set()
    await rig.settle()
    told = [signal.terms for signal in rig.signals() if signal.terms]
    assert told[-1].config.margin == D("0.03")
    assert rig.signals()[-1].book.outcomes[0].price == D("1.70")


def _held(gate: asyncio.Event, send: Callable[..., Any]) -> Callable[..., Any]:
    async def held(*args: Any) -> None:
        await gate.wait()
        await send(*args)

    return held


async def test_terms_that_could_not_be_told_are_told_again(rig: Rig) -> None:
    await rig.tick()
    await rig.configure(margin="0.03")
    rig.temporal.failures = [RPCError("away", RPCStatusCode.UNAVAILABLE, b"")] * 3
    await rig.tick()
    told = rig.signals()[-1].terms
    assert told is not None
    assert told.config.margin == D("0.03")


async def test_a_mapping_that_is_no_longer_proved_pulls_its_quotes(rig: Rig) -> None:
    await rig.tick()
    rig.exchange.says = venue_market(open=False)
    assert rig.streamer.desk.forget("kalshi", "KXNBA") == {KEY}
    await rig.moved()
    assert rig.signals()[-1].book.pull == "no instrument: the venue's market is not open"
    rig.exchange.says = venue_market()
    rig.streamer.desk.forget_fixture(KEY.fixture_id)
    await rig.moved()
    assert rig.signals()[-1].book.pull is None


async def test_an_unproved_mapping_is_asked_again_though_the_odds_stand_still(
    rig: Rig, monkeypatch: pytest.MonkeyPatch
) -> None:
    rig.exchange.says = TimedOut("kalshi", "not answered in time")
    await rig.tick()
    assert rig.temporal.told == []
    rig.exchange.says = venue_market()
    await rig.tick()
    assert rig.exchange.asked == 1, "not before its time"
    monkeypatch.setattr("streamers.instruments.RETRY_SECONDS", -1.0)
    await rig.tick()
    assert rig.names() == ["start+quote"]


async def test_a_venue_that_hangs_delays_nobody(rig: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    await rig.tick()
    stuck = asyncio.Event()

    async def market(*_: Any) -> Any:
        await stuck.wait()

    monkeypatch.setattr(rig.exchange, "market", market)
    rig.streamer.desk.forget("kalshi", "KXNBA")
    rig.streamer.changed([KEY])
    await asyncio.sleep(0.01)
    rig.feed.pull("suspended")
    rig.streamer.changed([KEY])
    await until(lambda: rig.signals()[-1].book.pull == "suspended")
    stuck.set()


async def test_a_pull_reaches_an_owner_whose_start_was_not_answered(rig: Rig) -> None:
    start = rig.temporal.start_workflow

    async def lost(name: str, argument: Any, **options: Any) -> None:
        await start(name, argument, **options)
        rig.feed.pull("suspended")
        rig.streamer.changed([KEY])
        rig.temporal.start_workflow = start  # type: ignore[method-assign]
        raise RPCError("deadline", RPCStatusCode.DEADLINE_EXCEEDED, b"")

    rig.temporal.start_workflow = lost  # type: ignore[method-assign]
    await rig.tick()
    assert rig.signals()[-1].book.pull == "suspended"


async def test_an_owner_that_ended_is_started_again_with_everything(rig: Rig) -> None:
    await rig.tick()
    rig.temporal.alive.clear()
    rig.feed.price("1.80")
    await rig.moved()
    assert rig.names() == ["start+quote", "start+quote"]
    assert rig.signals()[-1].terms is not None
    rig.temporal.alive.clear()
    rig.feed.pull("suspended")
    await rig.moved()
    assert len(rig.temporal.told) == 2, "nobody is started to be told that there is nothing to do"


async def test_odds_that_stand_are_confirmed_before_the_owner_doubts_them(
    rig: Rig, monkeypatch: pytest.MonkeyPatch
) -> None:
    await rig.tick()
    line = rig.streamer.lines[("kalshi-demo", KEY)]
    await rig.tick()
    assert len(rig.signals()) == 1
    line.told_at -= 6
    await rig.tick()
    assert len(rig.signals()) == 2


@pytest.mark.parametrize("gone", [True, False])
async def test_a_fixture_that_ended_or_vanished_is_pulled_and_forgotten(rig: Rig, gone: bool) -> None:
    await rig.tick()
    assert rig.feed.fixture is not None
    rig.feed.fixture = None if gone else replace(rig.feed.fixture, status_id=2)
    rig.feed.pull("fixture finished")
    await rig.tick()
    assert rig.signals()[-1].book.pull == "fixture finished"
    assert rig.streamer.lines == {}
    assert rig.streamer.desk.known("kalshi", KEY) is None
    await rig.tick()
    assert len(rig.signals()) == 2


async def test_a_ledger_that_is_away_does_not_keep_stale_odds_alive(rig: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    await rig.tick()
    rig.feed.clock += 5_001
    monkeypatch.setattr(rig.streamer, "database", None)
    rig.streamer._loaded_at = 0.0
    with pytest.raises(AttributeError):
        await rig.streamer.tick()
    await rig.settle()
    assert rig.signals()[-1].book.pull == "odds older than 5 s"


async def test_the_hedger_gets_a_price_only_while_it_may_be_used(rig: Rig) -> None:
    def now(outcome: int = 111) -> Any:
        return rig.streamer.odds_now(CLIENT, KEY.fixture_id, 111, outcome)

    assert (now().price, now().limit, now().changed_at) == (D("1.90"), D(500), 1_000)
    assert now(999) is None
    rig.feed.price("1")
    assert now() is None
    rig.feed.pull("suspended")
    assert now(112) is None


async def test_a_reload_is_not_asked_of_the_ledger_all_the_time(rig: Rig) -> None:
    await rig.tick()
    await rig.configure(enabled=False)
    for _ in range(5):
        await rig.streamer.tick()
    await rig.settle()
    assert len(rig.signals()) == 1
    assert odds.RELOAD_SECONDS <= 1.0
