"""What the operator and the checker are told and may do, in memory."""

from decimal import Decimal
from typing import Any

import httpx
import pytest

from overround.paper.admin import Admin
from overround.paper.engine import Outcome, PaperOrder
from overround.paper.takers import HOUSE
from tests.paper.asgi import http
from tests.paper.worlds import BareExchange, Stage

D = Decimal


class Still:
    """A source that stands where it is and counts its steps."""

    def __init__(self) -> None:
        self.paused, self.steps = False, 0

    def step(self) -> None:
        self.steps += 1

    def status(self) -> dict[str, Any]:
        return {"source": "still", "paused": self.paused}


class Office:
    """An admin over a world with one client, some house people and a trade."""

    def __init__(self) -> None:
        self.stage, self.source = Stage(), Still()
        self.world, self.engine = self.stage.world, self.stage.world.engine
        self.admin = Admin(self.world, self.source, lambda: {"bets": [{"stake": D("1.10")}]})
        self.engine.open_book("kalshi:1", "kalshi")
        for account in HOUSE:
            self.engine.fund("kalshi", account, D(1000))

    async def call(self, method: str, path: str, body: Any = None) -> httpx.Response:
        async with http(self.admin.app) as client:
            content = body if isinstance(body, str) else None
            return await client.request(method, path, content=content, json=None if content else body)

    async def get(self, path: str) -> Any:
        return (await self.call("GET", path)).json()


@pytest.fixture
def office() -> Office:
    return Office()


def accounts(seen: Any, kind: str) -> set[str]:
    return {row["account"] for row in seen["exchanges"]["kalshi"][kind]}


def trade_between(office: Office, maker: str, taker: str) -> None:
    sides: list[tuple[str, Outcome, str]] = [(maker, "yes", "0.40"), (taker, "no", "0.60")]
    for account, outcome, price in sides:
        office.engine.fund("kalshi", account, D(1000))
        now = office.world.now_ms()
        office.engine.place(
            PaperOrder(f"of-{account}", "kalshi", "kalshi:1", account, outcome, "buy", D(price), D(5), now)
        )


async def test_witness_holds_every_order_and_wallet_and_the_bookmaker(office: Office) -> None:
    office.stage.maker("kalshi", "kalshi:1", "yes", "0.40", "10")
    seen = await office.get("/witness")
    assert accounts(seen, "orders") == {"client"}
    assert accounts(seen, "wallets") == {"client", *HOUSE}
    assert seen["bookmaker"] == {"bets": [{"stake": "1.10"}]}


@pytest.mark.parametrize(
    ("maker", "taker", "seen_without_house"),
    [("client", HOUSE[0], True), (HOUSE[0], "client", True), (HOUSE[0], HOUSE[1], False)],
)
async def test_without_the_house_only_trades_of_clients_are_told(
    office: Office, maker: str, taker: str, seen_without_house: bool
) -> None:
    trade_between(office, maker, taker)
    assert len((await office.get("/witness"))["exchanges"]["kalshi"]["trades"]) == 1
    narrow = await office.get("/witness?house=false")
    trades = narrow["exchanges"]["kalshi"]["trades"]
    assert len(trades) == int(seen_without_house)
    if trades:
        assert (trades[0]["makerAccount"], trades[0]["takerAccount"]) == (maker, taker)
        assert (trades[0]["yes_price"], trades[0]["size"]) == ("0.40", "5")
    assert not accounts(narrow, "orders") & set(HOUSE)
    assert not accounts(narrow, "wallets") & set(HOUSE)


async def test_witness_tells_what_each_book_paid(office: Office) -> None:
    office.engine.settle("kalshi:1", D("0.37"))
    (book,) = (await office.get("/witness"))["exchanges"]["kalshi"]["books"]
    assert book == {"book_id": "kalshi:1", "open": False, "value": "0.37"}


@pytest.mark.parametrize(
    "body",
    [
        None, "no json", [], {}, {"venue": "moon", "fault": "x"}, {"venue": "kalshi"}, {"venue": "kalshi", "fault": ""},
        {"venue": "kalshi", "fault": 7}, {"venue": ["kalshi"], "fault": "x"},
        {"venue": "kalshi", "fault": "x", "times": -1}, {"venue": "kalshi", "fault": "x", "times": True},
        {"venue": "kalshi", "fault": "x", "times": 1.5}, {"venue": "kalshi", "fault": "x", "details": []},
        {"venue": "kalshi", "fault": "x", "details": {"times": 3}},
        {"venue": "kalshi", "fault": "x", "details": {"venue": "abp"}},
    ],
)  # fmt: skip
async def test_fault_that_makes_no_sense_is_refused_and_not_armed(office: Office, body: Any) -> None:
    answer = await office.call("POST", "/faults", body)
    assert answer.status_code == 400
    assert answer.json()["error"]
    assert [office.world.faults.fires(venue, "x") for venue in ("kalshi", "abp")] == [None, None]


async def test_armed_fault_fires_with_its_details_and_is_reported(office: Office) -> None:
    body = {"venue": "abp", "fault": "answer_late", "times": 2, "details": {"seconds": 1.5, "code": "SIZE"}}
    assert (await office.call("POST", "/faults", body)).json() == body
    faults = office.world.faults
    assert faults.fires("abp", "answer_late") == {"seconds": 1.5, "code": "SIZE"}
    assert faults.fires("kalshi", "answer_late") is None
    assert faults.fires("abp", "answer_late") is not None
    assert faults.fires("abp", "answer_late") is None
    assert (await office.get("/status"))["fired"] == [{"venue": "abp", "fault": "answer_late"}] * 2


async def test_fault_armed_zero_times_is_disarmed(office: Office) -> None:
    for times in (3, 0):
        await office.call("POST", "/faults", {"venue": "feed", "fault": "stream_cut", "times": times})
    assert office.world.faults.fires("feed", "stream_cut") is None


@pytest.mark.parametrize(("body", "paused"), [({"paused": True}, True), ({"paused": False}, False), ({}, True)])
async def test_pausing_first_brings_the_source_to_now(office: Office, body: Any, paused: bool) -> None:
    office.source.paused = not paused
    assert (await office.call("POST", "/pause", body)).json() == {"paused": paused}
    assert (office.source.paused, office.source.steps) == (paused, 1)


@pytest.mark.parametrize("body", [{"paused": "yes"}, {"paused": 1}, {"paused": None}])
async def test_pause_is_true_or_false(office: Office, body: Any) -> None:
    assert (await office.call("POST", "/pause", body)).status_code == 400
    assert office.source.steps == 0


async def test_status_counts_what_there_is(office: Office) -> None:
    office.stage.maker("kalshi", "kalshi:1", "yes", "0.40", "10")
    status = await office.get("/status")
    assert status["counts"] == {"orders": 1, "trades": 0, "fixtures": 0}
    assert (status["source"], status["suspensions"]) == ("still", {})


async def test_exchange_that_joins_later_is_seen(office: Office) -> None:
    BareExchange(office.world, "third")
    office.engine.open_book("third:1", "third")
    assert [book["book_id"] for book in (await office.get("/witness"))["exchanges"]["third"]["books"]] == ["third:1"]
