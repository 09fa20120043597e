"""The races that cost money: each ends with one order, one bet, nothing forgotten."""

from collections.abc import Callable
from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest
from temporalio.client import Client

from overround.exchanges.kalshi import adapter as kalshi
from overround.exchanges.polymarket import adapter as polymarket
from overround.paper.world import PaperFixture
from tests.support.stack import Stack, running_stack
from tests.support.waiting import until

VENUES = ["kalshi", "polymarket"]


def after_first(original: Callable[..., Any], act: Callable[..., None], *, before: bool) -> Callable[..., Any]:
    """``original``, with ``act`` run once inside the first call that ``act`` says is the right one."""
    done: list[bool] = []

    def wrapped(*args: Any, **kwargs: Any) -> Any:
        if before and not done:
            done.append(True)
            act(*args)
        result = original(*args, **kwargs)
        if not before and not done and args and getattr(args[0], "account", "") == "demo":
            done.append(True)
            act(*args)
        return result

    return wrapped


async def settled_clean(stack: Stack, fixture: PaperFixture) -> None:
    """End the match and hold the ledger against the venue's own books."""
    stack.finish(fixture)

    async def booked() -> bool:
        return bool(await stack.rows("SELECT 1 FROM fixture_settlements WHERE state = 'BOOKED'"))

    await until(booked, "results booked", 40)
    await stack.check()


@pytest.mark.parametrize("venue", VENUES)
async def test_fill_while_its_order_is_being_cancelled_is_hedged_once(
    venue: str, database_url: str, temporal: Client, task_queue: str
) -> None:
    async with running_stack(database_url, temporal, task_queue, venues=(venue,)) as stack:
        fixture = stack.fixture()
        await stack.quoted(fixture, 1)
        engine = stack.world.engine

        def fill_it(order_id: str, *_: Any) -> None:
            order = engine.orders[order_id]
            outcome = next(o for o in (111, 112) if stack.sells(venue, fixture, o, order))
            assert stack.take(venue, fixture, outcome, "10") == Decimal(10)

        engine.cancel = after_first(engine.cancel, fill_it, before=True)  # type: ignore[method-assign]
        stack.price(fixture, ("1.83", "2.03"))
        await stack.hedged(1)
        assert await stack.one("SELECT count(*) FROM fills") == 1
        assert await stack.one("SELECT count(*) FROM bets WHERE placed_stake > 0") == 1
        await settled_clean(stack, fixture)


@pytest.mark.parametrize("venue", VENUES)
async def test_fill_before_the_placements_answer_is_hedged_once(
    venue: str, database_url: str, temporal: Client, task_queue: str
) -> None:
    async with running_stack(database_url, temporal, task_queue, venues=(venue,)) as stack:
        engine = stack.world.engine
        fixtures: list[PaperFixture] = []

        def fill_it(order: Any) -> None:
            outcome = next(o for o in (111, 112) if stack.sells(venue, fixtures[0], o, order))
            assert stack.take(venue, fixtures[0], outcome, "10") == Decimal(10)

        engine.place = after_first(engine.place, fill_it, before=False)  # type: ignore[method-assign]
        fixtures.append(stack.fixture(tell=False))
        stack.announce(fixtures[0])
        await stack.hedged(1)
        assert await stack.one("SELECT count(*) FROM fills") == 1
        assert await stack.one("SELECT count(*) FROM bets WHERE placed_stake > 0") == 1
        await settled_clean(stack, fixtures[0])


@pytest.mark.parametrize("venue", VENUES)
async def test_the_same_fill_twice_is_hedged_once(
    venue: str, database_url: str, temporal: Client, task_queue: str
) -> None:
    async with running_stack(database_url, temporal, task_queue, venues=(venue,)) as stack:
        fixture = stack.fixture()
        await stack.quoted(fixture, 1)
        stack.world.faults.arm(venue, "fill_twice", 3)
        assert stack.take(venue, fixture, 111, "25") == Decimal(25)
        await stack.hedged(1)
        assert await stack.one("SELECT sum(size) FROM fills") == Decimal(25)
        assert await stack.one("SELECT count(*) FROM bets WHERE placed_stake > 0") == 1
        await settled_clean(stack, fixture)


@pytest.mark.parametrize("venue", VENUES)
@pytest.mark.parametrize(("fault", "given_up"), [("answer_lost", set()), ("request_lost", {"never reached the venue"})])
async def test_a_placement_without_an_answer_ends_as_one_order_per_outcome(
    fault: str, given_up: set[str], venue: str, database_url: str, temporal: Client, task_queue: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    """The venue had accepted it, or had never heard of it: then it is given up and quoted anew."""
    monkeypatch.setattr(kalshi, "QUIET_SECONDS", 1.0)
    monkeypatch.setattr(polymarket, "CAPABILITIES", replace(polymarket.CAPABILITIES, quiet_seconds=1.0))
    async with running_stack(database_url, temporal, task_queue, venues=(venue,)) as stack:
        stack.world.faults.arm(venue, fault, 1)
        fixture = stack.fixture()
        await stack.quoted(fixture, 1)
        assert (venue, fault) in stack.world.faults.fired
        assert len(stack.ours(venue)) == 2
        failed = await stack.rows("SELECT reason FROM orders WHERE status = 'FAILED'")
        assert {row.reason for row in failed} == given_up
        assert stack.take(venue, fixture, 111, "25") == Decimal(25)
        await stack.hedged(1)
        await settled_clean(stack, fixture)


async def test_a_bet_answer_lost_after_acceptance_is_one_bet(
    database_url: str, temporal: Client, task_queue: str
) -> None:
    async with running_stack(database_url, temporal, task_queue, venues=("kalshi",)) as stack:
        fixture = stack.fixture()
        await stack.quoted(fixture, 1)
        stack.world.faults.arm("abp", "answer_lost", 1)
        assert stack.take("kalshi", fixture, 111, "25") == Decimal(25)
        await stack.hedged(1)
        assert ("abp", "answer_lost") in stack.world.faults.fired
        assert len(stack.abp.witness()["bets"]) == 1
        assert await stack.one("SELECT count(*) FROM bets") == 1
        await settled_clean(stack, fixture)
