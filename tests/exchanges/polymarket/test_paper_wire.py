"""The paper venue refuses what the real one refuses, in its words (section 14 of the sheet)."""

import json
import time
from collections.abc import AsyncIterator
from dataclasses import replace
from decimal import Decimal
from typing import Any

import httpx
import pytest_asyncio

from overround.domain.markets import Instrument
from overround.exchanges.polymarket.adapter import Polymarket
from overround.exchanges.polymarket.amounts import limit_amounts
from overround.exchanges.polymarket.signing import (
    NEG_RISK_EXCHANGE_V2,
    OrderFields,
    Signer,
    exchange_for,
    request_headers,
)
from tests.exchanges.polymarket.conftest import Bench, ids_of, request_for
from tests.exchanges.polymarket.vectors import ADDRESS, KEY

STRANGER = "0x59c6995e998f97a5a0044966f0945389dc9e86dae88c7a8412f4603b6b78690d"
"""The second published test key: never a registered trader here."""


class Wire:
    """Raw requests, correctly signed at level 2 unless told otherwise."""

    def __init__(self, exchange: Polymarket, instrument: Instrument, client: httpx.AsyncClient) -> None:
        self._exchange, self._client = exchange, client
        self.keys = exchange._credentials()
        self.instrument = instrument

    async def send(self, method: str, path: str, body: object = None, **changed: str) -> httpx.Response:
        content = None if body is None else json.dumps(body, separators=(",", ":"))
        signed = path.partition("?")[0]
        headers = request_headers(ADDRESS, self.keys, int(time.time()), method, signed, content) | changed
        return await self._client.request(method, path, content=content, headers=headers)

    def order(self, key: str = KEY, exchange: tuple[str, str] | None = None, **changed: Any) -> dict[str, Any]:
        """A good order of type 0 with some fields changed before signing."""
        maker, taker = limit_amounts("BUY", Decimal("0.01"), Decimal("0.40"), Decimal(10))
        fields = OrderFields(
            salt=int(time.time() * 1_000_000) % (1 << 50),
            maker=ADDRESS,
            signer=ADDRESS,
            token_id=self.instrument.contract,
            maker_amount=maker,
            taker_amount=taker,
            side="BUY",
            signature_type=0,
            timestamp=int(time.time() * 1000),
        )
        fields = replace(fields, **changed)
        place = exchange or exchange_for(fields.token_id, False)
        return {
            "salt": fields.salt,
            "maker": fields.maker,
            "signer": fields.signer,
            "tokenId": fields.token_id,
            "makerAmount": str(fields.maker_amount),
            "takerAmount": str(fields.taker_amount),
            "side": fields.side,
            "expiration": "0",
            "signatureType": fields.signature_type,
            "timestamp": str(fields.timestamp),
            "metadata": fields.metadata,
            "builder": fields.builder,
            "signature": Signer(key).sign_order(fields, *place),
        }

    async def place(self, order: dict[str, Any], **changed: Any) -> httpx.Response:
        body = {"order": order, "owner": self.keys.api_key, "orderType": "GTC", "deferExec": False, "postOnly": False}
        return await self.send("POST", "/order", body | changed)

    async def refused(self, order: dict[str, Any], **changed: Any) -> str:
        response = await self.place(order, **changed)
        assert response.status_code == 400
        return str(response.json()["error"])


@pytest_asyncio.fixture
async def wire(bench: Bench, exchange: Polymarket, instrument: Instrument) -> AsyncIterator[Wire]:
    async with httpx.AsyncClient(base_url=bench.endpoints["clob"], trust_env=False) as client:
        yield Wire(exchange, instrument, client)


async def test_good_order_is_live_under_its_digest(wire: Wire, bench: Bench) -> None:
    body = (await wire.place(wire.order())).json()
    assert (body["success"], body["status"], body["errorMsg"]) == (True, "live", "")
    assert bench.world.engine.orders[body["orderID"]].status == "open"
    shown = (await wire.send("GET", f"/data/order/{body['orderID']}")).json()
    assert (shown["status"], shown["original_size"], shown["price"], shown["outcome"]) == ("LIVE", "10", "0.4", "Grace")


async def test_wrong_signers_owners_and_wallets(wire: Wire) -> None:
    signer = "the order signer address has to be the address of the API KEY"
    assert await wire.refused(wire.order(key=STRANGER)) == signer
    assert await wire.refused(wire.order(exchange=(NEG_RISK_EXCHANGE_V2, "2"))) == signer
    assert await wire.refused(wire.order(exchange=(exchange_for("1" * 70, False)[0], "3"))) == signer
    assert await wire.refused(wire.order(maker=Signer(STRANGER).address)) == signer
    assert await wire.refused(wire.order(signature_type=3)) == signer
    owner = "the order owner has to be the owner of the API KEY"
    assert await wire.refused(wire.order(), owner="00000000-0000-0000-0000-000000000000") == owner


async def test_tampered_order_is_refused(wire: Wire) -> None:
    order = wire.order() | {"makerAmount": "4100000"}
    assert await wire.refused(order) == "the order signer address has to be the address of the API KEY"


