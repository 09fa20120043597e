"""What can be known from workflow histories alone: every call the workflows made, with what went in and came out.

A history holds no arguments of local activities. Replaying it runs the very code again, so that they are computed
again; an interceptor writes them down.
"""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from temporalio.client import Client, WorkflowHistory
from temporalio.worker import (
    Interceptor,
    Replayer,
    StartActivityInput,
    StartLocalActivityInput,
    UnsandboxedWorkflowRunner,
    WorkflowInboundInterceptor,
    WorkflowInterceptorClassInput,
    WorkflowOutboundInterceptor,
)
from temporalio.workflow import ActivityHandle

from overround.domain.messages import FillSignal, QuoteSignal
from worker import WORKFLOWS, runner
from workflows.payloads import DATA_CONVERTER

PRIVATE = ("identity", "stackTrace")
MACHINE = re.compile(r"^\d+@[\w.-]+")
"""What a history says of the machine it came from."""


@dataclass
class Call:
    """One activity as the workflow called it; ``result`` is None until it answered."""

    name: str
    request: Any
    result: Any = None


class _Outbound(WorkflowOutboundInterceptor):
    calls: list[Call]

    def _note(self, name: str, request: Any, handle: ActivityHandle[Any]) -> ActivityHandle[Any]:
        call = Call(name, request)
        self.calls.append(call)

        def answered(task: Any) -> None:
            if not task.cancelled() and task.exception() is None:
                call.result = task.result()

        handle.add_done_callback(answered)
        return handle

    def start_activity(self, input: StartActivityInput) -> ActivityHandle[Any]:
        return self._note(input.activity, input.args[0], super().start_activity(input))

    def start_local_activity(self, input: StartLocalActivityInput) -> ActivityHandle[Any]:
        return self._note(input.activity, input.args[0], super().start_local_activity(input))


class _Recorder(Interceptor):
    """Writes every call of the replayed execution into ``calls``."""

    def __init__(self) -> None:
        self.calls: list[Call] = []

    def workflow_interceptor_class(self, input: WorkflowInterceptorClassInput) -> type[WorkflowInboundInterceptor]:
        calls = self.calls

        class Inbound(WorkflowInboundInterceptor):
            def init(self, outbound: WorkflowOutboundInterceptor) -> None:
                noting = _Outbound(outbound)
                noting.calls = calls
                super().init(noting)

        return Inbound


async def calls(history: WorkflowHistory) -> list[Call]:
    """Every activity the execution called, in order."""
    recorder = _Recorder()
    replayer = Replayer(
        workflows=WORKFLOWS,
        workflow_runner=UnsandboxedWorkflowRunner(),
        data_converter=DATA_CONVERTER,
        interceptors=[recorder],
    )
    await replayer.replay_workflow(history)
    return recorder.calls


async def replay(history: WorkflowHistory) -> None:
    """Run the code of today over the history, as a worker does; raises when it decides differently."""
    replayer = Replayer(workflows=WORKFLOWS, workflow_runner=runner(), data_converter=DATA_CONVERTER)
    await replayer.replay_workflow(history)


async def signals(history: WorkflowHistory, name: str, kind: type[Any]) -> list[Any]:
    """The arguments of every signal ``name``, in order."""
    found = []
    for event in history.events:
        attributes = event.workflow_execution_signaled_event_attributes
        if attributes.signal_name == name:
            found += await DATA_CONVERTER.decode(list(attributes.input.payloads), [kind])
    return found


async def quotes(history: WorkflowHistory) -> list[QuoteSignal]:
    return await signals(history, "quote", QuoteSignal)


async def fills(history: WorkflowHistory) -> list[FillSignal]:
    return await signals(history, "fill", FillSignal)


async def fetch(client: Client, workflow_id: str) -> WorkflowHistory:
    return await client.get_workflow_handle(workflow_id).fetch_history()


def save(history: WorkflowHistory, path: Path) -> None:
    """Export without what it says of the machine."""
    path.write_text(json.dumps(_public(json.loads(history.to_json())), separators=(",", ":")) + "\n")


def _public(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {key: _public(item) for key, item in value.items() if key not in PRIVATE}
    if isinstance(value, str):
        return MACHINE.sub("worker", value)
    return [_public(item) for item in value] if isinstance(value, list) else value


def load(path: Path) -> WorkflowHistory:
    """An exported history; the file's name is its workflow's id, ``:`` written ``~``."""
    return WorkflowHistory.from_json(path.stem.replace("~", ":"), path.read_text())
