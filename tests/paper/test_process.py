"""The paper process: starts, says where everything is, stops, and loses nothing when it is killed."""

import asyncio
import json
import socket
import stat
import time
from contextlib import suppress
from pathlib import Path
from typing import Any

import httpx
import pytest

from overround.bookmakers.abp.adapter import Abp
from overround.exchanges.kalshi import Kalshi
from overround.exchanges.polymarket.adapter import Polymarket
from overround.paper.__main__ import options
from overround.paper.assembly import Assembly
from overround.paper.credentials import load_credentials
from overround.paper.store import Store
from overround.settings import Settings
from overround.venues import Account, VenueError
from tests.paper.process import Child, launch, running


@pytest.fixture(scope="module")
def child(tmp_path_factory: pytest.TempPathFactory) -> Any:
    with running(tmp_path_factory.mktemp("state")) as child:
        yield child


def account(child: Child, name: str) -> Account:
    found = next(item for item in child.facts["accounts"] if item["account_id"] == name)
    keys = ("account_id", "venue", "client", "endpoints", "secrets", "options")
    return Account(**{key: found[key] for key in keys})


def test_it_says_where_everything_is_to_its_owner_alone(child: Child) -> None:
    facts = child.facts
    assert set(facts["urls"]) == {"feed", "kalshi", "clob", "gamma", "data", "abp", "admin"}
    assert {item["venue"] for item in facts["accounts"]} == {"kalshi", "polymarket", "abp"}
    assert len(facts["feed"]["key"]) == 32
    for path in (child.state / "paper.json", child.state / "paper" / "credentials.json"):
        assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_status_lists_fixtures_that_move(child: Child) -> None:
    first = child.get("/status")
    end = time.monotonic() + 20
    while (second := child.get("/status"))["moves"] == first["moves"] and time.monotonic() < end:
        time.sleep(0.1)
    assert first["source"] == "simulator"
    assert len(second["fixtures"]) >= 12
    assert second["moves"] > first["moves"]


def test_pause_stops_the_matches(child: Child) -> None:
    assert child.post("/pause", {"paused": True}).json() == {"paused": True}
    first = child.get("/status")
    time.sleep(0.5)
    second = child.get("/status")
    child.post("/pause", {"paused": False})
    assert (first["moves"], first["seconds"], first["paused"]) == (second["moves"], second["seconds"], True)


def test_faults_are_armed_and_nonsense_is_refused(child: Child) -> None:
    good = {"venue": "feed", "fault": "rate_limited", "times": 2, "details": {"seconds": 1}}
    assert child.post("/faults", good).json() == good
    child.post("/faults", {**good, "times": 0})
    bodies: list[Any] = [{"venue": "moon", "fault": "x"}, {"venue": "feed"}, {**good, "times": "2"}, []]
    for bad in (*bodies, {**good, "details": []}):
        assert child.post("/faults", bad).status_code == 400
    assert child.post("/pause", {"paused": "yes"}).status_code == 400


def test_the_witness_holds_the_demo_s_wallets_and_the_bookmaker(child: Child) -> None:
    whole, clients = child.get("/witness"), child.get("/witness?house=false")
    for exchange in ("kalshi", "polymarket"):
        assert [w["account"] for w in clients["exchanges"][exchange]["wallets"]] == ["demo"]
        assert len(whole["exchanges"][exchange]["wallets"]) > 1
        assert whole["exchanges"][exchange]["books"]
    assert set(clients["bookmaker"]) >= {"accounts", "orders", "bets"}


def test_no_secret_is_in_any_answer(child: Child) -> None:
    credentials = json.loads((child.state / "paper" / "credentials.json").read_text())
    answers = json.dumps([child.get("/witness"), child.get("/status")])
    assert not [name for name, value in credentials.items() if name != "kalshi_key_id" and value in answers]


def test_sigterm_ends_it_cleanly_and_the_next_start_continues(tmp_path: Path) -> None:
    with running(tmp_path) as first:
        facts, before = first.facts, first.get("/status")
        assert first.stop() == (0, "")
    with running(tmp_path) as second:
        after = second.get("/status")
        assert second.facts["feed"]["key"] == facts["feed"]["key"]
        assert [f["fixtureId"] for f in after["fixtures"]] == [f["fixtureId"] for f in before["fixtures"]]
        assert after["seconds"] < before["seconds"] + 20


