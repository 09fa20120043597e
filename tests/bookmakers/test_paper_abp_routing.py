"""What the paper bookmaker does with an order: refusals, limits, live delay, moved prices, partial fills."""

from dataclasses import replace
from decimal import Decimal

import pytest

from overround.bookmakers.base import BetStatus, RefusalClass
from tests.bookmakers.desk import Desk, calm, desk, final


async def test_price_below_the_floor_waits_and_expires() -> None:
    async with desk() as d:
        placed = await d.abp.place(d.bet(price="2.11", seconds=0.15))
        assert (placed.status, placed.final) == (BetStatus.PENDING, False)
        report = await final(d.abp, placed.request_id)
        assert (report.status, report.refusal, report.bets) == (BetStatus.REJECTED, RefusalClass.PRICE, ())
        assert d.balance() == 100_000


async def test_price_that_comes_back_in_time_is_taken() -> None:
    async with desk() as d:
        placed = await d.abp.place(d.bet(price="2.2", seconds=30))
        d.home.price = Decimal("2.25")
        report = await final(d.abp, placed.request_id)
        assert (report.status, report.bets[0].price) == (BetStatus.FILLED, Decimal("2.25"))


async def test_price_moved_between_quote_and_placement_respects_the_floor() -> None:
    async with desk() as d:
        quoted = (await d.abp.prices("id1000000861624412", 101))[1]
        assert quoted.price == Decimal("2.1")
        d.world.faults.arm("abp", "reprice", factor="0.97")
        ok = await d.abp.place(d.bet(price="2.03"))
        assert [bet.price for bet in ok.bets] == [Decimal("2.037")]
        d.world.faults.arm("abp", "reprice", factor="0.97")
        bad = await d.abp.place(d.bet(price="2.04", seconds=0.1))
        report = await final(d.abp, bad.request_id)
        assert (report.status, report.refusal) == (BetStatus.REJECTED, RefusalClass.PRICE)


async def test_live_bet_is_pending_through_its_delay_then_accepted() -> None:
    async with desk() as d:
        d.match.status = 1
        placed = await d.abp.place(d.bet())
        assert (placed.status, placed.bets, placed.final) == (BetStatus.PENDING, (), False)
        assert d.balance() == 100_000
        report = await final(d.abp, placed.request_id)
        assert (report.status, report.bets[0].stake) == (BetStatus.FILLED, Decimal(50))
        assert report.bets[0].placed_at - d.paper.books.orders[1001].created_at >= 100
        assert d.balance() == 99_950


async def test_live_bet_is_accepted_at_the_price_after_the_delay() -> None:
    async with desk() as d:
        d.match.status = 1
        placed = await d.abp.place(d.bet(price="2.00"))
        d.home.price = Decimal("2.04")
        assert [bet.price for bet in (await final(d.abp, placed.request_id)).bets] == [Decimal("2.04")]


async def test_live_bet_is_refused_when_the_price_fell_below_the_floor() -> None:
    async with desk() as d:
        d.match.status = 1
        placed = await d.abp.place(d.bet(price="2.00", seconds=0.3))
        d.home.price = Decimal("1.9")
        report = await final(d.abp, placed.request_id)
        assert (report.status, report.refusal) == (BetStatus.REJECTED, RefusalClass.PRICE)
        assert "1.9" in report.reason


async def test_goal_during_the_delay_refuses_the_bet_at_once() -> None:
    async with desk() as d:
        d.match.status = 1
        placed = await d.abp.place(d.bet(seconds=60))
        d.match.suspended = True
        report = await final(d.abp, placed.request_id)
        assert (report.status, report.refusal) == (BetStatus.REJECTED, RefusalClass.SUSPENDED)


def _suspend(d: Desk) -> None:
    d.match.suspended = True


def _deactivate(d: Desk) -> None:
    d.home.active = False


def _stale(d: Desk) -> None:
    d.match.stale = True


def _finish(d: Desk) -> None:
    d.match.status = 2


def _unprice(d: Desk) -> None:
    d.home.price = None


def _block(d: Desk) -> None:
    d.paper.block("demo", "vertex")


def _drain(d: Desk) -> None:
    d.paper.books.account("demo", "vertex").balance = Decimal("49.99")


@pytest.mark.parametrize(
    ("spoil", "kind"),
    [
        (_suspend, RefusalClass.SUSPENDED),
        (_deactivate, RefusalClass.SUSPENDED),
        (_stale, RefusalClass.SUSPENDED),
        (_finish, RefusalClass.SUSPENDED),
        (_unprice, RefusalClass.SUSPENDED),
        (_block, RefusalClass.ACCOUNT),
        (_drain, RefusalClass.FUNDS),
    ],
    ids=lambda value: getattr(value, "__name__", str(value)),
)
async def test_refusal_is_classified_and_changes_no_balance(spoil: object, kind: RefusalClass) -> None:
    async with desk() as d:
        assert callable(spoil)
        spoil(d)
        before = d.balance()
        report = await d.abp.place(d.bet())
        assert (report.status, report.final, report.refusal) == (BetStatus.REJECTED, True, kind)
        assert d.balance() == before
        assert d.paper.books.bets == {}


