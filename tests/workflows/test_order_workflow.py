"""OrderWorkflow: the owner of every order of one account in one market, against a venue that misbehaves."""

from dataclasses import replace
from decimal import Decimal
from typing import Any

from temporalio.client import WorkflowExecutionStatus
from temporalio.testing import WorkflowEnvironment

from overround.domain.messages import Gate, HedgeProgress, OrderStart, RecordedOrder, Terms
from overround.domain.orders import Fill, Lost, Matched, Order, Seen
from tests.domain.desk import instrument, settings
from tests.support.waiting import until
from tests.workflows.desk import breaks, evidence, lost, unclaimed
from tests.workflows.market import OWNER, continued, lone_order, market


async def test_the_newest_quote_wins_and_replaces_what_rests(
    time_skipping: WorkflowEnvironment, task_queue: str
) -> None:
    async with market(time_skipping, task_queue) as it:
        await it.quote()
        await it.rests("0.46", "0.47")
        await it.quote(("1.80", "2.06"))
        await it.rests("0.43", "0.50")
        assert len(it.desk.sent) == len(set(it.desk.sent)) == 4


async def test_a_quote_that_comes_late_changes_nothing(time_skipping: WorkflowEnvironment, task_queue: str) -> None:
    async with market(time_skipping, task_queue) as it:
        await it.quote()
        await it.rests("0.46", "0.47")
        await it.quote(("1.50", "2.70"), sent_at=1)
        await it.quote()
        await it.pass_time(1)
        await it.rests("0.46", "0.47")
        assert len(it.desk.sent) == 2


async def test_late_terms_do_not_replace_newer_ones(time_skipping: WorkflowEnvironment, task_queue: str) -> None:
    async with market(time_skipping, task_queue) as it:
        await it.quote()
        wide = Terms(settings(improve_ticks=1, margin=Decimal("0.05"), version=2), (instrument(111), instrument(112)))
        await it.quote(terms=wide)
        await it.rests("0.42", "0.43")
        narrow = Terms(settings(improve_ticks=1, version=1), (instrument(111), instrument(112)))
        await it.quote(terms=narrow, sent_at=1)
        await it.pass_time(1)
        await it.rests("0.42", "0.43")


async def test_a_pull_cancels_and_the_next_odds_quote_again(
    time_skipping: WorkflowEnvironment, task_queue: str
) -> None:
    async with market(time_skipping, task_queue) as it:
        await it.quote()
        await it.rests("0.46", "0.47")
        await it.quote(pull="suspended")
        await it.rests()
        await it.quote()
        await it.rests("0.46", "0.47")


async def test_an_owner_that_hears_no_odds_pulls(time_skipping: WorkflowEnvironment, task_queue: str) -> None:
    async with market(time_skipping, task_queue, settings(owner_seconds=15)) as it:
        await it.quote()
        await it.rests("0.46", "0.47")
        await it.pass_time(9)
        assert len(it.desk.resting) == 2
        await it.pass_time(13)
        await it.rests()
        await it.quote()
        await it.rests("0.46", "0.47")


async def test_an_owner_whose_renewals_fail_still_pulls(time_skipping: WorkflowEnvironment, task_queue: str) -> None:
    config = settings(owner_seconds=15, order_seconds=30)
    async with market(time_skipping, task_queue, config) as it:
        it.desk.then("renew_orders", breaks, times=60)
        await it.quote()
        await it.rests("0.46", "0.47")
        for _ in range(4):
            await it.pass_time(8)
            await it.quote()
        await until(lambda: it.desk.count("renew_orders") > 2, "renewals were tried")
        it.desk.answers["renew_orders"].clear()
        await it.pass_time(60)
        await it.rests()