async def test_old_generation_and_malformed_orders(wire: Wire) -> None:
    assert await wire.refused(wire.order() | {"nonce": "0"}) == "order_version_mismatch"
    malformed = "Invalid order payload"
    assert await wire.refused(wire.order() | {"salt": "12"}) == malformed
    assert await wire.refused(wire.order() | {"salt": 1 << 53}) == malformed
    assert await wire.refused(wire.order(), orderType="IOC") == malformed
    order = wire.order()
    del order["builder"]
    assert await wire.refused(order) == malformed
    assert (await wire.send("POST", "/order", ["no"])).json()["error"] == malformed


async def test_off_tick_small_and_fractional_sizes(wire: Wire) -> None:
    text = await wire.refused(wire.order(maker_amount=4_050_000))
    assert "Price (0.405) breaks minimum tick size rule: 0.01" in text
    text = await wire.refused(wire.order(maker_amount=1_600_000, taker_amount=4_000_000))
    assert "Size (4) lower than the minimum: 5" in text
    assert await wire.refused(wire.order(maker_amount=4_000_400, taker_amount=10_001_000)) == "Invalid order payload"


async def test_tick_change_makes_the_finer_price_legal(wire: Wire, bench: Bench) -> None:
    bench.venue.change_tick(wire.instrument.venue_market, Decimal("0.005"))
    assert (await wire.place(wire.order(maker_amount=4_050_000))).json()["success"]


async def test_post_only_rules(wire: Wire, bench: Bench) -> None:
    text = "invalid post-only order: only GTC and GTD order types are allowed"
    assert await wire.refused(wire.order(), orderType="FOK", postOnly=True) == text
    bench.rest(ids_of(bench.tennis).outcomes[111], "0.70", "10")
    assert await wire.refused(wire.order(), postOnly=True) == "invalid post-only order: order crosses book"


async def test_immediate_orders(wire: Wire, bench: Bench) -> None:
    fok = wire.order()
    text = "order couldn't be fully filled. FOK orders are fully filled or killed."
    assert await wire.refused(fok, orderType="FOK") == text
    assert "Duplicated." in await wire.refused(fok, orderType="FOK")
    text = "no orders found to match with FAK order. FAK orders are partially filled or killed if no match is found."
    assert await wire.refused(wire.order(), orderType="FAK") == text
    bench.rest(ids_of(bench.tennis).outcomes[111], "0.70", "4")
    body = (await wire.place(wire.order(), orderType="FAK")).json()
    assert (body["status"], len(body["tradeIDs"])) == ("matched", 1)
    shown = (await wire.send("GET", f"/data/order/{body['orderID']}")).json()
    assert (shown["status"], shown["size_matched"]) == ("MATCHED", "4")


async def test_expirations(wire: Wire) -> None:
    soon, late = str(int(time.time()) + 30), str(int(time.time()) + 300)
    assert await wire.refused(wire.order() | {"expiration": soon}, orderType="GTD") == "invalid expiration"
    assert await wire.refused(wire.order() | {"expiration": late}) == "invalid expiration"
    assert (await wire.place(wire.order() | {"expiration": late}, orderType="GTD")).json()["success"]


async def test_duplicates_funds_and_unknown_tokens(wire: Wire) -> None:
    order = wire.order()
    order_id = (await wire.place(order)).json()["orderID"]
    assert await wire.refused(order) == f"order {order_id} is invalid. Duplicated."
    dear = wire.order(maker_amount=998_000_000, taker_amount=2_495_000_000)
    assert await wire.refused(dear) == "not enough balance / allowance"
    assert await wire.refused(wire.order(token_id="123456")) == "Invalid token id"
    sell = wire.order(side="SELL", maker_amount=10_000_000, taker_amount=4_000_000)
    assert await wire.refused(sell) == "not enough balance / allowance"


async def test_batches(wire: Wire) -> None:
    def item() -> dict[str, Any]:
        return {"order": wire.order(), "owner": wire.keys.api_key, "orderType": "GTC", "postOnly": True}

    many = [item() for _ in range(16)]
    text = "Too many orders in payload: 16, max allowed: 15"
    assert (await wire.send("POST", "/orders", many)).json()["error"] == text
    bad = item()
    bad["order"]["salt"] += 1
    answers = (await wire.send("POST", "/orders", [item(), bad])).json()
    assert [answer["success"] for answer in answers] == [True, False]


async def test_level_two_headers_are_checked(wire: Wire) -> None:
    bad_key, bad_mac = "Unauthorized/Invalid api key", "Invalid L1 Request headers"
    cases = [
        ({"POLY_API_KEY": "x"}, bad_key),
        ({"POLY_PASSPHRASE": "x"}, bad_key),
        ({"POLY_ADDRESS": Signer(STRANGER).address}, bad_key),
        ({"POLY_SIGNATURE": "x"}, bad_mac),
        ({"POLY_TIMESTAMP": str(int(time.time()) - 1)}, bad_mac),
    ]
    for changed, text in cases:
        response = await wire.send("GET", "/data/orders", **changed)
        assert (response.status_code, response.json()["error"]) == (401, text)
    old = request_headers(ADDRESS, wire.keys, int(time.time()) - 600, "GET", "/data/orders", None)
    assert (await wire.send("GET", "/data/orders", **old)).status_code == 401
    assert (await wire.send("GET", "/data/orders?market=0x1")).status_code == 200


