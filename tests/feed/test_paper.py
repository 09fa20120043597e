"""The paper gateway on its own wire, spoken to without our client."""

import asyncio
import base64
import json
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import httpx
import msgpack
import pytest
import zstandard
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed

from overround.paper.feed import PaperFeed, catalogue, socket
from overround.paper.feed import frames as module
from overround.paper.feed.hub import RESUME_WINDOW_MS, Hub
from overround.paper.store import Store
from overround.paper.world import PaperFixture, World
from tests.feed.conftest import Served
from tests.feed.worlds import BASKETBALL, KEY, SOCCER, basketball, move, outcome, soccer

Json = dict[str, Any]


@asynccontextmanager
async def joined(served: Served, **login: Any) -> AsyncIterator[tuple[ClientConnection, Json]]:
    """A logged-in socket and its ``login_ok``."""
    async with connect(served.ws_url, proxy=None, close_timeout=1) as ws:
        await ws.send(json.dumps({"type": "login", "apiKey": KEY} | login))
        yield ws, json.loads(await ws.recv())


async def frames(ws: ClientConnection, quiet: float = 0.1) -> list[Json]:
    """Every JSON frame until nothing comes for ``quiet`` seconds."""
    found = []
    try:
        while True:
            async with asyncio.timeout(quiet):
                found.append(json.loads(await ws.recv()))
    except TimeoutError:
        return found


async def close_code(ws: ClientConnection) -> int | None:
    try:
        while True:
            await ws.recv()
    except ConnectionClosed as closed:
        return closed.rcvd.code if closed.rcvd else 1006


def listed(served: Served, *fixtures: PaperFixture) -> list[PaperFixture]:
    """Put fixtures into the world as already told."""
    for fixture in fixtures:
        served.world.tell(fixture, "fixture")
    served.paper.hub.flush()
    return list(fixtures)


# -- login ------------------------------------------------------------------------------------------------------------


async def test_login_ok_says_what_was_agreed(served: Served) -> None:
    async with joined(served, channels=["odds", "scores", "nonsense"], bookmakers=["vertex"], clientName="t") as (
        _,
        ok,
    ):
        assert (ok["type"], ok["channels"], ok["bookmakers"]) == ("login_ok", ["odds", "scores"], ["vertex"])
        assert (ok["receiveType"], ok["clientName"], ok["sportIds"]) == ("json", "t", None)
        assert ok["resume"]["serverEpoch"] == served.paper.hub.epoch
        assert (ok["resume"]["resumeWindowMs"], ok["resume"]["replayChannels"]) == (60000, ["scores"])


@pytest.mark.parametrize(
    ("first", "message"),
    [
        ("hello", "first message must be login"),
        ('{"type":"subscribe"}', "first message must be login"),
        ('{"type":"login"}', "missing or invalid"),
        ('{"type":"login","apiKey":"wrong"}', "missing or invalid"),
        (f'{{"type":"login","apiKey":"{KEY}","channels":["nonsense"]}}', "no channel allowed"),
        (f'{{"type":"login","apiKey":"{KEY}","bookmakers":[]}}', "bookmakers not allowed"),
    ],
)
async def test_bad_login_is_answered_and_closed_with_4000(served: Served, first: str, message: str) -> None:
    async with connect(served.ws_url, proxy=None) as ws:
        await ws.send(first)
        answer = json.loads(await ws.recv())
        assert (answer["type"], answer["error"]) == ("error", "login_failed")
        assert message in answer["message"]
        assert await close_code(ws) == 4000


