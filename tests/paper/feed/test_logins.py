"""First frames of every kind, and what a connection then hears (oddspapi sheet, sections 2.2 to 2.7 and 3)."""

from decimal import Decimal
from typing import Any

import pytest

from tests.paper.asgi import socket
from tests.paper.feed.desk import CONFLATED, KEY, Desk, channels, fixture

LOGIN = {"type": "login", "apiKey": KEY}


@pytest.mark.parametrize(
    "first",
    [
        "no json", "[]", "7", {}, {"type": "hello"}, {"type": "login"}, {**LOGIN, "apiKey": [KEY]},
        {**LOGIN, "apiKey": {"a": 1}}, {**LOGIN, "channels": 5}, {**LOGIN, "channels": "odds"},
        {**LOGIN, "channels": []}, {**LOGIN, "channels": [["odds"]]}, {**LOGIN, "channels": ["weather"]},
        {**LOGIN, "bookmakers": 7}, {**LOGIN, "bookmakers": []}, {**LOGIN, "sportIds": 10},
        {**LOGIN, "sportIds": [[10]]}, {**LOGIN, "fixtureIds": {"a": 1}}, {**LOGIN, "tournamentIds": "17"},
        {**LOGIN, "lastSeenId": ["1-1"]}, {**LOGIN, "lastSeenId": 4, "serverEpoch": "x"},
        {**LOGIN, "receiveType": ["json"]},
    ],
)  # fmt: skip
async def test_login_that_makes_no_sense_is_told_and_closed_with_4000(desk: Desk, first: Any) -> None:
    async with socket(desk.paper.app, "/ws") as line:
        await line.send(first)
        answer = await line.frame()
        assert (answer["type"], answer["error"]) == ("error", "login_failed")
        assert await line.end() == 4000
    assert desk.paper.hub.clients == set()


async def test_login_may_come_as_bytes(desk: Desk) -> None:
    async with socket(desk.paper.app, "/ws") as line:
        await line.send(b'{"type":"login","apiKey":"feed-key"}')
        assert (await line.frame())["type"] == "login_ok"


@pytest.mark.parametrize(
    ("login", "heard"),
    [
        ({}, {"one", "two", "three"}),
        ({"sportIds": [10]}, {"one", "two"}),
        ({"sportIds": []}, set()),
        ({"tournamentIds": [99]}, {"three"}),
        ({"fixtureIds": [fixture(2).fixture_id]}, {"two"}),
        ({"sportIds": [12], "fixtureIds": [fixture(2).fixture_id]}, set()),
    ],
)
async def test_filters_of_a_login_select_fixtures(desk: Desk, login: dict[str, Any], heard: set[str]) -> None:
    fixtures = {
        "one": fixture(1), "two": fixture(2), "three": fixture(3, sport=12, tournament_id=99),
    }  # fmt: skip
    async with desk.joined(channels=["fixtures"], **login) as line:
        desk.tell(*fixtures.values())
        frames = await line.heard(CONFLATED)
    names = {item.fixture_id: name for name, item in fixtures.items()}
    assert {names[frame["payload"]["fixtureId"]] for frame in frames} == heard


@pytest.mark.parametrize(
    ("bookmakers", "slugs"),
    [
        (None, {"vertex", "kalshi"}),
        (["kalshi"], {"kalshi"}),
        (["vertex", "pinnacle"], {"vertex"}),
        (["pinnacle"], None),
    ],
)
async def test_gated_channels_carry_only_the_bookmakers_asked_for_or_nothing(
    desk: Desk, bookmakers: list[str] | None, slugs: set[str] | None
) -> None:
    async with desk.joined(bookmakers=bookmakers) as line:
        desk.tell(fixture())
        frames = await line.heard(CONFLATED)
    assert "fixtures" in channels(frames)
    for channel in ("odds", "bookmakers"):
        payloads = [frame["payload"] for frame in frames if frame["channel"] == channel]
        assert [set(payload[channel]) for payload in payloads] == ([] if slugs is None else [slugs])