async def test_level_one_headers_are_checked(bench: Bench, exchange: Polymarket) -> None:
    now = int(time.time())
    async with httpx.AsyncClient(base_url=bench.endpoints["clob"], trust_env=False) as client:
        cases = [
            (Signer(KEY).auth_headers(now), "Could not create api key", 400),
            (Signer(STRANGER).auth_headers(now), "Could not create api key", 400),
            (Signer(KEY).auth_headers(now - 600), "Invalid L1 Request headers", 401),
            (Signer(STRANGER).auth_headers(now) | {"POLY_ADDRESS": ADDRESS}, "Invalid L1 Request headers", 401),
        ]
        for headers, text, status in cases:
            response = await client.post("/auth/api-key", headers=headers)
            assert (response.status_code, response.json()["error"]) == (status, text)
        response = await client.get("/auth/derive-api-key", headers=Signer(KEY).auth_headers(now, nonce=9))
        assert response.json()["error"] == "Could not derive api key!"


async def test_cancels_name_what_was_not_cancelled(wire: Wire) -> None:
    order_id = (await wire.place(wire.order())).json()["orderID"]
    unknown = "0x" + "11" * 32
    answer = (await wire.send("DELETE", "/orders", [order_id, unknown])).json()
    assert answer["canceled"] == [order_id]
    assert list(answer["not_canceled"]) == [unknown]
    again = (await wire.send("DELETE", "/order", {"orderID": order_id})).json()
    assert (again["canceled"], list(again["not_canceled"])) == ([], [order_id])
    assert (await wire.send("DELETE", "/order", {"id": 1})).json()["error"] == "Invalid orderID"
    assert (await wire.send("DELETE", "/orders", ["x"] * 3001)).status_code == 400
    assert (await wire.send("DELETE", "/cancel-market-orders", {"market": "0x9"})).json()["error"] == "Invalid market"


async def test_heartbeat_mismatch_names_the_expected_id(wire: Wire) -> None:
    first = (await wire.send("POST", "/v1/heartbeats", {"heartbeat_id": ""})).json()["heartbeat_id"]
    wrong = await wire.send("POST", "/v1/heartbeats", {"heartbeat_id": ""})
    assert (wrong.status_code, wrong.json()) == (400, {"error_msg": "Invalid Heartbeat ID", "heartbeat_id": first})


async def test_book_ascends_and_descends_to_the_best(bench: Bench, wire: Wire) -> None:
    native = ids_of(bench.tennis).outcomes
    for price in ("0.50", "0.55", "0.45"):
        bench.rest(native[111], price, "10")
    bench.rest(native[112], "0.40", "7")
    book = (await wire.send("GET", f"/book?token_id={native[111]}")).json()
    assert [level["price"] for level in book["bids"]] == ["0.45", "0.5", "0.55"]
    assert book["asks"] == [{"price": "0.6", "size": "7"}]
    mirrored = (await wire.send("GET", f"/book?token_id={native[112]}")).json()
    assert [level["price"] for level in mirrored["asks"]] == ["0.55", "0.5", "0.45"]
    assert (await wire.send("GET", "/book?token_id=1")).status_code == 404


async def test_gamma_refuses_deep_offsets_and_hides_closed_markets(bench: Bench) -> None:
    async with httpx.AsyncClient(base_url=bench.endpoints["gamma"], trust_env=False) as client:
        assert (await client.get("/events", params={"offset": "5000"})).status_code == 422
        assert len((await client.get("/markets")).json()) == 4
        bench.venue.resolve(bench.tennis, bench.tennis.market(111), {111: Decimal(1), 112: Decimal(0)})
        assert len((await client.get("/markets")).json()) == 3
        page = (await client.get("/markets/keyset", params={"limit": "2"})).json()
        assert (len(page["markets"]), page["next_cursor"]) == (2, "2")
        rest = (await client.get("/markets/keyset", params={"limit": "2", "after_cursor": "2"})).json()
        assert len(rest["markets"]) == 1
        assert "next_cursor" not in rest


async def test_orders_survive_the_venues_restart(bench: Bench, exchange: Polymarket, instrument: Instrument) -> None:
    from overround.paper.polymarket import PaperPolymarket
    from overround.paper.world import World
    from tests.exchanges.polymarket.conftest import TRADER

    prepared = exchange.prepare(request_for(instrument))
    await exchange.place([prepared])
    again = World(bench.world.store)
    venue = PaperPolymarket(again, [TRADER])
    assert set(venue.assets) == set(bench.venue.assets)
    assert [o.order_id for o in again.engine.open_orders("polymarket", "maker")] == [prepared.venue_order_id]
    assert venue.accounts.keys_of(TRADER) == [exchange._credentials().api_key]