async def test_a_blocked_outcome_is_tried_again_later(time_skipping: WorkflowEnvironment, task_queue: str) -> None:
    async with market(time_skipping, task_queue) as it:
        it.desk.then("place_orders", unclaimed("trading is paused"))
        await it.quote()
        await until(lambda: it.desk.count("place_orders") == 1, "tried once")
        await it.quote(("1.90", "1.96"))
        await it.pass_time(1)
        assert it.desk.count("place_orders") == 1
        await it.pass_time(12)
        await it.rests("0.46", "0.47")


async def test_a_lost_placement_is_probed_and_not_sent_again(
    time_skipping: WorkflowEnvironment, task_queue: str
) -> None:
    async with market(time_skipping, task_queue) as it:

        def arrives(request: Any) -> Any:
            it.desk.accept(request)
            return lost(request)

        it.desk.then("place_orders", arrives)
        it.desk.then("probe_orders", breaks, times=3)
        await it.quote()
        await it.rests("0.46", "0.47")
        assert it.desk.count("probe_orders") == 4
        assert len(it.desk.sent) == 2


async def test_a_placement_that_never_arrived_fails_and_is_replaced(
    time_skipping: WorkflowEnvironment, task_queue: str
) -> None:
    async with market(time_skipping, task_queue) as it:
        it.desk.then("place_orders", lost)
        await it.quote()
        await it.rests("0.46", "0.47")
        assert sorted(it.desk.status().values()) == ["FAILED", "FAILED", "PLACED", "PLACED"]


async def test_an_activity_that_dies_after_sending_leaves_one_order(
    time_skipping: WorkflowEnvironment, task_queue: str
) -> None:
    async with market(time_skipping, task_queue) as it:

        def sends_and_dies(request: Any) -> Any:
            it.desk.accept(request)
            raise RuntimeError("killed")

        it.desk.then("place_orders", sends_and_dies)
        await it.quote()
        await it.rests("0.46", "0.47")
        assert len(it.desk.sent) == 2


async def test_one_order_nobody_can_find_does_not_keep_others_from_being_probed(
    time_skipping: WorkflowEnvironment, task_queue: str
) -> None:
    async with market(time_skipping, task_queue) as it:
        await it.quote()
        await it.rests("0.46", "0.47")
        first, second = it.desk.sent

        def first_is_a_riddle(request: Any) -> Any:
            if any(order.spec.client_order_id == first for order in request.orders):
                return breaks(request)
            return it.desk.probe(request)

        it.desk.then("probe_orders", first_is_a_riddle, times=400)
        await it.handle.signal("evidence", evidence(first, Lost("gone quiet")))
        await until(lambda: it.desk.count("probe_orders") > 0, "the first is asked about")
        it.desk.resting.pop(second)
        await it.handle.signal("evidence", evidence(second, Lost("gone quiet")))
        await it.pass_time(120)
        asked = {o.spec.client_order_id for request in it.desk.asked("probe_orders") for o in request.orders}
        assert second in asked


async def test_a_refused_cancel_is_probed_and_tried_again(time_skipping: WorkflowEnvironment, task_queue: str) -> None:
    async with market(time_skipping, task_queue) as it:
        await it.quote()
        await it.rests("0.46", "0.47")

        def refuses(request: Any) -> Any:
            return [
                item
                for order in request.orders
                for item in evidence(order.spec.client_order_id, Lost("the venue is busy"))
            ]

        it.desk.then("cancel_orders", refuses)
        await it.quote(pull="suspended")
        await it.rests()
        assert it.desk.count("probe_orders") == 1
        assert it.desk.count("cancel_orders") == 2


async def test_a_cancel_that_comes_too_late_is_a_fill(time_skipping: WorkflowEnvironment, task_queue: str) -> None:
    async with market(time_skipping, task_queue) as it:
        await it.quote()
        await it.rests("0.46", "0.47")
        key = it.desk.sent[0]

        async def filled_first(request: Any) -> Any:
            await it.handle.signal(
                "evidence", evidence(key, Matched(Fill("f1", Decimal(50), Decimal("0.46"), Decimal(0), 1)))
            )
            it.desk.resting.pop(key)
            return it.desk.cancel(request)

        it.desk.then("cancel_orders", filled_first)
        await it.quote(pull="suspended")
        await until(lambda: sorted(it.desk.status().values()) == ["CANCELLED", "FILLED"], "filled, not cancelled")


