"""Whatever is saved comes back equal: orders, trades, books, wallets, fixtures and the simulator's places."""

import json
import os
import signal
import subprocess
import sys
from dataclasses import asdict
from decimal import Decimal
from pathlib import Path
from random import Random
from typing import Any

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from overround.paper.engine import Engine
from overround.paper.pricing_model import MatchState, new_match, play
from overround.paper.records import PaperOrder, Trade, Wallet, plain, restore
from overround.paper.slots import Slot, dump_slot, load_slot
from overround.paper.sports import SPORTS
from overround.paper.store import Store
from overround.paper.world import NativeIds, PaperFixture, PaperMarket, PaperOutcome, restore_fixture
from overround.paper.world import plain as world_plain

amounts = st.decimals("-1000000", "1000000", places=6)
positive = st.decimals("0.0001", "100000", places=4)
texts = st.text(max_size=12)
times = st.integers(0, 2**42)
maybe_times = st.none() | times

orders = st.builds(
    PaperOrder,
    order_id=texts, exchange=texts, book_id=texts, account=texts, outcome=st.sampled_from(("yes", "no")),
    action=st.sampled_from(("buy", "sell")), price=positive, size=positive, created_at=times, client_ref=texts,
    time_in_force=st.sampled_from(("gtc", "ioc", "fok")), post_only=st.booleans(), expires_at=maybe_times,
    filled=positive, fees=amounts, status=st.sampled_from(("open", "filled", "cancelled")), reason=texts,
    updated_at=times, sequence=times, extra=st.dictionaries(texts, texts, max_size=3),
)  # fmt: skip
trades = st.builds(
    Trade,
    trade_id=texts, exchange=texts, book_id=texts, yes_price=positive, size=positive, maker_order=texts,
    taker_order=texts, maker_fee=amounts, taker_fee=amounts, at=times, status=st.sampled_from(("ok", "failed")),
)  # fmt: skip
wallets = st.builds(
    Wallet,
    account=texts, exchange=texts, cash=amounts, deposited=amounts,
    holdings=st.dictionaries(texts, amounts, max_size=4),
)  # fmt: skip


@settings(max_examples=50, deadline=None)
@given(orders | trades | wallets)
def test_engine_records_come_back_equal_to_the_last_digit(record: Any) -> None:
    body = orjson.loads(orjson.dumps(plain(record)))
    again = restore(type(record), body)
    assert again == record
    assert str(asdict(again)) == str(asdict(record)), "digits and trailing zeros too"


outcomes = st.builds(
    PaperOutcome,
    outcome_id=st.integers(1, 10**6), name=texts, price=st.none() | positive, limit=positive, active=st.booleans(),
    changed_at=times,
)  # fmt: skip
markets = st.builds(
    PaperMarket,
    market_id=st.integers(1, 10**6), name=texts, market_type=texts, period=texts,
    outcomes=st.lists(outcomes, max_size=3), handicap=st.none() | amounts, winners=st.integers(1, 4),
    active=st.booleans(),
    results=st.dictionaries(st.integers(1, 999), st.sampled_from(("WIN", "LOSE", "PUSH", "CANCELLED")), max_size=3),
)  # fmt: skip
names = st.dictionaries(texts, texts, max_size=2)
fixtures = st.builds(
    PaperFixture,
    fixture_id=texts, sport_id=st.integers(10, 81), sport=texts, tournament_id=times, tournament=texts,
    participant1=texts, participant2=texts, start_time=times, status=st.integers(0, 3),
    markets=st.lists(markets, max_size=2),
    scores=st.dictionaries(texts, st.tuples(st.integers(0, 200), st.integers(0, 200)), max_size=3),
    clock=st.dictionaries(texts, st.none() | texts | st.booleans(), max_size=3), bookmaker=texts,
    has_odds=st.booleans(), stale=st.booleans(), suspended=st.booleans(),
    native=st.dictionaries(texts, st.builds(NativeIds, event=texts, markets=names, outcomes=names), max_size=2),
    extra=names,
)  # fmt: skip


@settings(max_examples=30, deadline=None)
@given(fixtures)
def test_fixtures_come_back_equal(fixture: PaperFixture) -> None:
    body = orjson.loads(orjson.dumps(world_plain(asdict(fixture))))
    assert restore_fixture(body) == fixture


@pytest.mark.parametrize("sport", SPORTS, ids=lambda sport: sport.name)
def test_match_in_progress_comes_back_and_goes_on_the_same(sport: Any) -> None:
    rng = Random(sport.name)
    slot = Slot(SPORTS.index(sport), "f", 10.0, 100.0, 500, 0.7, new_match(sport, rng), "live", last_fair={"1": 0.25})
    play(sport, slot.state, 0.4, rng)
    again = load_slot(json.loads(json.dumps(dump_slot(slot))))
    assert again == slot
    for one in (slot, again):
        play(sport, one.state, 0.9, Random(5))
    assert again.state == slot.state
    assert again.chances() == slot.chances()
    assert isinstance(again.state, MatchState)


SCRIPT = """
import os, signal, sys
from decimal import Decimal as D
from pathlib import Path
from overround.paper.engine import Engine, PaperOrder
from overround.paper.store import Store

engine = Engine(Store(Path(sys.argv[1])), lambda: 1000)
engine.open_book("B", "x")
for account in ("ann", "bob"):
    engine.fund("x", account, D(10**6))
for number in range(1, 10**6):
    for account, outcome, price in (("ann", "yes", "0.4"), ("bob", "no", "0.6")):
        engine.place(PaperOrder(f"{account}{number}", "x", "B", account, outcome, "buy", D(price), D(1), 1000))
    if number % 3 == 0:
        engine.fail_trade(f"x-t{number}")
    print(number, flush=True)
"""


@pytest.mark.parametrize("acknowledged", [7, 40])
def test_killed_process_keeps_every_acknowledged_trade_and_half_of_none(tmp_path: Path, acknowledged: int) -> None:
    """SIGKILL while trading as fast as it can: what was said is there, and the money still adds up."""
    path = tmp_path / "world.db"
    argv = [sys.executable, "-c", SCRIPT, str(path)]
    env = {**os.environ, "PYTHONPATH": os.getcwd()}
    with subprocess.Popen(argv, env=env, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        last = 0
        while last < acknowledged:
            last = int(process.stdout.readline())
        process.send_signal(signal.SIGKILL)
        rest = process.stdout.read().split("\n")
    said = max([last, *(int(line) for line in rest[:-1] if line)])
    engine = Engine(Store(path), lambda: 2000)
    assert len(engine.trades) >= said
    good = [trade for trade in engine.trades.values() if trade.status == "ok"]
    assert all(engine.trades[f"x-t{n}"].status == "failed" for n in range(3, said + 1, 3))
    for account, price in (("ann", Decimal("0.4")), ("bob", Decimal("0.6"))):
        wallet = engine.wallets[("x", account)]
        assert wallet.cash == 10**6 - price * len(good)
        assert sum(wallet.holdings.values()) == len(good)
    for trade in engine.trades.values():
        for name in (trade.maker_order, trade.taker_order):
            filled = 0 if trade.status == "failed" else 1
            assert engine.orders[name].filled == filled
