"""What the command line and the environment of the paper process mean, and what it hands to a program."""

import os
from pathlib import Path
from typing import Any

import pytest

from overround.paper.__main__ import options
from overround.paper.assembly import NAMES, Assembly, Options
from overround.paper.credentials import Credentials, load_credentials, write_private
from overround.paper.simulator import Simulator
from overround.paper.store import Store
from overround.settings import Settings
from tests.paper.asgi import http


@pytest.fixture(autouse=True)
def bare(monkeypatch: pytest.MonkeyPatch) -> None:
    """No setting of whoever runs the tests."""
    for name in [name for name in os.environ if name.startswith("OVERROUND_PAPER")]:
        monkeypatch.delenv(name)


def chosen(*arguments: str) -> Options:
    return options(list(arguments), Settings())


def test_nothing_said_is_sixteen_simulated_matches() -> None:
    assert chosen() == Options(seed=Settings().paper_seed)


@pytest.mark.parametrize(
    ("name", "value", "flag", "field", "expected"),
    [
        ("OVERROUND_PAPER_MOVES", "4.5", "--moves=2", "moves_per_second", (4.5, 2.0)),
        ("OVERROUND_PAPER_FIXTURES", "3", "--fixtures=50", "fixtures", (3, 50)),
        ("OVERROUND_PAPER_TURN", "9", "--turn=4", "turn", (9.0, 4.0)),
        ("OVERROUND_PAPER_PREGAME", "5", "--pregame=8", "pregame", (5.0, 8.0)),
        ("OVERROUND_PAPER_SPEED", "10", "--speed=20", "speed", (10.0, 20.0)),
        ("OVERROUND_PAPER_TOKEN", "a", "--token=b", "token", ("a", "b")),
        ("OVERROUND_PAPER_PAUSED", "1", "--paused", "paused", (True, True)),
    ],
)
def test_environment_counts_where_the_command_line_is_silent(
    monkeypatch: pytest.MonkeyPatch, name: str, value: str, flag: str, field: str, expected: tuple[Any, Any]
) -> None:
    monkeypatch.setenv(name, value)
    assert getattr(chosen(), field) == expected[0]
    assert getattr(chosen(flag), field) == expected[1]


@pytest.mark.parametrize("value", ["0", "", "yes", "true"])
def test_only_a_one_pauses(monkeypatch: pytest.MonkeyPatch, value: str) -> None:
    monkeypatch.setenv("OVERROUND_PAPER_PAUSED", value)
    assert not chosen().paused


