"""The instrument desk: proved and remembered, or refused with a reason that operators can read."""

import pytest
from sqlalchemy.ext.asyncio import AsyncEngine

from overround.exchanges.base import NativeIds, VenueMarket
from overround.venues import NotFound
from streamers import instruments
from streamers.instruments import InstrumentDesk, Listing
from tests.domain.desk import KEY, book, instrument
from tests.domain.vectors import D
from tests.ledger.desk import rows
from tests.streamers.desk import IDS, NAMES, FakeExchange, FakeSessions, venue_market


@pytest.fixture
def exchange() -> FakeExchange:
    return FakeExchange()


@pytest.fixture
def desk(ledger: AsyncEngine, exchange: FakeExchange) -> InstrumentDesk:
    return InstrumentDesk(ledger, FakeSessions(kalshi=exchange))  # type: ignore[arg-type]


async def ask(desk: InstrumentDesk, ids: NativeIds = IDS, account: str = "kalshi-demo") -> Listing:
    return await desk.ask("kalshi", account, ids, NAMES, book(), D("0.1"))


async def listed(ledger: AsyncEngine) -> list[tuple[int, bool, str]]:
    found = await rows(ledger, "SELECT outcome_id, proved, reason FROM instruments ORDER BY outcome_id")
    return [(row.outcome_id, row.proved, row.reason) for row in found]


async def test_a_proved_mapping_is_traded_remembered_and_listed(
    desk: InstrumentDesk, exchange: FakeExchange, ledger: AsyncEngine
) -> None:
    assert desk.known("kalshi", KEY) is None
    listing = await ask(desk)
    assert [item.outcome_id for item in listing.instruments] == [111, 112]
    assert desk.known("kalshi", KEY) is listing
    assert desk.known("polymarket", KEY) is None
    assert await listed(ledger) == [(at, True, "labels agree, 2 price(s) within 0.1") for at in (111, 112)]
    assert exchange.asked == 1


@pytest.mark.parametrize(
    ("market", "reason"),
    [
        (venue_market("Nuggets", "Celtics"), "the venue calls outcome 111 ('Celtics') 'Nuggets'"),
        (venue_market(mid="0.70"), "outcome 111: the venue trades at 0.7"),
        (venue_market(open=False), "the venue's market is not open"),
        (venue_market(contracts={}), "the venue has no contract for outcome 111"),
    ],
)
async def test_an_unproved_mapping_is_listed_with_its_reason_and_not_traded(
    desk: InstrumentDesk, exchange: FakeExchange, ledger: AsyncEngine, market: VenueMarket, reason: str
) -> None:
    exchange.says = market
    listing = await ask(desk)
    assert listing.instruments == ()
    assert listing.reason.startswith(reason)
    assert await listed(ledger) == [(at, False, listing.reason) for at in (111, 112)]


async def test_without_native_ids_the_venue_is_not_even_asked(desk: InstrumentDesk, exchange: FakeExchange) -> None:
    listing = await ask(desk, NativeIds("KXNBA", "KXNBA", {111: "KXNBA-CEL"}))
    assert listing.reason == "the feed has no native ids of this market on the exchange"
    assert exchange.asked == 0


@pytest.mark.parametrize(
    ("error", "reason"),
    [
        (NotFound("kalshi", "no event KXNBA"), "the venue's metadata could not be read: no event KXNBA"),
        (KeyError("price"), "the mapping could not be checked: KeyError"),
    ],
)
async def test_whatever_goes_wrong_is_a_refusal(
    desk: InstrumentDesk, exchange: FakeExchange, error: Exception, reason: str
) -> None:
    exchange.says = error
    assert (await ask(desk)).reason == reason


async def test_an_account_that_cannot_be_opened_is_a_refusal(desk: InstrumentDesk) -> None:
    assert (await ask(desk, account="novig-demo")).reason == "the mapping could not be checked: KeyError"


async def test_a_refusal_is_asked_again_after_a_while(
    desk: InstrumentDesk, exchange: FakeExchange, monkeypatch: pytest.MonkeyPatch
) -> None:
    exchange.says = venue_market(open=False)
    refused = await ask(desk)
    assert desk.known("kalshi", KEY) is refused
    assert desk.overdue() == []
    monkeypatch.setattr(instruments, "RETRY_SECONDS", -1.0)
    assert desk.known("kalshi", KEY) is None
    assert desk.overdue() == [("kalshi", KEY)]
    exchange.says = venue_market()
    proved = await ask(desk)
    assert (desk.known("kalshi", KEY), desk.overdue()) == (proved, [])


async def test_the_ledger_follows_a_mapping_that_stops_being_proved(
    desk: InstrumentDesk, exchange: FakeExchange, ledger: AsyncEngine
) -> None:
    await ask(desk)
    exchange.says = venue_market(open=False)
    await ask(desk)
    assert [proved for _, proved, _ in await listed(ledger)] == [False, False]


@pytest.mark.parametrize("changed", ["KXNBA", "0xcondition"])
async def test_a_changed_venue_market_is_asked_for_again_under_any_of_its_names(
    desk: InstrumentDesk, exchange: FakeExchange, changed: str
) -> None:
    exchange.says = venue_market(
        instruments={111: instrument(111, venue_market="0xcondition"), 112: instrument(112, venue_market="0xother")}
    )
    await ask(desk)
    assert desk.forget("polymarket", changed) == set()
    assert desk.forget("kalshi", "KXNFL") == set()
    assert desk.forget("kalshi", changed) == {KEY}
    assert desk.known("kalshi", KEY) is None


async def test_a_fixture_that_is_over_is_forgotten(desk: InstrumentDesk) -> None:
    await ask(desk)
    desk.forget_fixture("id-other")
    assert desk.known("kalshi", KEY) is not None
    desk.forget_fixture(KEY.fixture_id)
    assert desk.known("kalshi", KEY) is None


async def test_a_mapping_that_could_not_be_written_down_is_not_traded_and_asked_for_again(
    desk: InstrumentDesk, exchange: FakeExchange, ledger: AsyncEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Unwinding and reconciliation find the contract of an order there."""

    async def away(*_: object, **__: object) -> None:
        raise OSError("the ledger is away")

    with monkeypatch.context() as patched:
        patched.setattr(instruments, "save_instrument", away)
        with pytest.raises(OSError, match="away"):
            await ask(desk)
    assert desk.known("kalshi", KEY) is None
    assert await listed(ledger) == []
    await ask(desk)
    assert [proved for _, proved, _ in await listed(ledger)] == [True, True]
    assert exchange.asked == 2


async def test_an_answer_that_says_the_same_is_not_written_again(
    desk: InstrumentDesk, ledger: AsyncEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    await ask(desk)

    async def twice(*_: object, **__: object) -> None:
        raise AssertionError("written again")

    monkeypatch.setattr(instruments, "save_instrument", twice)
    assert (await ask(desk)).instruments