def test_a_taken_port_is_one_clear_line(tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        child = launch(tmp_path, OVERROUND_PAPER_PORT=str(port))
        _, words = child.process.communicate(timeout=30)
    assert child.process.returncode == 78
    assert words.strip().splitlines() == [
        f"paper venues: port {port} cannot be used: Address already in use; set OVERROUND_PAPER_PORT"
    ]
    assert not (tmp_path / "ready").exists()


def test_a_malformed_recording_is_one_clear_line_and_changes_nothing(tmp_path: Path) -> None:
    bad = tmp_path / "bad.ndjson"
    bad.write_text('{"op":"mcm","pt":1}\nnonsense\n')
    child = launch(tmp_path, "--recording", str(bad))
    _, words = child.process.communicate(timeout=30)
    assert child.process.returncode == 78
    assert len(words.strip().splitlines()) == 1
    assert f"{bad}, line 2: not JSON" in words
    assert not (tmp_path / "paper.json").exists()


WRONG = ["--speed 0", "--moves -1", "--turn 0", "--pregame -5", "--fixtures 0", "--speed fast", "--what"]


@pytest.mark.parametrize("arguments", [words.split() for words in WRONG], ids=WRONG)
def test_bad_arguments_are_refused(tmp_path: Path, arguments: list[str]) -> None:
    child = launch(tmp_path, *arguments)
    _, words = child.process.communicate(timeout=30)
    assert child.process.returncode == 2
    assert "error:" in words


def test_matches_can_be_made_short_and_few(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OVERROUND_PAPER_TURN", "2")
    chosen = options(["--pregame", "5", "--fixtures", "3"], Settings())
    assert (chosen.turn, chosen.pregame, chosen.fixtures) == (2.0, 5.0, 3)
    simulator = Assembly(Store(None), load_credentials(tmp_path / "c.json"), chosen).source
    simulator.step()
    listed = simulator.world.fixtures.values()
    assert len(listed) == 3
    assert min(fixture.start_time for fixture in listed) - time.time() < 15


@pytest.mark.parametrize(
    ("port", "words"),
    [
        ("many", "paper venues: OVERROUND_PAPER_PORT: Input should be a valid integer"),
        ("70000", "paper venues: port 70000 cannot be used"),
    ],
)
def test_an_impossible_port_is_one_clear_line(tmp_path: Path, port: str, words: str) -> None:
    child = launch(tmp_path, OVERROUND_PAPER_PORT=port)
    _, said = child.process.communicate(timeout=30)
    assert child.process.returncode == 78
    assert len(said.strip().splitlines()) == 1
    assert said.startswith(words)
    assert "OVERROUND_PAPER_PORT" in said


def test_a_damaged_store_is_one_clear_line(tmp_path: Path) -> None:
    (tmp_path / "paper").mkdir()
    (tmp_path / "paper" / "world.db").write_bytes(b"not a database at all" * 100)
    child = launch(tmp_path)
    _, said = child.process.communicate(timeout=30)
    assert child.process.returncode == 78
    assert len(said.strip().splitlines()) == 1
    assert "FRESH=1" in said


def test_damaged_credentials_are_one_clear_line(tmp_path: Path) -> None:
    (tmp_path / "paper").mkdir()
    (tmp_path / "paper" / "credentials.json").write_text("{}")
    child = launch(tmp_path)
    _, words = child.process.communicate(timeout=30)
    assert child.process.returncode == 78
    assert "credentials.json is damaged" in words.strip().splitlines()[-1]


def test_a_recording_is_played_and_its_progress_shown(tmp_path: Path) -> None:
    path = tmp_path / "one.ndjson"
    runners = [{"id": 1, "status": "ACTIVE", "sortPriority": 1}, {"id": 2, "status": "ACTIVE", "sortPriority": 2}]
    final = [{**runners[0], "status": "WINNER"}, {**runners[1], "status": "LOSER"}]

    def line(pt: int, status: str, states: list[dict[str, Any]]) -> str:
        definition = {"status": status, "eventTypeId": "2", "marketType": "MATCH_ODDS", "runners": states}
        return json.dumps({"op": "mcm", "pt": pt, "mc": [{"id": "1.7", "marketDefinition": definition}]})

    path.write_text("\n".join([line(1_000_000, "OPEN", runners), line(1_001_000, "CLOSED", final)]))
    with running(tmp_path, OVERROUND_PAPER_RECORDING=str(path), OVERROUND_PAPER_SPEED="2") as child:
        deadline = time.monotonic() + 15
        while not (status := child.get("/status"))["finished"]:
            assert time.monotonic() < deadline
            time.sleep(0.1)
    assert (status["source"], status["done"]) == ("recording", 1.0)
    assert status["markets"][0]["results"] == {"121": "WIN", "122": "LOSE"}


async def place_until_killed(child: Child) -> set[str]:
    """Places orders on Kalshi as fast as it answers until the process is killed; ids of those acknowledged."""
    book = child.get("/witness")["exchanges"]["kalshi"]["books"][-1]["book_id"]
    body = {
        "ticker": book.removeprefix("kalshi:"), "side": "bid", "price": "0.0100", "count": "1.00",
        "time_in_force": "good_till_canceled", "self_trade_prevention_type": "taker_at_cross",
    }  # fmt: skip
    acknowledged: set[str] = set()
    asyncio.get_running_loop().call_later(1.5, child.process.kill)
    async with Kalshi(account(child, "kalshi-demo")) as kalshi:
        with suppress(VenueError):
            for number in range(10_000):
                answer = await kalshi.rest.create_order({**body, "client_order_id": f"k{number}"})
                acknowledged.add(str(answer["order_id"]))
    return acknowledged


def test_kill_9_loses_nothing_that_was_acknowledged(tmp_path: Path) -> None:
    with running(tmp_path) as first:
        acknowledged = asyncio.run(place_until_killed(first))
        first.process.wait(10)
    assert len(acknowledged) > 5
    with running(tmp_path) as second:
        kept = second.get("/witness?house=false")["exchanges"]["kalshi"]["orders"]
    assert acknowledged <= {order["order_id"] for order in kept}
    assert len(kept) <= len(acknowledged) + 1, "at most the one that was never answered"


async def test_the_credentials_open_every_venue(child: Child) -> None:
    feed = child.facts["feed"]
    async with httpx.AsyncClient(trust_env=False) as client:
        answer = await client.get(f"{feed['rest']}/bookmakers", headers={"X-API-Key": feed["key"]})
        assert answer.status_code == 200
    async with Kalshi(account(child, "kalshi-demo")) as kalshi:
        assert (await kalshi.balance()).total == 100_000
    async with Polymarket(account(child, "polymarket-demo")) as polymarket:
        assert (await polymarket.balance()).total == 100_000
    async with Abp(account(child, "vertex-demo")) as abp:
        assert await abp.accounts()