async def test_other_refusals_of_the_request_itself() -> None:
    async with desk() as d:
        small = await d.abp.place(d.bet("0.99"))
        assert small.refusal is RefusalClass.SIZE
        unknown = await d.abp.place(d.bet(book="nobody"))
        assert unknown.refusal is RefusalClass.ACCOUNT
        late = await d.abp.place(d.bet(seconds=-1))
        assert (late.status, late.reason) == (BetStatus.REJECTED, "Order expired before it arrived")
        elsewhere = await d.abp.place(replace(d.bet(), outcome_id=999))
        assert elsewhere.refusal is RefusalClass.SUSPENDED


@pytest.mark.parametrize("kind", list(RefusalClass))
async def test_refusal_on_request_has_a_text_of_its_class(kind: RefusalClass) -> None:
    async with desk() as d:
        d.world.faults.arm("abp", "refuse", code=kind.value)
        assert (await d.abp.place(d.bet())).refusal is kind
        assert (await d.abp.place(d.bet())).status is BetStatus.FILLED


async def test_share_of_bets_is_refused_and_the_same_ones_for_the_same_seed() -> None:
    outcomes = []
    for _ in range(2):
        async with desk(calm(refusal_rate=0.5, seed=3)) as d:
            outcomes.append([(await d.abp.place(d.bet("1"))).status for _ in range(12)])
    assert outcomes[0] == outcomes[1]
    assert set(outcomes[0]) == {BetStatus.FILLED, BetStatus.REJECTED}


async def test_order_above_the_bet_limit_becomes_several_bets() -> None:
    async with desk() as d:
        report = await d.abp.place(d.bet("150"))
        assert (report.status, [bet.stake for bet in report.bets]) == (BetStatus.FILLED, [Decimal(100), Decimal(50)])


async def test_order_above_the_outcome_limit_is_part_filled_at_expiry() -> None:
    async with desk() as d:
        placed = await d.abp.place(d.bet("250", seconds=0.2))
        assert placed.final is False
        report = await final(d.abp, placed.request_id)
        assert (report.status, report.refusal) == (BetStatus.PARTIAL, RefusalClass.SIZE)
        assert sum(bet.stake for bet in report.bets) < 203
        assert (await d.abp.prices("id1000000861624412", 101))[1].limit < 3


async def test_limit_comes_back_with_time() -> None:
    async with desk(calm(refill_seconds=10)) as d:
        await d.abp.place(d.bet("200"))
        d.clock.ahead += 5
        assert 99 <= (await d.abp.prices("id1000000861624412", 101))[1].limit <= 100
        report = await d.abp.place(d.bet("100", seconds=60))
        assert (report.status, sum(bet.stake for bet in report.bets)) == (BetStatus.FILLED, 100)


async def test_limit_of_one_bookmaker_does_not_bind_the_next() -> None:
    async with desk() as d:
        await d.abp.place(d.bet("200"))
        report = await d.abp.place(d.bet("100", book="sharpbet"))
        assert [(bet.bookmaker_bet_id.split("-")[0], bet.price) for bet in report.bets] == [
            ("sharpbet", Decimal("2.068"))
        ]
        assert (d.balance(), d.balance("sharpbet")) == (Decimal(99_800), Decimal(99_900))


async def test_worse_second_bookmaker_is_used_only_as_far_as_the_average_allows() -> None:
    async with desk(calm(books={"vertex": Decimal(1), "slow": Decimal("0.95")})) as d:
        d.home.limit = Decimal(40)
        placed = await d.abp.place(d.bet("200", "2.09", seconds=0.1, book="vertex,slow"))
        report = await final(d.abp, placed.request_id)
        prices = [(bet.price, bet.stake) for bet in report.bets]
        stake = sum(s for _, s in prices)
        assert sum(p * s for p, s in prices) / stake >= Decimal("2.09")
        assert {price for price, _ in prices} == {Decimal("2.1"), Decimal("1.995")}


async def test_partial_fault_fills_a_share_and_waits_for_the_end() -> None:
    async with desk() as d:
        d.world.faults.arm("abp", "partial", share="0.25")
        placed = await d.abp.place(d.bet("40", seconds=0.15))
        assert (placed.final, [bet.stake for bet in placed.bets]) == (False, [Decimal(10)])
        report = await final(d.abp, placed.request_id)
        assert (report.status, [bet.stake for bet in report.bets]) == (BetStatus.PARTIAL, [Decimal(10)])
        assert d.balance() == 99_990