async def test_close_cancels_and_completes(time_skipping: WorkflowEnvironment, task_queue: str) -> None:
    async with market(time_skipping, task_queue) as it:
        await it.quote()
        await it.rests("0.46", "0.47")
        await it.handle.signal("close", "the fixture is over")
        await it.handle.result()
        assert not it.desk.resting
        assert set(it.desk.status().values()) == {"CANCELLED"}


async def test_a_late_word_starts_an_owner_that_cancels_what_still_rests_and_ends(
    time_skipping: WorkflowEnvironment, task_queue: str
) -> None:
    async with market(time_skipping, task_queue, terms=None, closing="only to book late evidence") as it:
        await it.handle.result()
        key = "order-of-an-earlier-run"
        it.desk.claimed[key] = it.desk.resting[key] = lone_order(key).spec
        it.desk.sent.append(key)
        handle = await time_skipping.client.start_workflow(
            "OrderWorkflow",
            OrderStart(OWNER, closing="only to book late evidence"),
            id=it.handle.id,
            task_queue=task_queue,
            start_signal="evidence",
            start_signal_args=[evidence(key, Seen(f"v-{key}", Decimal(0), None))],
        )
        await handle.result()
        assert not it.desk.resting
        assert it.desk.status() == {key: "CANCELLED"}


async def test_evidence_of_an_order_it_does_not_hold_is_looked_up_in_the_ledger(
    time_skipping: WorkflowEnvironment, task_queue: str
) -> None:
    async with market(time_skipping, task_queue) as it:
        key = "lost-in-a-crash"
        it.desk.claimed[key] = it.desk.resting[key] = lone_order(key).spec
        it.desk.sent.append(key)
        it.desk.then("load_orders", breaks, times=3)
        await it.handle.signal(
            "evidence", evidence(key, Matched(Fill("f1", Decimal(20), Decimal("0.46"), Decimal(0), 1)))
        )
        await until(lambda: key in it.desk.ledger and it.desk.ledger[key].filled == 20, "the fill is booked")
        assert not [k for k in it.desk.sent if k != key]


async def test_an_owner_survives_a_ledger_that_is_away_for_a_minute(
    time_skipping: WorkflowEnvironment, task_queue: str
) -> None:
    async with market(time_skipping, task_queue) as it:
        key = "lost-in-a-crash"
        it.desk.claimed[key] = it.desk.resting[key] = lone_order(key).spec
        it.desk.sent.append(key)
        it.desk.then("load_orders", breaks, times=25)
        fill = Matched(Fill("f1", Decimal(20), Decimal("0.46"), Decimal(0), 1))
        await it.handle.signal("evidence", evidence(key, fill))
        for _ in range(12):
            await it.pass_time(5)
        await until(lambda: key in it.desk.ledger and it.desk.ledger[key].filled == 20, "the fill is booked", 20)
        assert await it.status() is WorkflowExecutionStatus.RUNNING


async def test_a_recorded_order_is_adopted_and_kept_or_cancelled_by_the_odds(
    time_skipping: WorkflowEnvironment, task_queue: str
) -> None:
    async with market(time_skipping, task_queue) as it:
        right, wrong = "right-price", "wrong-price"
        for key, cost in ((right, "0.46"), (wrong, "0.60")):
            order = lone_order(key)
            spec = replace(order.spec, price=Decimal(cost), outcome_id=111 if key == right else 112)
            it.desk.claimed[key] = it.desk.resting[key] = spec
            it.desk.sent.append(key)
        await it.handle.signal("recorded", [RecordedOrder(it.desk.recorded(key)) for key in (right, wrong)])
        await it.quote()
        await it.rests("0.46", "0.47")
        assert right in it.desk.resting
        assert it.desk.status()[wrong] == "CANCELLED"
        await it.handle.signal("recorded", [RecordedOrder(it.desk.recorded(right))])
        await it.pass_time(1)
        assert it.desk.ledger[right].status == "PLACED"


