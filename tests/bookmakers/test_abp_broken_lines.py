"""ABP behind a line that breaks: whatever the line does, one request is at most one bet and is found again."""

import pytest

from overround.bookmakers.abp.adapter import Abp
from overround.bookmakers.base import BetStatus
from overround.paper.abp.books import RoutedOrder
from overround.venues import TimedOut, Unknown
from tests.bookmakers.desk import Desk, account, desk, until
from tests.support.tcp_proxy import Line, Script, TcpProxy


@pytest.mark.parametrize(
    "script",
    [
        Script(down=Line(cut_after=0)),
        Script(down=Line(cut_after=60)),
        Script(down=Line(cut_after=400)),
        Script(down=Line(cut_after=400, how="fin")),
        Script(down=Line(cut_after=200, how="hole")),
        Script(down=Line(black_hole=True)),
        Script(down=Line(latency=0.6)),
    ],
    ids=["rst-at-once", "rst-in-head", "rst-in-body", "fin-in-body", "hangs-in-body", "silent", "slow"],
)
async def test_answer_that_breaks_off_is_unknown_and_the_bet_is_found(script: Script) -> None:
    async with desk() as d, TcpProxy.before(d.rest, scripts=[script]) as proxy:
        async with Abp(account(f"http://{proxy.address}", timeout="0.3"), d.clock) as abp:
            bet = d.bet()
            with pytest.raises(Unknown):
                await abp.place(bet)
            found = await abp.find(bet.request_id)
        assert found is not None
        assert (found.status, len(found.bets), len(d.paper.books.bets)) == (BetStatus.FILLED, 1, 1)


@pytest.mark.parametrize(
    "script",
    [Script(up=Line(black_hole=True)), Script(up=Line(cut_after=100)), Script(up=Line(cut_after=300, how="hole"))],
    ids=["swallowed", "rst-in-head", "hangs-in-body"],
)
async def test_request_that_never_arrived_is_unknown_until_it_has_expired(script: Script) -> None:
    async with desk() as d, TcpProxy.before(d.rest, scripts=[script]) as proxy:
        async with Abp(account(f"http://{proxy.address}", timeout="0.3"), d.clock) as abp:
            bet = d.bet()
            with pytest.raises(Unknown):
                await abp.place(bet)
            with pytest.raises(Unknown, match="may still arrive"):
                await abp.find(bet.request_id)
            d.clock.ahead += 7
            assert await abp.find(bet.request_id) is None
        assert d.paper.books.orders == {}


async def test_request_held_up_past_its_expiry_is_refused_when_it_arrives() -> None:
    async with desk() as d, TcpProxy.before(d.rest, scripts=[Script(up=Line(latency=0.5))]) as proxy:
        async with Abp(account(f"http://{proxy.address}", timeout="0.2"), d.clock) as abp:
            bet = d.bet(seconds=0.3)
            with pytest.raises(TimedOut):
                await abp.place(bet)
        order = await until(lambda: _first_order(d), lambda found: found is not None)
        assert order is not None
        assert (order.status, order.reason) == ("REJECTED", "Order expired before it arrived")
        assert d.paper.books.bets == {}


async def _first_order(d: Desk) -> RoutedOrder | None:
    return next(iter(d.paper.books.orders.values()), None)
