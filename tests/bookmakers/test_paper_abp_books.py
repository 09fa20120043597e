"""Money at the paper bookmaker: settlement, correction, and a memory that survives its process."""

import asyncio
from dataclasses import asdict
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from overround.bookmakers.base import BetSettlement, BetStatus
from overround.paper.abp.results import payout
from overround.paper.world import OutcomeResult, plain
from overround.venues import Disconnected, NotFound
from tests.bookmakers.desk import Desk, calm, desk, final


@pytest.mark.parametrize(
    ("status", "stake", "price", "returned"),
    [
        ("WON", "50.25", "2.1", "105.53"),
        ("WON", "12.34", "1.909", "23.56"),
        ("WON", "10.01", "1.5", "15.02"),
        ("LOST", "50", "2.1", "0.00"),
        ("PUSH", "50.25", "2.1", "50.25"),
        ("VOID", "50.25", "2.1", "50.25"),
        ("HALF_WON", "50", "2.1", "77.50"),
        ("HALF_WON", "10.01", "1.95", "14.76"),
        ("HALF_LOST", "10.01", "1.95", "5.01"),
    ],
)
def test_return_is_rounded_half_up_to_the_cent(status: str, stake: str, price: str, returned: str) -> None:
    assert payout(status, Decimal(stake), Decimal(price)) == Decimal(returned)


RESULTS: list[tuple[Any, str, str]] = [
    ("WIN", "WON", "105"),
    ("LOSE", "LOST", "0"),
    ("PUSH", "VOID", "50"),
    ("CANCELLED", "VOID", "50"),
    ("HALFWIN", "HALF_WON", "77.5"),
    ("HALFLOSS", "HALF_LOST", "25"),
]


@pytest.mark.parametrize(("result", "status", "returned"), RESULTS)
async def test_result_is_paid_once_and_reported(result: OutcomeResult, status: str, returned: str) -> None:
    async with desk() as d:
        bet = (await d.abp.place(d.bet("50"))).bets[0].bet_id
        assert await d.abp.settlements([bet]) == [BetSettlement(bet, None)]
        d.result(result)
        d.result(result)
        d.paper.settle(d.match, d.match.market(101))
        assert [(item.status, item.payout) for item in await d.abp.settlements([bet])] == [(status, Decimal(returned))]
        assert d.balance() == Decimal(99_950) + Decimal(returned)


@pytest.mark.parametrize(("second", "status", "returned"), RESULTS)
async def test_corrected_result_reverses_the_first(second: OutcomeResult, status: str, returned: str) -> None:
    async with desk() as d:
        bet = (await d.abp.place(d.bet("50"))).bets[0].bet_id
        d.result("WIN")
        d.result(second)
        assert (await d.abp.settlements([bet]))[0].status == status
        assert d.balance() == Decimal(99_950) + Decimal(returned)
        d.result("WIN")
        assert d.balance() == Decimal(100_055)


async def test_settlements_keep_the_order_of_the_question_and_know_no_strangers() -> None:
    async with desk() as d:
        bets = [(await d.abp.place(d.bet("5"))).bets[0].bet_id for _ in range(3)]
        assert [item.bet_id for item in await d.abp.settlements(bets[::-1])] == bets[::-1]
        with pytest.raises(NotFound):
            await d.abp.settlements([bets[0], "1"])


async def test_refused_bet_is_not_settled_and_settled_market_takes_no_bet() -> None:
    async with desk() as d:
        d.match.status = 1
        placed = await d.abp.place(d.bet())
        d.result("WIN")
        report = await final(d.abp, placed.request_id)
        assert report.status is BetStatus.REJECTED
        assert d.balance() == 100_000
        assert (await d.abp.place(d.bet())).reason == "Event closed"


def _assert_balanced(d: Desk) -> None:
    """Balance = deposit - stakes accepted + payouts, per account, from the witness alone."""
    seen = d.paper.witness()
    for account in seen["accounts"]:
        mine = [
            bet
            for bet in seen["bets"]
            if (bet["client"], bet["bookmaker"], bet["betStatus"])
            == (account["client"], account["bookmaker"], "CONFIRMED")
        ]
        moved = sum(((bet["payout"] or Decimal(0)) - bet["placedStake"] for bet in mine), Decimal(0))
        assert account["balance"] == account["deposited"] + moved


async def test_witness_balances_after_a_mixed_day() -> None:
    async with desk(calm(refusal_rate=0.3)) as d:
        for stake in ("10.01", "33.33", "7", "1", "150"):
            await d.abp.place(d.bet(stake, seconds=0.1))
        await d.abp.place(d.bet("12.5", "2.0", book="sharpbet"))
        _assert_balanced(d)
        d.result("HALFWIN")  # type: ignore[arg-type]
        _assert_balanced(d)
        assert len(d.paper.witness()["orders"]) == 6


async def test_restart_keeps_bets_balances_and_ids(tmp_path: Path) -> None:
    path = tmp_path / "paper.sqlite"
    async with desk(path=path) as d:
        bet = d.bet()
        first = await d.abp.place(bet)
        before = d.paper.witness()
    async with desk(path=path) as d:
        assert d.paper.witness() == before
        assert await d.abp.place(bet) == first
        d._number = 10
        second = await d.abp.place(d.bet("5"))
        assert second.bets[0].bet_id != first.bets[0].bet_id
        d.result("WIN")
        assert d.balance() == Decimal(100_000) - 55 + 105 + Decimal("10.5")


async def test_restart_decides_a_bet_that_was_in_its_delay(tmp_path: Path) -> None:
    path = tmp_path / "paper.sqlite"
    async with desk(calm(live_delay=0.2), path) as d:
        d.match.status = 1
        d.world.tell(d.match, "fixture")
        d.world.faults.arm("abp", "answer_lost")
        bet = d.bet()
        with pytest.raises(Disconnected):
            await d.abp.place(bet)
        assert [item.status for item in d.paper.books.bets.values()] == ["PENDING"]
    async with desk(calm(live_delay=0.2), path) as d:
        report = await final(d.abp, bet.request_id)
        assert (report.status, len(d.paper.books.bets)) == (BetStatus.FILLED, 1)
        assert d.balance() == 99_950


async def test_restart_expires_what_ran_out_meanwhile_and_pays_what_was_missed(tmp_path: Path) -> None:
    path = tmp_path / "paper.sqlite"
    async with desk(path=path) as d:
        won = await d.abp.place(d.bet("50"))
        waiting = await d.abp.place(d.bet("50", "2.5", seconds=0.05))
        d.match.market(101).results = {101: "WIN", 102: "LOSE", 103: "LOSE"}
        d.world.store.put("fixture", d.match.fixture_id, _plain(d))
        d.world.store.commit()
    await asyncio.sleep(0.06)
    async with desk(path=path) as d:
        assert (await final(d.abp, waiting.request_id)).status is BetStatus.REJECTED
        assert (await d.abp.settlements([won.bets[0].bet_id]))[0].status == "WON"
        assert d.balance() == 100_055


def _plain(d: Desk) -> Any:
    return plain(asdict(d.match))


async def test_blocked_account_stays_blocked_until_it_is_opened() -> None:
    async with desk() as d:
        d.paper.block("demo", "vertex")
        assert [item.active for item in await d.abp.accounts()] == [True, False]
        assert (await d.abp.place(d.bet(book="sharpbet"))).status is BetStatus.FILLED
        d.paper.block("demo", "vertex", active=True)
        assert (await d.abp.place(d.bet())).status is BetStatus.FILLED