async def test_a_ledger_that_shows_an_order_otherwise_than_its_owner_is_written_again(
    time_skipping: WorkflowEnvironment, task_queue: str
) -> None:
    async with market(time_skipping, task_queue) as it:
        await it.quote()
        await it.rests("0.46", "0.47")
        open_then = list(it.desk.ledger.values())
        await it.quote(pull="suspended")
        await it.rests()
        it.desk.ledger |= {order.spec.client_order_id: order for order in open_then}
        await it.handle.signal("recorded", [RecordedOrder(order) for order in open_then])
        await until(lambda: set(it.desk.status().values()) == {"CANCELLED"}, "written again")


async def test_a_reminder_of_what_the_ledger_has_right_writes_nothing(
    time_skipping: WorkflowEnvironment, task_queue: str
) -> None:
    async with market(time_skipping, task_queue) as it:
        await it.quote()
        await it.rests("0.46", "0.47")
        await it.pass_time(1)
        written = it.desk.count("project_orders")
        await it.handle.signal("recorded", [RecordedOrder(order) for order in it.desk.ledger.values()])
        await it.pass_time(1)
        assert it.desk.count("project_orders") == written


async def test_the_gate_stops_and_opens_again(time_skipping: WorkflowEnvironment, task_queue: str) -> None:
    async with market(time_skipping, task_queue) as it:
        await it.quote()
        await it.rests("0.46", "0.47")
        await it.handle.signal("gate", Gate("paused"))
        await it.rests()
        await it.quote(("1.80", "2.06"))
        await it.pass_time(1)
        await it.rests()
        await it.handle.signal("gate", Gate(None))
        await it.rests("0.43", "0.50")


async def test_an_open_hedge_stops_quoting_until_it_is_done(
    time_skipping: WorkflowEnvironment, task_queue: str
) -> None:
    async with market(time_skipping, task_queue) as it:
        await it.quote()
        await it.rests("0.46", "0.47")
        key = it.desk.sent[0]
        await it.handle.signal("hedged", HedgeProgress(key, 111, Decimal(20), Decimal(0), "OPEN"))
        await it.rests()
        await it.handle.signal("hedged", HedgeProgress(key, 111, Decimal(20), Decimal(20), "DONE"))
        await it.rests("0.46", "0.47")


async def test_a_fill_is_quoted_again_only_once_it_is_hedged(
    time_skipping: WorkflowEnvironment, task_queue: str
) -> None:
    async with market(time_skipping, task_queue) as it:
        await it.quote()
        await it.rests("0.46", "0.47")
        key = it.desk.sent[0]
        it.desk.resting.pop(key)
        fill = Fill("f1", Decimal(50), it.desk.claimed[key].price, Decimal(0), 1)
        await it.handle.signal("evidence", evidence(key, Matched(fill)))
        await until(lambda: it.desk.status()[key] == "FILLED", "booked")
        await it.pass_time(1)
        assert len(it.desk.sent) == 2
        outcome = it.desk.claimed[key].outcome_id
        await it.handle.signal("hedged", HedgeProgress(key, outcome, Decimal(50), Decimal(50), "DONE"))
        await it.rests("0.46", "0.47")


async def test_orders_are_renewed_before_they_expire(time_skipping: WorkflowEnvironment, task_queue: str) -> None:
    config = settings(order_seconds=60, owner_seconds=30)
    async with market(time_skipping, task_queue, config) as it:
        await it.quote()
        await it.rests("0.46", "0.47")
        first = {key: spec.expires_at for key, spec in it.desk.resting.items()}
        for _ in range(5):
            await it.pass_time(10)
            await it.quote()
        await until(lambda: it.desk.count("renew_orders") >= 1, "renewed")
        await it.pass_time(1)
        assert all((it.desk.resting[key].expires_at or 0) > (first[key] or 0) for key in first)
        assert {o.spec.expires_at for o in it.desk.ledger.values()} == {s.expires_at for s in it.desk.resting.values()}


