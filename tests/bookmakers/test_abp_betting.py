"""Placing, finding and cancelling at ABP: one id, one bet, and no guess about a lost answer."""

import asyncio
from dataclasses import replace
from decimal import Decimal

import pytest

from overround.bookmakers.abp.adapter import Abp
from overround.bookmakers.base import BetStatus, Bookmaker, RefusalClass
from overround.venues import (
    Account,
    Disconnected,
    NotFound,
    NotSent,
    RateLimited,
    Rejected,
    TimedOut,
    Unauthorised,
    Unknown,
    Unreadable,
)
from tests.bookmakers.desk import FIXTURE, HOME, account, calm, desk, final, request_id


def test_adapter_is_a_bookmaker() -> None:
    bookmaker: Bookmaker = Abp(account("http://127.0.0.1:1"))
    assert bookmaker.memory_seconds == 1800


async def test_bet_is_placed_at_the_better_price_and_paid_for() -> None:
    async with desk() as d:
        report = await d.abp.place(d.bet("50.25", "2.00"))
        assert (report.status, report.final, report.refusal) == (BetStatus.FILLED, True, None)
        assert [(bet.price, bet.stake, bet.currency) for bet in report.bets] == [
            (Decimal("2.1"), Decimal("50.25"), "USD")
        ]
        assert d.balance() == Decimal("99949.75")
        assert report.bets[0].placed_at > 1_700_000_000_000
        assert await d.abp.find(report.request_id) == report


async def test_same_id_again_is_the_first_bet_not_a_second() -> None:
    async with desk() as d:
        bet = d.bet()
        first = await d.abp.place(bet)
        assert await d.abp.place(bet) == first
        assert await asyncio.gather(*[d.abp.place(bet) for _ in range(5)]) == [first] * 5
        assert len(d.paper.books.bets) == 1


async def test_same_id_at_once_is_one_bet() -> None:
    async with desk() as d:
        bet = d.bet()
        reports = await asyncio.gather(*[d.abp.place(bet) for _ in range(5)])
        assert {report.status for report in reports} == {BetStatus.FILLED}
        assert len(d.paper.books.bets) == 1


async def test_id_outside_the_memory_is_a_second_bet_and_the_report_shows_both() -> None:
    async with desk() as d:
        bet = d.bet()
        await d.abp.place(bet)
        d.clock.ahead += 1801
        again = replace(bet, expires_at=bet.expires_at + 1_801_000)
        await d.abp.place(again)
        found = await d.abp.find(bet.request_id)
        assert found is not None
        assert len(found.bets) == 2
        assert "more than once" in found.reason


@pytest.mark.parametrize(("fault", "error"), [("answer_lost", Disconnected), ("error_accepted", Unreadable)])
async def test_answer_lost_after_acceptance_is_unknown_and_then_found(fault: str, error: type[Unknown]) -> None:
    async with desk() as d:
        d.world.faults.arm("abp", fault)
        bet = d.bet()
        with pytest.raises(error):
            await d.abp.place(bet)
        found = await d.abp.find(bet.request_id)
        assert found is not None
        assert (found.status, len(found.bets)) == (BetStatus.FILLED, 1)


async def test_answer_after_the_deadline_is_unknown_and_then_found() -> None:
    async with desk(timeout="0.1") as d:
        d.world.faults.arm("abp", "answer_late", seconds=0.3)
        bet = d.bet()
        with pytest.raises(TimedOut):
            await d.abp.place(bet)
        found = await d.abp.find(bet.request_id)
        assert found is not None
        assert found.status is BetStatus.FILLED


async def test_refusal_whose_answer_was_lost_is_found_as_a_refusal() -> None:
    async with desk() as d:
        d.match.suspended = True
        d.world.faults.arm("abp", "answer_lost")
        bet = d.bet()
        with pytest.raises(Disconnected):
            await d.abp.place(bet)
        found = await d.abp.find(bet.request_id)
        assert found is not None
        assert (found.status, found.refusal) == (BetStatus.REJECTED, RefusalClass.SUSPENDED)


async def test_absence_is_conclusive_only_after_the_order_can_no_longer_arrive() -> None:
    async with desk() as d:
        d.world.faults.arm("abp", "maintenance", seconds=0.05)
        bet = d.bet(seconds=5)
        with pytest.raises(Unreadable):
            await d.abp.place(bet)
        await asyncio.sleep(0.06)
        with pytest.raises(Unknown, match="may still arrive"):
            await d.abp.find(bet.request_id)
        d.clock.ahead += 7
        assert await d.abp.find(bet.request_id) is None


async def test_absence_beyond_the_memory_is_no_evidence() -> None:
    async with desk() as d:
        d.world.faults.arm("abp", "maintenance", seconds=0.05)
        bet = d.bet()
        with pytest.raises(Unreadable):
            await d.abp.place(bet)
        d.clock.ahead += 1900
        with pytest.raises(Unknown, match="memory"):
            await d.abp.find(bet.request_id)


