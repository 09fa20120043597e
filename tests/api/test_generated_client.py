"""What a generator makes of the OpenAPI document is a client that works, typed, money and all."""

import asyncio
import importlib
import os
import pkgutil
import re
import shlex
import subprocess
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta
from decimal import Decimal
from functools import partial
from pathlib import Path
from types import ModuleType
from typing import Any

import httpx
import pytest

from tests.api import rows
from tests.api.commanding import Sender
from tests.api.conftest import Api

GUIDE = (Path(__file__).parents[2] / "docs" / "api.md").read_text()
SECTION = GUIDE.split("## A typed client")[1].split("\n## ")[0]
COMMAND = re.findall(r"^```\n(.*?)\n```$", SECTION, re.DOTALL | re.MULTILINE)[0]
EXAMPLE = re.findall(r"^```python\n(.*?)^```$", SECTION, re.DOTALL | re.MULTILINE)[0]
PACKAGE = "trading_client"
PRECISE = "0.1000000000000000055"
"""A price no float holds: it would be 0.1."""
USE = '''
"""A mistake in a call or a wrong idea of an answer is found before anything is sent."""

from typing import assert_type

from trading_client import AuthenticatedClient
from trading_client.api.orders_bets import cancel_orders, list_orders
from trading_client.api.trading_controls import pause_trading
from trading_client.models import (
    Cancelled, CancelMany, MatchedStatus, Order, PageOrder, PartialFailure, Problem, Settlement, TradingAnswer,
)


def use(client: AuthenticatedClient, order: Order) -> None:
    assert_type(list_orders.sync(client=client), PageOrder | Problem | None)
    assert_type(pause_trading.sync(client=client), Problem | TradingAnswer | None)
    many = CancelMany(order_ids=[1])
    assert_type(cancel_orders.sync(client=client, body=many), Cancelled | PartialFailure | Problem | None)
    assert_type((order.matched_status, order.settlement_status), tuple[MatchedStatus, Settlement])
    list_orders.sync(client=client, page_size="ten")  # type: ignore[arg-type]
    order.price  # type: ignore[attr-defined]
'''


@dataclass(frozen=True)
class Generated:
    """The package, importable while the tests run; ``home`` is the folder it lies in."""

    home: Path

    def __getattr__(self, name: str) -> Any:
        """What ``trading_client`` offers."""
        return getattr(importlib.import_module(PACKAGE), name)

    def models(self) -> ModuleType:
        return importlib.import_module(f"{PACKAGE}.models")

    def operation(self, path: str) -> ModuleType:
        """``tag.operation``, with its sync and asyncio variants."""
        return importlib.import_module(f"{PACKAGE}.api.{path}")

    def modules(self) -> list[str]:
        package = importlib.import_module(PACKAGE)
        return [found.name for found in pkgutil.walk_packages(package.__path__, f"{PACKAGE}.")]