async def test_a_quoting_market_of_a_day_stays_as_it_is(time_skipping: WorkflowEnvironment, task_queue: str) -> None:
    async with market(time_skipping, task_queue) as it:
        await it.quote()
        await it.rests("0.46", "0.47")
        await it.quote(pull="closed for the night")
        await it.rests()
        await it.pass_time(86_400)
        await it.quote()
        await it.rests("0.46", "0.47")


async def test_a_new_run_keeps_orders_book_gate_and_ids(
    time_skipping: WorkflowEnvironment, task_queue: str, short_runs: int
) -> None:
    async with market(time_skipping, task_queue) as it:
        await it.quote()
        await it.rests("0.46", "0.47")
        run = await it.run_id()
        for _ in range(short_runs + 2):
            await it.quote()
        await until(lambda: continued(it, run), "continued as new")
        held: list[Order] = await it.handle.query("orders", result_type=list[Order])
        assert {order.spec.client_order_id for order in held} == set(it.desk.sent)
        assert len(it.desk.sent) == 2
        await it.quote(("1.80", "2.06"))
        await it.rests("0.43", "0.50")
        assert len(set(it.desk.sent)) == 4
        await it.handle.signal("gate", Gate("paused"))
        await it.rests()
        run = await it.run_id()
        for _ in range(short_runs + 2):
            await it.handle.signal("gate", Gate("paused"))
        await until(lambda: continued(it, run), "continued as new")
        await it.quote()
        await it.pass_time(1)
        await it.rests()
        await it.handle.signal("gate", Gate(None))
        await it.rests("0.46", "0.47")


async def test_no_signal_is_lost_while_runs_change(
    time_skipping: WorkflowEnvironment, task_queue: str, short_runs: int
) -> None:
    async with market(time_skipping, task_queue) as it:
        await it.quote()
        await it.rests("0.46", "0.47")
        key, run = it.desk.sent[0], await it.run_id()
        for number in range(45):
            fill = Fill(f"f{number}", Decimal(1), Decimal("0.46"), Decimal(0), number)
            await it.handle.signal("evidence", evidence(key, Matched(fill)))
        await until(lambda: it.desk.ledger[key].filled == 45, "every fill is booked")
        await until(lambda: continued(it, run), "continued as new")


async def test_a_stale_owner_stays_stale_in_its_next_run(
    time_skipping: WorkflowEnvironment, task_queue: str, short_runs: int
) -> None:
    async with market(time_skipping, task_queue) as it:
        await it.quote()
        await it.rests("0.46", "0.47")
        await it.pass_time(30)
        await it.rests()
        run, sent = await it.run_id(), len(it.desk.sent)
        for _ in range(short_runs + 2):
            await it.handle.signal("gate", Gate(None))
        await until(lambda: continued(it, run), "continued as new")
        await it.pass_time(2)
        assert len(it.desk.sent) == sent


async def test_a_storm_of_quotes_ends_with_the_last_one(time_skipping: WorkflowEnvironment, task_queue: str) -> None:
    async with market(time_skipping, task_queue) as it:
        await it.quote()
        await it.rests("0.46", "0.47")
        for number in range(498):
            await it.quote(("1.80", "2.06") if number % 2 else ("1.90", "1.95"))
        await it.quote(("1.70", "2.20"))
        await it.rests("0.40", "0.53")
        assert await it.status() is WorkflowExecutionStatus.RUNNING
        placed = it.desk.asked("place_orders")
        assert len(placed) < 400  # many signals, one decision
        assert len(it.desk.sent) == len(set(it.desk.sent))
