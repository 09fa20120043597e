"""What the documents show is what the API does: their examples are run."""

import json
import re
import shlex
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest

from api.app import create_app
from overround.ledger import configs
from overround.settings import Settings
from tests.api import rows
from tests.api.commanding import Sender
from tests.api.sockets import opened

ROOT = Path(__file__).parents[2]
GUIDE = (ROOT / "docs" / "api.md").read_text()
CLIENTS = GUIDE.split("\n## Operators")[0]
FIXTURE = "id1000000861624412"
HERE = re.compile(r"^(http://)?(localhost|127\.0\.0\.1):8000|^\$API")
CALL = re.compile(r"`((?:GET|POST|PUT|PATCH|DELETE)(?:, (?:GET|POST|PUT|PATCH|DELETE))*) (/[^`?]*)[^`]*`")


def sections(*names: str) -> str:
    """The text below some of the guide's second headings."""
    parts = dict(part.split("\n", 1) for part in GUIDE.split("\n## ")[1:])
    return "\n".join(parts[name] for name in names)


def curls() -> list[str]:
    """Every ``curl`` of the documents."""
    texts = [path.read_text() for path in (ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md")))]
    return [line for text in texts for line in text.splitlines() if line.startswith("curl ")]


def calls(text: str) -> list[tuple[str, str]]:
    """Methods and paths named in ``text``."""
    return [(method, path.strip()) for methods, path in CALL.findall(text) for method in methods.split(", ")]


def bodies() -> list[tuple[str, str, Any]]:
    """The bodies in the guide's tables and what they are sent with: the first call of their row."""
    lines = [line for line in sections("Commands", "Configuration").splitlines() if line.startswith("| `")]
    return [
        (*calls(line)[0], json.loads(body.replace("…", FIXTURE)))
        for line in lines
        for body in re.findall(r'`(\{"[^`]*\})`', line)
    ]


async def _run(sender: Sender, line: str) -> httpx.Response:
    """One ``curl`` line, with the options the documents use; any other is an error."""
    method, headers, body, where = "GET", dict[str, str](), None, ""
    words = iter(shlex.split(line)[1:])
    for word in words:
        if word == "-H":
            name, _, value = next(words).partition(": ")
            headers[name] = value
        elif word == "-X":
            method = next(words)
        elif word == "-d":
            body = next(words)
        else:
            assert HERE.match(word), word
            where = word
    base = f"{sender.url}/api/v1/operator" if where.startswith("$API") else sender.url
    who = "operator" if "/operator" in base else "demo"
    headers["X-API-Key"] = headers["X-API-Key"].replace("$KEY", sender.api.keys[who])
    return await sender.api.http.request(method, HERE.sub(base, where), headers=headers, content=body)


@dataclass(frozen=True)
class Trading:
    """A client with the guide's fixture and ``orders`` in it, and offered the outcomes the guide chooses."""

    sender: Sender
    orders: list[int]


@pytest.fixture
async def trading(sender: Sender) -> Trading:
    async with sender.api.writing() as connection:
        await configs.save(connection, "demo", configs.DEFAULT, {"outcomes": [111, 112]}, "operator")
        await rows.fixture(connection, FIXTURE)
        orders = [(await rows.order(connection, "demo", fixture_id=FIXTURE))["order_id"] for _ in range(2)]
    return Trading(sender, orders)


def test_there_are_examples_to_run() -> None:
    assert len(curls()) >= 4
    assert {path for _, path, _ in bodies()} >= {"/orders/cancel", "/config/markets", "/config/tournaments"}
    assert len(calls(GUIDE)) > 20


def test_every_path_the_guide_names_exists() -> None:
    document = create_app(Settings()).openapi()["paths"]
    for scope, text in (("", CLIENTS), ("/operator", sections("Operators"))):
        for method, path in calls(text):
            whole = f"/api/v1{path}" if path.startswith("/operator/") else f"/api/v1{scope}{path}"
            assert method.lower() in document[whole], f"{method} {path}"


async def test_the_documented_curls_succeed(trading: Trading) -> None:
    for line in curls():
        answer = await _run(trading.sender, line)
        assert answer.status_code == 200, f"{line}: {answer.text}"
        if "/orders" in line:
            assert [order["orderId"] for order in answer.json()["items"]] == trading.orders[::-1]


async def test_what_the_guide_says_to_read_can_be_read(trading: Trading) -> None:
    for path in sorted({path for method, path in calls(CLIENTS) if method == "GET"}):
        by = "operator" if path.startswith("/operator/") else "demo"
        needed = f"?fixtureId={FIXTURE}" if path == "/orders/open" else ""
        answer = await trading.sender.send("GET", path.replace("{orderId}", str(trading.orders[0])) + needed, by=by)
        assert answer.status_code == 200, f"{path}: {answer.text}"


async def test_the_guides_bodies_are_taken(trading: Trading) -> None:
    ids = dict(zip((1, 2), trading.orders, strict=True))
    for method, path, body in bodies():
        if "orderIds" in body:
            body["orderIds"] = [ids[number] for number in body["orderIds"]]
        answer = await trading.sender.send(method, path.replace("{tournamentId}", "132"), body)
        assert answer.is_success, f"{method} {path} {body}: {answer.text}"


async def test_the_guides_messages_of_the_socket_are_answered_as_it_shows(trading: Trading) -> None:
    first, *shown = [json.loads(line) for line in re.findall(r'^(\{"type".*\})$', sections("WebSocket"), re.MULTILINE)]
    again = next(message for message in shown if message["type"] == "subscribe")
    told = {message["type"]: set(message) for message in shown}
    for message, answers in ((first, [{"subscribed"}]), (again, [{"subscribed"}, {"resync", "resumed"}])):
        async with opened(trading.sender.api) as socket:
            await socket.say(**{**message, "apiKey": trading.sender.api.keys["demo"]})
            for kinds in answers:  # which one depends on whether the example's number has been given out here
                heard = await socket.hear()
                assert heard["type"] in kinds
                assert set(heard) == told.get(heard["type"], set(heard))