def _generate(home: Path, document: str) -> None:
    """As the guide says, but a warning is a failure: what cannot be generated is left out with no more than that."""
    (home / "docs").mkdir()
    (home / "docs" / "openapi.json").write_text(document)
    beside = str(Path(sys.executable).parent)
    found = subprocess.run(
        [Path(beside, shlex.split(COMMAND)[0]), *shlex.split(COMMAND)[1:], "--fail-on-warning"],
        cwd=home,
        env={**os.environ, "PATH": f"{beside}{os.pathsep}{os.environ['PATH']}", "NO_COLOR": "1"},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert found.returncode == 0, found.stdout + found.stderr


@pytest.fixture(scope="module")
async def made(process: Api, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Generated]:
    """The client as made from what the running API says of itself."""
    home = tmp_path_factory.mktemp("generated")
    document = await process.http.get("/openapi.json")
    await asyncio.to_thread(_generate, home, document.text)
    sys.path.insert(0, str(home))
    importlib.invalidate_caches()
    yield Generated(home)
    sys.path.remove(str(home))
    for name in [name for name in sys.modules if name.split(".")[0] == PACKAGE]:
        del sys.modules[name]


async def _exactly(response: httpx.Response) -> None:
    setattr(response, "json", partial(response.json, parse_float=Decimal))  # noqa: B010


class Desk:
    """Calls of the generated client to the running API, each typed as its answer's model."""

    def __init__(self, made: Generated, client: Any) -> None:
        self._made, self._client = made, client

    async def __call__(self, path: str, **arguments: Any) -> Any:
        """The parsed answer of an operation."""
        return (await self.detailed(path, **arguments)).parsed

    async def detailed(self, path: str, **arguments: Any) -> Any:
        """With status, content and headers."""
        return await self._made.operation(path).asyncio_detailed(client=self._client, **arguments)


Calling = Callable[..., Any]


@pytest.fixture
def calling(made: Generated, sender: Sender) -> Calling:
    """A generated client of somebody: ``exact`` with the guide's hook, else as it comes."""

    @asynccontextmanager
    async def call(by: str = "demo", *, exact: bool = False) -> AsyncIterator[Desk]:
        hooks = {"event_hooks": {"response": [_exactly]}} if exact else {}
        async with made.AuthenticatedClient(
            base_url=sender.url,
            token=sender.api.keys[by],
            prefix="",
            auth_header_name="X-API-Key",
            raise_on_unexpected_status=True,
            httpx_args={"trust_env": False, **hooks},
        ) as client:
            yield Desk(made, client)

    return call


async def _seed(sender: Sender) -> dict[str, Any]:
    """A hedged order whose numbers no binary fraction holds, and a resting one."""
    async with sender.api.writing() as connection:
        await rows.fixture(connection)
        await rows.order(connection, "demo")
        values = {"price": "0.1", "size": "1234567.89", "filled": "0.3", "remaining": "1234567.59"}
        order = await rows.order(connection, "demo", status="PARTIAL", odds="1.808", **values)
        await rows.fill(connection, order, size="0.3", fee="0.0021")
        await rows.bet(connection, order, placed_price="2.07", placed_stake="0.15")
        await rows.hedge(connection, order, target="0.3", done="0.3")
        await rows.order(connection, "rival")
    return order


def _money(shown: Any) -> set[Decimal]:
    """The numbers of a model with a fraction, as they print."""
    return {Decimal(str(value)) for value in shown.to_dict().values() if isinstance(value, float | Decimal)}


def test_every_operation_and_model_of_the_document_is_there(made: Generated) -> None:
    for name in made.modules():
        importlib.import_module(name)
    operations = [name for name in made.modules() if name.count(".") == 3]
    document = (made.home / "docs" / "openapi.json").read_text()
    assert len(operations) == document.count('"operationId"') > 60


def test_it_type_checks_and_finds_a_callers_mistakes(made: Generated) -> None:
    (made.home / "example.py").write_text(EXAMPLE)
    (made.home / "use.py").write_text(USE)
    command = [sys.executable, "-m", "mypy", "--strict", "--config-file=", "--cache-dir=.cache", "--no-error-summary"]
    targets = ["-p", PACKAGE, "-m", "example", "-m", "use"]
    found = subprocess.run(
        [*command, *targets], cwd=made.home, capture_output=True, text=True, timeout=100, check=False
    )
    errors = [line for line in found.stdout.splitlines() if ": error: " in line]
    of_the_generators_own = re.compile(rf'{PACKAGE}/client\.py:\d+: error: Argument 1 to "__a?exit__" of ')
    assert [line for line in errors if not of_the_generators_own.match(line)] == [], found.stderr
    assert found.returncode in (0, 1), found.stderr


async def test_the_guides_example_runs(
    made: Generated, sender: Sender, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    async with sender.api.writing() as connection:
        orders = [await rows.order(connection, "demo", price=PRECISE) for _ in range(12)]
    monkeypatch.setenv("KEY", sender.api.keys["demo"])
    monkeypatch.setenv("NO_PROXY", "*")
    code = compile(EXAMPLE.replace("http://localhost:8000", sender.url), "example", "exec")
    space: dict[str, Any] = {}
    await asyncio.to_thread(exec, code, space)
    space["client"].get_httpx_client().close()
    printed = capsys.readouterr().out.splitlines()
    assert printed == [f"{order['order_id']} PLACED {PRECISE} 100" for order in reversed(orders)]


async def test_who_am_i_and_how_trading_stands(calling: Calling) -> None:
    async with calling() as desk:
        me = await desk("trading_controls.who_am_i")
        assert (me.client, me.client_name, me.active) == ("demo", "Demo", True)
        status = await desk("trading_controls.get_trading_status")
        assert (status.status.value, status.trading_active, status.manual_paused_at) == ("live", True, None)


async def test_orders_are_filtered_and_paged_by_cursor(calling: Calling, sender: Sender, made: Generated) -> None:
    later = rows.NOON + timedelta(days=1)
    async with sender.api.writing() as connection:
        wanted = [await rows.order(connection, "demo", created_at=later) for _ in range(5)]
        await rows.order(connection, "demo", status="CANCELLED", created_at=later)
        await rows.order(connection, "demo")
    filters = {"status": "PLACED,PARTIAL", "from_date": later.date(), "page_size": 2}
    seen: list[int] = []
    async with calling() as desk:
        page = await desk("orders_bets.list_orders", **filters)
        while page.next_cursor is not None:
            seen += [order.order_id for order in page.items]
            page = await desk("orders_bets.list_orders", **filters, cursor=page.next_cursor)
            assert page.total == 5
        seen += [order.order_id for order in page.items]
        assert seen == [order["order_id"] for order in reversed(wanted)]
        order = await desk("orders_bets.get_order", order_id=seen[0])
    assert (type(order), order.order_status) == (made.models().Order, made.models().OrderStatus.PLACED)
    assert (order.matched_status.value, order.created_at.tzinfo is not None) == ("NOT_MATCHED", True)


@pytest.mark.parametrize("exact", [True, False])
async def test_money_arrives_as_it_was_written(calling: Calling, sender: Sender, *, exact: bool) -> None:
    """Read as floats it still prints the same digits, up to 15 of them."""
    ordered = await _seed(sender)
    async with calling(exact=exact) as desk:
        order = await desk("orders_bets.get_order", order_id=ordered["order_id"])
        (bet,) = (await desk("orders_bets.list_bets", order_id=ordered["order_id"])).items
        (position,) = (await desk("performance.list_positions")).items
        pnl = await desk("performance.get_pnl")
    assert type(order.order_cents) is (Decimal if exact else float)
    assert _money(order) >= {Decimal("0.1"), Decimal("1234567.89"), Decimal("0.3"), Decimal("1.808")}
    assert _money(bet) == {Decimal("2.07"), Decimal("0.15")}
    assert (bet.order_id, bet.bet_status.value) == (order.order_id, "matched")
    assert _money(position) >= {Decimal("0.3"), Decimal("0.03"), Decimal("0.0021"), Decimal("0.15")}
    assert _money(pnl) >= {Decimal("0.3"), Decimal("0.0021")}


async def test_pause_and_resume(calling: Calling, made: Generated, sender: Sender) -> None:
    async with calling() as desk:
        reason = made.models().Control(reason="maintenance")
        paused = await desk("trading_controls.pause_trading", body=reason, idempotency_key="pause-1")
        assert (paused.result.value, paused.manual_pause_reason) == ("paused", "maintenance")
        again = await desk.detailed("trading_controls.pause_trading", body=reason, idempotency_key="pause-1")
        assert (again.parsed, again.headers["Idempotent-Replayed"]) == (paused, "true")
        assert (await desk("trading_controls.get_trading_status")).manual_paused is True
        resumed = await desk("trading_controls.resume_trading")
        assert (resumed.result.value, resumed.trading_active) == ("resumed", True)
    assert [request.command for request in sender.engine.commands()] == ["pause", "resume"]


async def test_orders_are_cancelled(calling: Calling, made: Generated, sender: Sender) -> None:
    ordered = await _seed(sender)
    models = made.models()
    async with calling() as desk:
        one = await desk("orders_bets.cancel_order", order_id=ordered["order_id"])
        assert one.order_status is models.OrderStatus.CANCELLED
        rest = await desk("orders_bets.cancel_orders", body=models.CancelMany(all_=True, reason="end of the day"))
        assert [order.order_status.value for order in rest.orders] == ["CANCELLED"]
        none = await desk.detailed("orders_bets.cancel_orders", body=models.CancelMany(order_ids=[10**9]))
    assert (none.status_code, none.parsed.failed[0].code.value) == (404, "not_found")


async def test_an_error_is_typed_too(calling: Calling, made: Generated) -> None:
    problem = made.models().Problem
    async with calling() as desk:
        absent = await desk.detailed("orders_bets.get_order", order_id=10**9)
        assert (absent.status_code, type(absent.parsed), absent.parsed.status) == (404, problem, 404)
        assert absent.parsed.detail == "Order not found"
        wrong = await desk.detailed("orders_bets.list_orders", page_size=0)
        assert (wrong.status_code, wrong.parsed.detail[0].loc) == (422, ["query", "pageSize"])
    async with calling("operator") as desk:
        refused = await desk.detailed("trading_controls.who_am_i")
        assert (refused.status_code, type(refused.parsed)) == (401, problem)


async def test_an_operator_uses_the_same_client(calling: Calling, made: Generated) -> None:
    async with calling("operator") as desk:
        clients = await desk("operator.list_clients")
        assert {type(found) for found in clients.items} == {made.models().ClientRecord}
        assert {found.client for found in clients.items} == {"demo", "rival", "asleep"}
        why = made.models().Why(reason="the feed is wrong")
        stopped = await desk("operator.stop_system", body=why)
        assert (stopped.result, stopped.status.value, stopped.system_reason) == (
            "stopped", "system_stopped", "the feed is wrong",
        )  # fmt: skip
        health = await desk("operator.get_operator_health")
        assert (type(health), health.workflow_service.value) == (made.models().SystemHealth, "answers")
    async with calling() as desk:
        assert (await desk("trading_controls.get_trading_status")).status.value == "system_stopped"