async def test_incomplete_page_is_never_absence() -> None:
    async with desk() as d:
        d.world.faults.arm("abp", "page_short")
        with pytest.raises(Unreadable):
            await d.abp.find(request_id(99))
        assert await d.abp.find(request_id(99)) is None


async def test_duplicate_that_is_not_listed_is_unknown() -> None:
    async with desk() as d:
        bet = d.bet()
        await d.abp.place(bet)
        d.world.faults.arm("abp", "page_short")
        with pytest.raises(Unreadable):
            await d.abp.place(bet)


async def test_nothing_listening_means_nothing_was_sent() -> None:
    async with Abp(account("http://127.0.0.1:1")) as abp, desk() as d:
        with pytest.raises(NotSent):
            await abp.place(d.bet())
        assert abp._open == {}


async def test_id_that_is_no_uuid_never_leaves() -> None:
    async with desk() as d:
        with pytest.raises(Rejected, match="UUID"):
            await d.abp.place(replace(d.bet(), request_id="hedge-17"))
        assert d.paper.books.orders == {}


@pytest.mark.parametrize(("key", "inactive"), [("wrong", False), ("key-of-demo", True)])
async def test_refused_key_is_unauthorised_and_never_shown(key: str, inactive: bool) -> None:
    async with desk() as d:
        if inactive:
            d.paper.inactive_keys.add(key)
        async with Abp(account(d.rest, key)) as abp:
            with pytest.raises(Unauthorised) as caught:
                await abp.place(d.bet())
        assert key not in str(caught.value)
        assert key not in repr(account(d.rest, key))


async def test_rate_limit_says_how_long_and_later_calls_wait() -> None:
    async with desk() as d:
        d.world.faults.arm("abp", "rate_limited", seconds=1)
        bet = d.bet()
        with pytest.raises(RateLimited) as caught:
            await d.abp.place(bet)
        assert caught.value.retry_after == 1
        started = asyncio.get_running_loop().time()
        report = await d.abp.place(bet)
        assert asyncio.get_running_loop().time() - started >= 0.9
        assert report.status is BetStatus.FILLED
        assert len(d.paper.books.bets) == 1


async def test_headers_saying_nothing_is_left_slow_the_next_call_before_a_429() -> None:
    """Three calls are allowed in each second of the clock: wherever the first falls, one second gets three of six."""
    async with desk(calm(rate_per_second=3)) as d:
        started = asyncio.get_running_loop().time()
        for _ in range(6):
            await d.abp.accounts()
        assert asyncio.get_running_loop().time() - started >= 1


async def test_unsized_stake_is_refused_by_shape() -> None:
    async with desk() as d:
        with pytest.raises(Rejected, match="orderStake"):
            await d.abp.place(d.bet("10.005"))
        assert d.paper.books.orders == {}


async def test_accounts_and_prices() -> None:
    async with desk() as d:
        await d.abp.place(d.bet("40"))
        accounts = {item.bookmaker: item for item in await d.abp.accounts()}
        assert accounts["vertex"].balance == 99_960
        assert (accounts["sharpbet"].balance, accounts["vertex"].min_stake) == (Decimal(100_000), Decimal(1))
        prices = {item.bookmaker: item for item in await d.abp.prices(FIXTURE, HOME)}
        assert (prices["vertex"].price, prices["vertex"].limit, prices["vertex"].active) == (
            Decimal("2.1"),
            Decimal(100),
            True,
        )
        assert prices["sharpbet"].price == Decimal("2.068")
        assert await d.abp.prices(FIXTURE, 999) == []
        assert await d.abp.prices("id-unknown", HOME) == []
        d.match.suspended = True
        assert not any(item.active for item in await d.abp.prices(FIXTURE, HOME))


async def test_cancel_stops_the_rest_and_keeps_what_a_bookmaker_has() -> None:
    async with desk() as d:
        d.world.faults.arm("abp", "partial", share="0.4")
        placed = await d.abp.place(d.bet("50", seconds=60))
        assert (placed.status, placed.final) == (BetStatus.PENDING, False)
        report = await d.abp.cancel(placed.request_id)
        assert (report.status, report.final) == (BetStatus.PARTIAL, True)
        assert [bet.stake for bet in report.bets] == [20]
        assert await d.abp.cancel(placed.request_id) == report


async def test_cancel_of_what_never_arrived_is_not_found() -> None:
    async with desk() as d:
        with pytest.raises(NotFound):
            await d.abp.cancel(request_id(99))


async def test_bet_in_its_live_delay_cannot_be_recalled_by_cancel() -> None:
    async with desk() as d:
        d.match.status = 1
        placed = await d.abp.place(d.bet("150", seconds=60))
        assert placed.final is False
        during = await d.abp.cancel(placed.request_id)
        assert during.final is False
        report = await final(d.abp, placed.request_id)
        assert (report.status, [bet.stake for bet in report.bets]) == (BetStatus.PARTIAL, [Decimal(100)])


async def test_account_without_its_secret_or_address_is_a_clear_error() -> None:
    with pytest.raises(KeyError, match="api_key"):
        Abp(Account("a", "abp", "demo", {"rest": "http://127.0.0.1:1", "ws": ""}, {}))