def test_recordings_come_from_the_environment_or_from_repeated_flags(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OVERROUND_PAPER_RECORDING", os.pathsep.join(["a.gz", "", "b.gz"]))
    assert chosen().recordings == (Path("a.gz"), Path("b.gz"))
    assert chosen("--recording", "c", "--recording", "d").recordings == (Path("c"), Path("d"))


@pytest.mark.parametrize(
    ("argument", "setting"),
    [
        ("--speed=0", "OVERROUND_PAPER_SPEED"), ("--speed=-1", "OVERROUND_PAPER_SPEED"),
        ("--speed=nan", "OVERROUND_PAPER_SPEED"), ("--moves=0", "OVERROUND_PAPER_MOVES"),
        ("--moves=nan", "OVERROUND_PAPER_MOVES"), ("--turn=0", "OVERROUND_PAPER_TURN"),
        ("--pregame=-3", "OVERROUND_PAPER_PREGAME"), ("--fixtures=0", "OVERROUND_PAPER_FIXTURES"),
        ("--fixtures=51", "OVERROUND_PAPER_FIXTURES"), ("--moves=many", "--moves"), ("--fixtures=1.5", "--fixtures"),
    ],
)  # fmt: skip
def test_impossible_number_is_refused_by_the_name_of_its_setting(
    argument: str, setting: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as refused:
        chosen(argument)
    assert refused.value.code == 2
    assert setting in capsys.readouterr().err.splitlines()[-1]


# -- credentials ------------------------------------------------------------------------------------------------------


def test_credentials_are_made_once_and_for_their_owner_alone(tmp_path: Path) -> None:
    path = tmp_path / "paper" / "credentials.json"
    made = load_credentials(path)
    assert load_credentials(path) == made
    assert path.stat().st_mode & 0o777 == 0o600
    assert load_credentials(tmp_path / "other.json") != made


@pytest.mark.parametrize("text", ["", "{", "[]", "{}", '{"kalshi_key_id": 1}', '{"more": "x"}'])
def test_damaged_credentials_name_their_file(tmp_path: Path, text: str) -> None:
    path = tmp_path / "credentials.json"
    path.write_text(text)
    with pytest.raises(ValueError, match="is damaged") as damaged:
        load_credentials(path)
    assert str(path) in str(damaged.value)
    assert path.read_text() == text


def test_secrets_are_not_in_a_repr(tmp_path: Path) -> None:
    made = load_credentials(tmp_path / "c.json")
    secrets = [made.kalshi_private_key, made.polymarket_private_key, made.abp_key, made.feed_key]
    assert not any(secret in repr(made) for secret in secrets)
    assert made.kalshi_key_id in repr(made)


def test_file_is_replaced_whole_and_leaves_no_part_behind(tmp_path: Path) -> None:
    path = tmp_path / "deep" / "facts.json"
    path.parent.mkdir()
    path.with_suffix(".part").write_text("of an earlier process that was killed")
    write_private(path, "one")
    write_private(path, "two")
    assert path.read_text() == "two"
    assert [item.name for item in path.parent.iterdir()] == ["facts.json"]


# -- everything together ----------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def credentials(tmp_path_factory: pytest.TempPathFactory) -> Credentials:
    return load_credentials(tmp_path_factory.mktemp("state") / "credentials.json")


@pytest.fixture
def assembly(credentials: Credentials) -> Assembly:
    return Assembly(Store(None), credentials, Options(fixtures=8, seed=3))


def test_facts_name_every_server_and_give_each_account_what_its_adapter_needs(assembly: Assembly) -> None:
    urls = {name: f"http://127.0.0.1:{9000 + place}" for place, name in enumerate(NAMES)}
    facts = assembly.facts(urls)
    assert set(assembly.apps()) == set(NAMES) == set(facts["urls"])
    accounts = {account["venue"]: account for account in facts["accounts"]}
    assert {account["kind"] for account in accounts.values()} == {"exchange", "bookmaker"}
    assert accounts["kalshi"]["endpoints"]["ws"] == "ws://127.0.0.1:9001/trade-api/ws/v2"
    assert accounts["polymarket"]["endpoints"]["user_ws"] == "ws://127.0.0.1:9002/ws/user"
    assert facts["feed"]["rest"] == "http://127.0.0.1:9000/en"
    secrets = {name for account in accounts.values() for name in account["secrets"]}
    assert secrets == {"key_id", "private_key_pem", "private_key", "api_key"}


async def test_every_venue_lists_the_same_matches_under_ids_the_feed_carries(assembly: Assembly) -> None:
    assembly.source.step()
    fixtures = assembly.world.fixtures.values()
    assert len(fixtures) == 8
    async with http(assembly.kalshi.app) as kalshi, http(assembly.polymarket.gamma) as gamma:
        events = (await kalshi.get("/trade-api/v2/events")).json()["events"]
        slugs = [event["slug"] for event in (await gamma.get("/events")).json()]
    assert {event["event_ticker"] for event in events} == {f.native["kalshi"].event for f in fixtures}
    assert set(slugs) == {f.native["polymarket"].event for f in fixtures}
    headers = {"X-API-Key": assembly.credentials.feed_key}
    async with http(assembly.feed.app, headers=headers) as feed:
        for fixture in fixtures:
            body = (await feed.get("/en/fixtures/odds", params={"fixtureId": fixture.fixture_id})).json()
            assert set(body["odds"]) == {"vertex", "kalshi", "polymarket"}
            for slug in ("kalshi", "polymarket"):
                shown = {row["bookmakerOutcomeId"] for row in body["odds"][slug].values()}
                assert shown == set(fixture.native[slug].outcomes.values())


def test_options_reach_the_source(credentials: Credentials) -> None:
    chosen = Options(seed=7, moves_per_second=3.0, fixtures=4, turn=6.0, pregame=9.0, paused=True)
    source = Assembly(Store(None), credentials, chosen).source
    assert isinstance(source, Simulator)
    settings = source.settings
    assert (settings.seed, settings.moves_per_second, settings.fixtures) == (7, 3.0, 4)
    assert (settings.turn, settings.pregame, settings.takers.seed, source.paused) == (6.0, 9.0, 7, True)


def test_demo_has_its_money_once_however_often_the_venues_start(credentials: Credentials) -> None:
    store = Store(None)
    for _ in range(2):
        assembly = Assembly(store, credentials, Options(fixtures=4))
        wallets = assembly.world.engine.wallets
        cash = {key: wallet.cash for key, wallet in wallets.items() if key[1] == "demo"}
        assert cash == {("kalshi", "demo"): 100_000, ("polymarket", "demo"): 100_000}