async def test_every_change_reaches_its_channel_and_no_other(desk: Desk) -> None:
    item = fixture()
    desk.tell(item)
    desk.paper.hub.flush()
    async with desk.joined() as line:

        async def after_telling() -> list[str]:
            desk.tell(item)
            return channels(await line.heard(CONFLATED))

        item.markets[0].outcomes[0].price = Decimal("1.95")
        assert await after_telling() == ["odds"]
        item.suspended = True
        assert await after_telling() == ["bookmakers"]
        item.scores = {"result": (1, 0)}
        assert await after_telling() == ["scores"]
        item.clock = {"currentPeriod": "p1"}
        assert await after_telling() == ["clocks"]
        item.status = 1
        assert await after_telling() == ["fixtures"]
        assert await after_telling() == []


async def test_scores_frame_carries_only_the_periods_that_changed(desk: Desk) -> None:
    item = fixture(scores={"result": (0, 0), "p1": (0, 0), "p2": (0, 0)})
    desk.tell(item)
    desk.paper.hub.flush()
    async with desk.joined(channels=["scores"]) as line:
        item.scores = {"result": (1, 0), "p1": (0, 0), "p2": (1, 0)}
        desk.clock.now += 5
        desk.tell(item)
        (frame,) = await line.heard(CONFLATED)
    assert set(frame["payload"]["scores"]) == {"result", "p2"}
    assert frame["payload"]["scores"]["p2"]["participant1Score"] == 1


async def test_numbers_of_a_channel_rise_by_one_and_channels_count_apart(desk: Desk) -> None:
    async with desk.joined() as line:
        for number in range(1, 5):
            desk.tell(fixture(number))
        frames = await line.heard(CONFLATED)
    for channel in ("fixtures", "odds", "bookmakers"):
        ids = [frame["entryId"] for frame in frames if frame["channel"] == channel]
        assert [int(entry.split("-")[1]) for entry in ids] == [1, 2, 3, 4]
    assert all(frame["type"] == "UPDATE" for frame in frames)
    assert all(frame["entryId"].startswith(f"{frame['ts']}-") for frame in frames)


async def test_resume_replays_only_what_this_connection_may_hear(desk: Desk) -> None:
    async with desk.joined(channels=["fixtures"]) as line:
        desk.tell(fixture(1))
        (first,) = await line.heard(CONFLATED)
    desk.tell(fixture(2), fixture(3, sport=12))
    desk.paper.hub.flush()
    resume = {"serverEpoch": desk.paper.hub.epoch, "lastSeenId": {"fixtures": first["entryId"]}}
    async with desk.joined(channels=["fixtures"], sportIds=[12], **resume) as line:
        replayed, done = await line.heard()
    assert replayed["payload"]["fixtureId"] == fixture(3, sport=12).fixture_id
    assert done["type"] == "resume_complete"


@pytest.mark.parametrize("cursor", ["", "x", "1-1", "0-0", "-", "9999999999999999-x"])
async def test_cursor_that_is_none_of_ours_needs_a_snapshot_of_its_channel(desk: Desk, cursor: str) -> None:
    resume = {"serverEpoch": desk.paper.hub.epoch, "lastSeenId": {"scores": cursor}}
    async with desk.joined(channels=["fixtures", "scores"], **resume) as line:
        (required,) = await line.heard()
    assert (required["type"], required["reason"]) == ("snapshot_required", "resume_window_exceeded")
    assert required["channels"] == ["scores"]


async def test_fixture_that_loses_and_regains_its_price_is_told_both_times(desk: Desk) -> None:
    item = fixture()
    desk.tell(item)
    desk.paper.hub.flush()
    outcome = item.markets[0].outcomes[0]
    key = f"{item.fixture_id}:vertex:{outcome.outcome_id}:0"
    seen = []
    async with desk.joined(channels=["odds"], bookmakers=["vertex"]) as line:
        for price, active in ((None, False), (Decimal("1.80"), True), (Decimal("1.80"), False)):
            outcome.price, outcome.active = price, active
            desk.tell(item)
            (frame,) = await line.heard(CONFLATED)
            row = frame["payload"]["odds"]["vertex"][key]
            seen.append((row["price"], row["active"]))
    assert seen == [(1.91, False), (1.8, True), (1.8, False)]
