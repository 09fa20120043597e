"""Derived names: the same step gives the same name, no two steps share one, and venues accept them."""

import re
import uuid

from hypothesis import given
from hypothesis import strategies as st

from overround.domain import ids
from tests.domain.vectors import exactly

CHAINS = st.text(min_size=1, max_size=60)


@exactly
@given(CHAINS, st.integers(0, 10**6))
def test_a_step_always_gets_the_same_name(chain: str, step: int) -> None:
    assert ids.client_order_id(chain, step) == ids.client_order_id(chain, step)
    assert re.fullmatch("[a-z2-7]{26}", ids.client_order_id(chain, step))
    assert str(uuid.UUID(ids.request_id(chain, step))) == ids.request_id(chain, step)


def test_no_two_steps_or_chains_share_a_name() -> None:
    names = {ids.client_order_id(f"orders:{chain}", step) for chain in range(20) for step in range(200)}
    bets = {ids.request_id(f"hedge:{chain}", step) for chain in range(20) for step in range(200)}
    assert len(names) == len(bets) == 4000
    assert ids.client_order_id("a", 11) != ids.client_order_id("a/1", 1)


def test_names_stay_what_running_workflows_were_started_with() -> None:
    assert ids.client_order_id("orders:a:f:1/run", 1) == "j4k2uz6zqxrip3p2fiazz65bka"
    assert ids.request_id("hedge:c/run", 1) == "b1882a9d-399f-5b44-80f2-8fca3c516da2"
    assert ids.order_workflow("kalshi-demo", "id11", 111) == "orders:kalshi-demo:id11:111"
    assert ids.hedge_workflow("abc") == "hedge:abc"
    assert ids.settlement_workflow("id11") == "settlement:id11"
    assert ids.control_workflow("demo:vertex") == "control:demo:vertex"
    assert ids.reconcile_workflow("kalshi-demo") == "reconcile:kalshi-demo"
