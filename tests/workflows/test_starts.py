"""Every execution is findable by what it trades and says what it is, however it came to be started."""

import asyncio
from decimal import Decimal
from typing import Any

from temporalio.common import WorkflowIDConflictPolicy, WorkflowIDReusePolicy

from overround.domain.clients import GLOBAL
from overround.domain.config import TradingConfig
from overround.domain.messages import FixtureStatus, HedgedOrder, OrderStart, Owner
from overround.domain.settling import SettlementStart
from workflows import starts
from workflows.names import TASK_TIMEOUT

OWNER = Owner("demo:vertex", "kalshi-1", "kalshi", "sim-1", 101, 132, "Red v Blue: Winner")


class Recorder:
    """Stands for a client: keeps what it was asked to start."""

    def __init__(self) -> None:
        self.started: list[tuple[str, Any, dict[str, Any]]] = []

    async def start_workflow(self, name: str, argument: Any, **options: Any) -> None:
        self.started.append((name, argument, options))


def started(going: Any, recorder: Recorder) -> tuple[str, Any, dict[str, Any]]:
    asyncio.run(going)
    (one,) = recorder.started
    assert one[2]["task_timeout"] == TASK_TIMEOUT
    return one


def shown(options: dict[str, Any]) -> dict[str, Any]:
    return {pair.key.name: pair.value for pair in options["search_attributes"]}


def test_an_owner_started_for_late_evidence_is_found_like_one_started_by_a_quote() -> None:
    late, quoting = Recorder(), Recorder()
    name, start, options = started(starts.late_evidence(late, "q", OWNER, []), late)  # type: ignore[arg-type]
    _, first, usual = started(starts.quote(quoting, "q", OWNER, None), quoting)  # type: ignore[arg-type]
    assert (name, start) == ("OrderWorkflow", OrderStart(OWNER, closing=starts.LATE))
    assert first == OrderStart(OWNER)
    for what in ("id", "task_queue", "static_summary"):
        assert options[what] == usual[what]
    assert shown(options) == shown(usual) == {
        "OverroundClient": "demo:vertex",
        "OverroundExchange": "kalshi",
        "OverroundAccount": "kalshi-1",
        "OverroundFixture": "sim-1",
        "OverroundMarket": "101",
        "OverroundState": "QUIET",
        "OverroundTitle": "Red v Blue: Winner",
    }  # fmt: skip
    assert (options["start_signal"], usual["start_signal"]) == ("evidence", "quote")


def test_a_hedge_waits_in_a_queue_of_its_own() -> None:
    recorder = Recorder()
    order = HedgedOrder(
        "demo:vertex", "kalshi-1", "kalshi", "ord-1", "w", "sim-1", 101, 111, Decimal(2), TradingConfig()
    )
    _, start, options = started(starts.tell_hedge(recorder, "q", order, "fill", "a fill"), recorder)  # type: ignore[arg-type]
    assert start.order == order
    assert options["task_queue"] == "q-hedging"
    assert (options["start_signal"], options["start_signal_args"]) == ("fill", ["a fill"])
    assert shown(options)["OverroundState"] == "HEDGING"


def test_a_settlement_is_started_again_only_after_it_failed() -> None:
    recorder = Recorder()
    start = SettlementStart("sim-1", FixtureStatus("sim-1", 2, {}))
    _, _, options = started(starts.settle(recorder, "q", start, "Red v Blue", "Soccer"), recorder)  # type: ignore[arg-type]
    assert options["id_reuse_policy"] is WorkflowIDReusePolicy.ALLOW_DUPLICATE_FAILED_ONLY
    assert options["id_conflict_policy"] is WorkflowIDConflictPolicy.USE_EXISTING
    assert options["static_summary"] == "Settle Red v Blue (Soccer)"


def test_what_concerns_everybody_belongs_to_no_client() -> None:
    async def both() -> list[dict[str, Any]]:
        return [starts.control("q", scope)._start_workflow_input.__dict__ for scope in (GLOBAL, "demo:vertex")]

    everybody, one = asyncio.run(both())
    assert shown(everybody) == {}
    assert shown(one) == {"OverroundClient": "demo:vertex"}
    assert everybody["id"] != one["id"]
