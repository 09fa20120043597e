"""The rate limiter: the rate holds, and a cancel never waits behind quotes."""

import asyncio

import pytest

from overround.limiter import RateLimiter, Urgency


class Clock:
    """A clock that only a test moves."""

    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


async def free(limiter: RateLimiter, urgency: Urgency, cost: float = 1.0) -> bool:
    """Can ``cost`` be taken without waiting?"""
    try:
        await asyncio.wait_for(limiter.take(cost, urgency), 0.001)
    except TimeoutError:
        return False
    return True


async def count(limiter: RateLimiter, urgency: Urgency) -> int:
    taken = 0
    while await free(limiter, urgency):
        taken += 1
    return taken


@pytest.mark.parametrize(
    ("urgency", "taken"), [(Urgency.CANCEL, 10), (Urgency.HEDGE, 9), (Urgency.PROBE, 8), (Urgency.QUOTE, 6)]
)
async def test_each_class_leaves_room_for_those_before_it(urgency: Urgency, taken: int) -> None:
    assert await count(RateLimiter(1, 10, Clock()), urgency) == taken


async def test_quotes_that_used_their_share_leave_cancels_and_hedges_free() -> None:
    limiter = RateLimiter(1, 10, Clock())
    assert await count(limiter, Urgency.QUOTE) == 6
    assert await free(limiter, Urgency.HEDGE)
    assert await free(limiter, Urgency.CANCEL)


async def test_tokens_come_back_at_the_rate_and_never_beyond_the_burst() -> None:
    clock = Clock()
    limiter = RateLimiter(2, 10, clock)
    assert await count(limiter, Urgency.CANCEL) == 10
    clock.now += 1.5
    assert await count(limiter, Urgency.CANCEL) == 3
    clock.now += 3600
    assert await count(limiter, Urgency.CANCEL) == 10


async def test_a_batch_larger_than_the_bucket_takes_all_of_it() -> None:
    clock = Clock()
    limiter = RateLimiter(1, 10, clock)
    assert await free(limiter, Urgency.QUOTE, 25)
    assert not await free(limiter, Urgency.CANCEL)
    clock.now += 9
    assert not await free(limiter, Urgency.QUOTE, 25)
    clock.now += 1
    assert await free(limiter, Urgency.QUOTE, 25)


async def test_nothing_leaves_while_the_venue_said_to_wait() -> None:
    clock = Clock()
    limiter = RateLimiter(10, 10, clock)
    limiter.empty(30)
    clock.now += 29.9
    assert not await free(limiter, Urgency.CANCEL)
    clock.now += 0.3
    assert await free(limiter, Urgency.CANCEL)


async def test_a_shorter_wait_does_not_shorten_a_longer_one() -> None:
    clock = Clock()
    limiter = RateLimiter(10, 10, clock)
    limiter.empty(30)
    limiter.empty(1)
    clock.now += 20
    assert not await free(limiter, Urgency.CANCEL)


async def test_who_waits_longest_is_not_who_goes_first() -> None:
    limiter = RateLimiter(50, 1)
    await limiter.take(1, Urgency.CANCEL)
    order: list[str] = []

    async def take(name: str, urgency: Urgency) -> None:
        await limiter.take(1, urgency)
        order.append(name)

    quotes = [asyncio.create_task(take("quote", Urgency.QUOTE)) for _ in range(2)]
    await asyncio.sleep(0)
    cancels = [asyncio.create_task(take("cancel", Urgency.CANCEL)) for _ in range(2)]
    await asyncio.gather(*quotes, *cancels)
    assert order == ["cancel", "cancel", "quote", "quote"]


async def test_a_caller_that_gave_up_holds_nobody_back() -> None:
    clock = Clock()
    limiter = RateLimiter(1, 10, clock)
    limiter.empty(60)
    assert not await free(limiter, Urgency.CANCEL)
    clock.now += 100
    assert await free(limiter, Urgency.QUOTE)