async def test_no_login_in_time_is_closed_with_4000(served: Served, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(socket, "LOGIN_SECONDS", 0.05)
    async with connect(served.ws_url, proxy=None) as ws:
        assert await close_code(ws) == 4000


async def test_sixth_connection_is_closed_with_4003(served: Served) -> None:
    sockets = [await connect(served.ws_url, proxy=None) for _ in range(6)]
    for ws in sockets:
        await ws.send(json.dumps({"type": "login", "apiKey": KEY}))
        answer = json.loads(await ws.recv())
    assert answer["error"] == "too_many_connections"
    assert await close_code(sockets[5]) == 4003
    for ws in sockets:
        await ws.close()


async def test_revoked_key_is_closed_with_4001_and_refused_after(served: Served) -> None:
    async with joined(served) as (ws, _):
        served.paper.revoke(KEY)
        assert await close_code(ws) == 4001
    async with joined(served) as (_, answer):
        assert answer["error"] == "login_failed"


async def test_client_too_slow_is_closed_with_4002(served: Served, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(socket, "MAX_QUEUED", 3)
    (fixture,) = listed(served, basketball())
    async with joined(served) as (ws, _):
        served.paper.inflict("stream_frozen", seconds=0.1)
        for step in range(6):
            move(served.world, fixture, 111, f"1.{step + 20}")
            served.paper.hub.flush()
        assert await close_code(ws) == 4002


# -- data frames ------------------------------------------------------------------------------------------------------


async def test_changes_within_ten_milliseconds_are_one_frame_per_fixture(served: Served) -> None:
    fixtures = listed(served, basketball(), soccer())
    async with joined(served, channels=["odds"]) as (ws, _):
        for step in range(20):
            for fixture in fixtures:
                for item in fixture.markets[0].outcomes:
                    move(served.world, fixture, item.outcome_id, f"1.{step + 20}")
        got = await frames(ws)
    assert [frame["payload"]["fixtureId"] for frame in got] == [BASKETBALL, SOCCER]
    rows = got[1]["payload"]["odds"]["vertex"]
    assert {key: row["price"] for key, row in rows.items()} == {f"{SOCCER}:vertex:{o}:0": 1.39 for o in (101, 102, 103)}


async def test_only_rows_that_changed_are_sent(served: Served) -> None:
    (fixture,) = listed(served, basketball())
    async with joined(served) as (ws, _):
        served.world.tell(fixture, "odds")
        move(served.world, fixture, 112, "2.22")
        got = await frames(ws)
    assert [frame["channel"] for frame in got] == ["odds"]
    assert list(got[0]["payload"]["odds"]["vertex"]) == [f"{BASKETBALL}:vertex:112:0"]


async def test_envelope_is_numbered_and_stamped(served: Served) -> None:
    (fixture,) = listed(served, basketball())
    async with joined(served, channels=["odds"]) as (ws, ok):
        last = ok["resume"]["serverEntryIds"]["odds"]
        move(served.world, fixture, 112, "2.22")
        (frame,) = await frames(ws)
    assert frame["type"] == "UPDATE"
    assert re.fullmatch(rf"{frame['ts']}-\d+", frame["entryId"])
    assert int(frame["entryId"].split("-")[1]) == int(last.split("-")[1]) + 1
    assert frame["payload"]["odds"]["vertex"][f"{BASKETBALL}:vertex:112:0"]["changedAt"] == 1_788_421_026_000


async def test_each_change_has_its_channel(served: Served) -> None:
    (fixture,) = listed(served, basketball())
    async with joined(served) as (ws, _):
        fixture.status, fixture.scores, fixture.suspended = 1, {"p1": (3, 2)}, True
        fixture.clock = {"currentPeriod": "p1", "stopped": False}
        served.world.tell(fixture, "scores")
        got = {frame["channel"]: frame["payload"] for frame in await frames(ws)}
        fixture.clock = {"currentPeriod": "p1", "stopped": True}
        served.world.tell(fixture, "clock")
        (clock,) = await frames(ws)
    assert set(got) == {"bookmakers", "scores", "fixtures"}
    assert got["scores"]["scores"]["p1"]["participant2Score"] == 2
    assert got["bookmakers"]["bookmakers"]["vertex"]["suspended"] is True
    assert got["fixtures"]["status"] == {"live": True, "statusId": 1, "statusName": "Live"}
    assert (clock["channel"], clock["payload"]["clock"]["stopped"]) == ("clocks", True)


async def test_filters_by_channel_sport_fixture_and_bookmaker(served: Served) -> None:
    fixtures = listed(served, basketball(), soccer())
    for login, expected in (
        ({"channels": ["scores"]}, 0),
        ({"sportIds": [10]}, 1),
        ({"tournamentIds": [132]}, 1),
        ({"fixtureIds": [SOCCER]}, 1),
        ({"bookmakers": ["pinnacle"]}, 0),
        ({"bookmakers": ["vertex", "pinnacle"]}, 2),
    ):
        async with joined(served, **login) as (ws, _):
            for fixture in fixtures:
                move(served.world, fixture, fixture.markets[0].market_id, str(1.5 + expected + len(login) / 100))
                fixture.markets[0].outcomes[0].limit += 1
            assert len(await frames(ws)) == expected, login


async def test_outcome_that_lost_its_price_is_sent_inactive_with_the_last_one(served: Served) -> None:
    (fixture,) = listed(served, basketball())
    async with joined(served) as (ws, _):
        fixture.markets[0].outcomes[0].price = None
        served.world.tell(fixture, "odds")
        (frame,) = await frames(ws)
    row = frame["payload"]["odds"]["vertex"][f"{BASKETBALL}:vertex:111:0"]
    assert (row["price"], row["active"]) == (1.91, False)


async def test_exchange_listing_later_brings_its_ids(served: Served) -> None:
    fixture = basketball()
    native, fixture.native = fixture.native, {}
    listed(served, fixture)
    async with joined(served, bookmakers=["kalshi"]) as (ws, _):
        fixture.native = native
        served.world.tell(fixture, "fixture")
        got = {frame["channel"]: frame["payload"] for frame in await frames(ws)}
    assert got["bookmakers"]["bookmakers"]["kalshi"]["bookmakerFixtureId"] == "KXNBAGAME-26APR21HOULAL"
    row = got["odds"]["odds"]["kalshi"][f"{BASKETBALL}:kalshi:111:0"]
    assert row["bookmakerOutcomeId"] == row["bookmakerMarketId"] == "KXNBAGAME-26APR21HOULAL-HOU"


# -- encodings --------------------------------------------------------------------------------------------------------


async def test_binary_frames_are_messagepack_and_control_is_text(served: Served) -> None:
    (fixture,) = listed(served, basketball())
    async with joined(served, receiveType="binary") as (ws, _):
        move(served.world, fixture, 111, "1.99")
        frame = await ws.recv()
    assert isinstance(frame, bytes)
    assert msgpack.unpackb(frame)["payload"]["odds"]["vertex"][f"{BASKETBALL}:vertex:111:0"]["price"] == 1.99


async def test_zstd_frames_stand_alone_without_size_or_dictionary(served: Served) -> None:
    (fixture,) = listed(served, basketball())
    async with joined(served, receiveType="zstd") as (ws, _):
        move(served.world, fixture, 111, "1.99")
        frame = await ws.recv()
    assert isinstance(frame, bytes)
    header = zstandard.get_frame_parameters(frame)
    assert (header.dict_id, header.content_size) == (0, zstandard.CONTENTSIZE_UNKNOWN)
    assert json.loads(zstandard.ZstdDecompressor().decompress(frame, 1 << 20))["channel"] == "odds"


async def test_dictionaries_come_before_data_and_are_named_by_the_frame(served: Served) -> None:
    (fixture,) = listed(served, basketball())
    async with joined(served, receiveType="zstd-dict", channels=["odds", "bookmakers"]) as (ws, _):
        sent = [json.loads(await ws.recv()) for _ in range(2)]
        move(served.world, fixture, 111, "1.99")
        frame = await ws.recv()
    assert isinstance(frame, bytes)
    data = {item["dictId"]: base64.b64decode(item["data"]) for item in sent}
    dictionary = zstandard.ZstdCompressionDict(data[zstandard.get_frame_parameters(frame).dict_id])
    plain = zstandard.ZstdDecompressor(dict_data=dictionary).decompress(frame, 1 << 20)
    assert json.loads(plain)["channel"] == "odds"
    assert len(frame) < len(plain) / 3


async def test_unknown_encoding_is_downgraded_to_json(served: Served) -> None:
    async with joined(served, receiveType="protobuf") as (_, ok):
        assert ok["receiveType"] == "json"


# -- resume -----------------------------------------------------------------------------------------------------------


async def test_replay_sends_what_was_missed_once_in_order(served: Served) -> None:
    (fixture,) = listed(served, basketball())
    hub = served.paper.hub
    seen = dict(hub.last_entries(["fixtures", "scores"]))
    for step in (1, 2, 3):
        fixture.scores = {"p1": (step, 0)}
        served.world.tell(fixture, "scores")
        hub.flush()
    last = {"fixtures": seen["fixtures"], "scores": hub.cursors["scores"].recent[0].entry_id}
    async with joined(served, serverEpoch=hub.epoch, lastSeenId=last) as (ws, _):
        got = await frames(ws)
    assert [frame.get("channel") or frame["type"] for frame in got] == ["scores", "scores", "resume_complete"]
    assert [frame["payload"]["scores"]["p1"]["participant1Score"] for frame in got[:2]] == [2, 3]


async def test_cursor_older_than_the_window_needs_a_snapshot(served: Served) -> None:
    listed(served, basketball())
    hub = served.paper.hub
    at, sequence = hub.last_entries(["fixtures"])["fixtures"].split("-")
    old = f"{int(at) - RESUME_WINDOW_MS - 1000}-{sequence}"
    async with joined(served, serverEpoch=hub.epoch, lastSeenId={"fixtures": old}) as (ws, _):
        (frame,) = await frames(ws)
    assert (frame["type"], frame["reason"]) == ("snapshot_required", "resume_window_exceeded")
    assert frame["channels"] == ["fixtures"]


async def test_another_epoch_needs_a_snapshot_of_everything(served: Served) -> None:
    listed(served, basketball())
    async with joined(served, serverEpoch="old", lastSeenId={"fixtures": "1-1"}) as (ws, ok):
        (frame,) = await frames(ws)
    assert (frame["reason"], frame["channels"]) == ("server_restarted", ok["channels"])


async def test_restart_is_a_new_epoch_with_new_numbers(served: Served) -> None:
    (fixture,) = listed(served, basketball())
    before = served.paper.hub.epoch
    async with joined(served) as (ws, _):
        served.paper.inflict("restart")
        assert await close_code(ws) == 1011
    move(served.world, fixture, 111, "1.5")
    served.paper.hub.flush()
    async with joined(served) as (_, ok):
        assert ok["resume"]["serverEpoch"] != before
        assert ok["resume"]["serverEntryIds"]["odds"].endswith("-1")


# -- misbehaviour -----------------------------------------------------------------------------------------------------


async def test_stream_faults_fire_at_the_next_change(served: Served) -> None:
    (fixture,) = listed(served, basketball())
    async with joined(served) as (ws, _):
        served.world.faults.arm("feed", "bad_frame", data="{nonsense")
        move(served.world, fixture, 111, "1.5")
        assert json.loads(await ws.recv())["channel"] == "odds"
        assert await ws.recv() == "{nonsense"
        served.world.faults.arm("feed", "stream_cut")
        move(served.world, fixture, 111, "1.6")
        assert await close_code(ws) == 1006
    assert served.world.faults.fired == [("feed", "bad_frame"), ("feed", "stream_cut")]


async def test_frozen_stream_sends_late_what_it_held(served: Served) -> None:
    (fixture,) = listed(served, basketball())
    async with joined(served) as (ws, _):
        served.paper.inflict("stream_frozen", seconds=0.3)
        move(served.world, fixture, 111, "1.5")
        assert await frames(ws, 0.15) == []
        assert len(await frames(ws, 0.3)) == 1


async def test_reconnect_frame_then_close_after_draining(served: Served) -> None:
    async with joined(served) as (ws, _):
        served.paper.inflict("reconnect", seconds=0.05)
        assert json.loads(await ws.recv()) == {"type": "reconnect", "reason": "server_upgrade"}
        assert await close_code(ws) == 1011


# -- REST -------------------------------------------------------------------------------------------------------------


@pytest.fixture
async def http(served: Served) -> AsyncIterator[httpx.AsyncClient]:
    listed(served, basketball())
    async with httpx.AsyncClient(base_url=served.url, headers={"X-API-Key": KEY}, trust_env=False) as client:
        yield client


async def test_key_in_the_query_works_and_must_agree_with_the_header(served: Served, http: httpx.AsyncClient) -> None:
    async with httpx.AsyncClient(base_url=served.url, trust_env=False) as bare:
        assert (await bare.get("/en/sports", params={"apiKey": KEY})).status_code == 200
        assert (await bare.get("/en/sports")).json()["code"] == "missing_api_key"
    answer = await http.get("/en/sports", params={"apiKey": "other"})
    assert (answer.status_code, answer.json()["code"]) == (401, "invalid_api_key")


@pytest.mark.parametrize(
    ("path", "status", "code"),
    [
        ("/en/fixtures/odds", 422, "validation_error"),
        ("/en/fixtures/odds?fixtureId=x", 404, "not_found"),
        (f"/en/fixtures/odds?fixtureId={BASKETBALL}&bookmakers=a,b,c,d,e,f", 400, "invalid_filters"),
        (f"/en/fixtures/odds?fixtureId={BASKETBALL}&since=soon", 422, "validation_error"),
        ("/en/fixtures", 400, "invalid_filters"),
        ("/en/fixtures/mapping", 400, "missing_bookmaker"),
        ("/en/markets", 400, "invalid_filters"),
        ("/en/markets?marketIds=x", 422, "validation_error"),
        ("/en/futures/settlement", 501, "not_implemented"),
        ("/xx/sports", 404, "not_found"),
    ],
)
async def test_bad_requests_have_bodies_that_say_so(http: httpx.AsyncClient, path: str, status: int, code: str) -> None:
    answer = await http.get(path)
    assert (answer.status_code, answer.json()["error"], answer.json()["code"]) == (status, status, code)


async def test_limit_headers_count_down_and_429_says_when(http: httpx.AsyncClient) -> None:
    answers = [await http.get("/en/fixtures/odds", params={"fixtureId": BASKETBALL}) for _ in range(25)]
    assert answers[0].headers["X-RateLimit-Limit"] == "10"
    refused = next(answer for answer in answers if answer.status_code == 429)
    assert refused.json()["code"] == "rate_limited"
    assert int(refused.headers["Retry-After"]) == refused.json()["retryAfterSec"] == 1
    other = await http.get("/en/sports")
    assert (other.status_code, other.headers["X-RateLimit-Limit"]) == (200, "100")


async def test_fixture_object_has_the_documented_shape(http: httpx.AsyncClient) -> None:
    body = (await http.get("/en/fixtures/odds", params={"fixtureId": BASKETBALL})).json()
    assert body["participants"]["participant1Name"] == "Houston Rockets"
    assert body["startTime"] == 1_788_430_000
    row = body["odds"]["polymarket"][f"{BASKETBALL}:polymarket:112:0"]
    assert (row["bookmakerMarketId"], row["bookmakerOutcomeId"]) == ("0xc0", "70002")
    assert body["bookmakers"]["vertex"]["updatedAt"].endswith("Z")


# -- without a loop, and cheap ----------------------------------------------------------------------------------------


def test_world_may_change_before_any_loop_runs() -> None:
    world = World(Store(None))
    hub = Hub(world)
    world.tell(basketball(), "fixture")
    view = hub.view(BASKETBALL)
    assert view is not None
    assert set(view.rows) == {"vertex", "kalshi", "polymarket"}


def test_saved_world_is_served_after_a_restart() -> None:
    store = Store(None)
    World(store).tell(basketball(), "fixture")
    paper = PaperFeed(World(store), {KEY})
    assert [view.fixture.fixture_id for view in paper.hub.listed()] == [BASKETBALL]


def test_market_in_the_catalogue_of_the_world_keeps_its_winners() -> None:
    fixture = basketball()
    fixture.markets[0].market_id, fixture.markets[0].winners = 7901, 3
    fixture.markets[0].outcomes = [outcome(7901 + runner, str(runner), "5") for runner in range(10)]
    row = next(row for row in catalogue.markets([fixture]) if row["marketId"] == 7901)
    assert (row["marketLength"], row["winners"]) == (10, 3)


def test_frame_for_many_clients_is_encoded_once(monkeypatch: pytest.MonkeyPatch) -> None:
    calls, encode = [], module.encode

    def counted(body: Json, receive_type: str, channel: str) -> str | bytes:
        calls.append(receive_type)
        return encode(body, receive_type, channel)

    monkeypatch.setattr(module, "encode", counted)
    frame = module.Frame("fixtures", {"fixtureId": "x"}, 1, "1-1", 11, 132, "x")
    for _ in range(5):
        frame.encoded("zstd", frozenset({"vertex"}))
        frame.encoded("zstd", None)
    assert len(calls) == 1
