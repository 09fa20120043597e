"""What operators hand in never leaves: planted credentials and keys are looked for wherever text goes (issue 3)."""

import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from typing import Any

import pytest
from structlog.testing import capture_logs
from temporalio.client import Client

from api.app import create_app
from overround.ledger import tables as t
from overround.ledger.accounts import bookmaker_account, exchange_account
from tests.api.conftest import PEPPER, QUICK, Api, settings_for
from tests.api.operating import ABP, ABP_KEY, KALSHI, KEY_ID, PEM, Desk, leaks, secrets
from tests.support.serve import serve
from tests.workflows.desk import Desk as Firm
from tests.workflows.desk import at_work

WRONG: list[Any] = [
    {**KALSHI, "secrets": {KEY_ID: PEM}},
    {**KALSHI, "client": "nobody"},
    {**KALSHI, "client": "rival"},
    {**KALSHI, "secrets": PEM},
]


@dataclass
class Everything:
    """All text that left the process, by where it went."""

    desk: Desk
    keys: list[str] = field(default_factory=list)
    logged: list[str] = field(default_factory=list)
    printed: str = ""


class Listener(logging.Handler):
    """Keeps every record of every logger, formatted with its traceback."""

    def __init__(self, kept: list[str]) -> None:
        super().__init__(logging.DEBUG)
        self._kept = kept

    def emit(self, record: logging.LogRecord) -> None:
        self._kept.append(self.format(record))


@asynccontextmanager
async def listening(kept: list[str]) -> AsyncIterator[None]:
    """Hear what the standard loggers say at their most talkative."""
    listener, names = Listener(kept), ("", "uvicorn", "uvicorn.error", "sqlalchemy", "psycopg", "temporalio")
    before = {name: logging.getLogger(name).level for name in names}
    for name in names:
        logging.getLogger(name).addHandler(listener)
        logging.getLogger(name).setLevel(logging.DEBUG)
    try:
        yield
    finally:
        for name, level in before.items():
            logging.getLogger(name).removeHandler(listener)
            logging.getLogger(name).setLevel(level)


async def _break(api: Api, desk: Desk) -> None:
    """A server error in the middle of storing credentials."""
    async with api.engine.connect() as connection:
        await connection.exec_driver_sql("ALTER TABLE exchange_accounts RENAME COLUMN options TO mislaid")
        await connection.commit()
        try:
            assert (await desk.call("PUT", "/accounts/exchange/kalshi-8", KALSHI)).status_code == 500
        finally:
            await connection.exec_driver_sql("ALTER TABLE exchange_accounts RENAME COLUMN mislaid TO options")
            await connection.commit()


async def _use_everything(api: Api, desk: Desk) -> list[str]:
    """Every way in and every way out; the keys that were issued."""
    await desk.ok("PUT", "/accounts/exchange/kalshi-9", KALSHI)
    await desk.ok("PUT", "/accounts/exchange/kalshi-9", KALSHI)
    await desk.ok("PUT", "/accounts/bookmaker/abp-9", ABP)
    await desk.ok("PATCH", "/accounts/bookmaker/abp-9", {"minStake": 3})
    for body in WRONG:
        assert (await desk.call("PUT", "/accounts/exchange/kalshi-9", body)).status_code in (404, 409, 422)
    await _break(api, desk)
    issued = await desk.ok("POST", "/keys", {"client": "demo", "label": "bot"})
    rotated = await desk.ok("POST", f"/keys/{issued['keyId']}/rotate")
    colleague = await desk.ok("POST", "/keys", {"kind": "operator", "label": "ann"})
    shown = [item["key"] for item in (issued, rotated, colleague)]
    desk.said = [answer for answer in desk.said if not any(key in answer.text for key in shown)]
    await desk.call("POST", "/keys/1/rotate", {"graceSeconds": shown[0]})
    for word in ("stop", "clear"):
        await desk.ok("POST", f"/system/{word}", {"reason": "maintenance"})
    for path in (
        "/clients", "/keys", "/accounts/exchange", "/accounts/bookmaker", "/accounts/exchange/kalshi-9", "/health",
        "/accounts/bookmaker/abp-9", "/audit", "/alarms", "/residuals", "/disputes", "/system",
    ):  # fmt: skip
        await desk.ok("GET", path)
    return shown


@pytest.fixture
async def everything(
    capfd: pytest.CaptureFixture[str],
    api: Api,
    database_url: str,
    temporal_server: Any,
    temporal: Client,
    task_queue: str,
) -> AsyncIterator[Everything]:
    """A process that stored, refused, failed, listed and commanded, and all it said meanwhile."""
    settings = settings_for(database_url, temporal_address=temporal_server.address)
    logged: list[str] = []
    with capture_logs() as events:
        async with (
            listening(logged),
            at_work(temporal, task_queue, Firm()),
            serve(create_app(settings, QUICK, task_queue)) as url,
        ):
            desk = Desk(replace(api, url=url))
            shown = await _use_everything(api, desk)
            said = [*logged, *map(repr, events)]
            yield Everything(desk, [*shown, *api.keys.values()], said, "".join(capfd.readouterr()))
        await temporal.get_workflow_handle("control:global").terminate()


async def _stored(api: Api) -> str:
    """Every row of every table, bytes in hexadecimal."""
    async with api.engine.connect() as connection:
        texts = []
        for table in t.metadata.sorted_tables:
            rows = await connection.exec_driver_sql(f"SELECT {table.name}::text FROM {table.name}")
            texts += [str(row[0]) for row in rows]
    return "\n".join(texts)


async def _histories(temporal: Client) -> bytes:
    handle = temporal.get_workflow_handle("control:global")
    return b"".join([event.SerializeToString() async for event in handle.fetch_history_events()])


async def test_credentials_and_keys_are_nowhere_but_sealed(api: Api, everything: Everything, temporal: Client) -> None:
    places = {
        "answers": "\n".join(f"{answer.headers} {answer.text}" for answer in everything.desk.said),
        "logs": "\n".join(everything.logged),
        "output": everything.printed,
        "ledger": await _stored(api),
        "history": (await _histories(temporal)).decode("utf-8", "replace"),
    }
    found = {where: leaks(text, *everything.keys) for where, text in places.items()}
    assert not any(found.values()), found
    hexadecimal = [secret.encode().hex() for secret in (*secrets(), *everything.keys)]
    assert not [text for text in hexadecimal if text in places["ledger"]]
    _nothing_was_searched_in_vain(places)
    async with api.writing() as connection:
        pepper = PEPPER.get_secret_value()
        assert (await exchange_account(connection, "kalshi-9", pepper)).secrets["key_id"] == KEY_ID
        assert (await bookmaker_account(connection, "abp-9", pepper)).secrets == {"api_key": ABP_KEY}


def _nothing_was_searched_in_vain(places: dict[str, str]) -> None:
    """Each place does hold text of what was done, and a leak would be seen."""
    assert "kalshi-9" in places["answers"]
    assert "Internal server error" in places["answers"]
    assert "request failed" in places["logs"]
    assert "UndefinedColumn" in places["output"]
    assert "Exception in ASGI application" in places["output"]
    assert "kalshi-9" in places["ledger"]
    assert "maintenance" in places["history"]
    assert leaks(f"x {KEY_ID} {ABP_KEY}") == [KEY_ID, ABP_KEY]
