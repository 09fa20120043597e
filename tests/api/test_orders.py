"""Orders as clients read them (mm-api sheet, sections 5.2 to 5.4)."""

from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest

from api.schemas import Order, OrderSummary, Page
from tests.api import rows
from tests.api.conftest import Api

EXAMPLE = {
    "fixtureId": "id1000000861624412",
    "outcomeId": 161,
    "exchange": "polymarket",
    "exchangeOrderId": "0x1a2b3c",
    "exchangeOutcomeId": "12345678",
    "orderStatus": "FILLED",
    "matchedStatus": "FULLY_MATCHED",
    "orderCents": Decimal("0.45"),
    "orderStake": 100,
    "matchedStake": 100,
    "settlementStatus": "UNDECIDED",
    "bookmakerOutcomePrice": Decimal("1.808"),
    "bookmakerOutcomeLimit": 5000,
    "createdAt": "2026-02-15T12:00:00Z",
    "matchedAt": "2026-02-15T12:00:05Z",
}


async def _example(api: Api) -> dict[str, Any]:
    async with api.writing() as connection:
        return await rows.order(
            connection,
            "demo",
            fixture_id="id1000000861624412",
            outcome_id=161,
            exchange="polymarket",
            venue_order_id="0x1a2b3c",
            contract="12345678",
            status="FILLED",
            matched_status="FULLY_MATCHED",
            filled="100.0",
            matched_at=rows.NOON + timedelta(seconds=5),
        )


async def _many(api: Api, count: int, **changes: Any) -> list[int]:
    async with api.writing() as connection:
        return [(await rows.order(connection, "demo", **changes))["order_id"] for _ in range(count)]


async def test_an_order_is_shown_exactly_as_the_sheet_shows_it(api: Api) -> None:
    order = await _example(api)
    body = await api.body(f"/orders/{order['order_id']}")
    assert body == {"orderId": order["order_id"], **EXAMPLE}
    Order.model_validate(body, by_alias=True)


async def test_the_list_is_newest_first_in_an_envelope(api: Api) -> None:
    ids = await _many(api, 5)
    body = await api.body("/orders", pageSize=2)
    Page[Order].model_validate(body)
    assert [item["orderId"] for item in body["items"]] == [ids[4], ids[3]]
    assert {key: body[key] for key in ("page", "pageSize", "total", "totalPages")} == {
        "page": 1,
        "pageSize": 2,
        "total": 5,
        "totalPages": 3,
    }
    last = await api.body("/orders", page=3, page_size=2)
    assert [item["orderId"] for item in last["items"]] == [ids[0]]


async def test_a_page_past_the_end_is_empty_not_an_error(api: Api) -> None:
    await _many(api, 1)
    body = await api.body("/orders", page=1_000_000, pageSize=2000)
    assert (body["items"], body["total"]) == ([], 1)


async def test_the_default_page_holds_fifty(api: Api) -> None:
    await _many(api, 51)
    body = await api.body("/orders")
    assert (len(body["items"]), body["pageSize"], body["totalPages"]) == (50, 50, 2)


@pytest.mark.parametrize(
    ("query", "kept"),
    [
        ({"fixtureId": "other"}, {"other"}),
        ({"fixture_id": "other"}, {"other"}),
        ({"exchange": "polymarket"}, {"polymarket"}),
        ({"status": "PARTIAL"}, {"partial"}),
        ({"status": "PARTIAL,CANCELLED"}, {"partial", "cancelled"}),
        ({"fromDate": "2026-02-16"}, {"late"}),
        ({"from_date": "2026-02-16"}, {"late"}),
        ({"toDate": "2026-02-14"}, {"early"}),
        ({"to_date": "2026-02-14"}, {"early"}),
        ({"fromDate": "2026-02-14", "toDate": "2026-02-14"}, {"early"}),
        ({"fromDate": "2026-02-17"}, set()),
        ({"toDate": "9999-12-31", "fromDate": "2026-02-16"}, {"late"}),
        ({"fixtureId": "other", "fixture_id": "ignored"}, {"other"}),
        ({"exchange": "polymarket", "status": "PARTIAL"}, set()),
    ],
)
async def test_each_filter_keeps_what_it_names_in_both_spellings(
    api: Api, query: dict[str, str], kept: set[str]
) -> None:
    async with api.writing() as connection:
        named = {
            "other": await rows.order(connection, "demo", fixture_id="other"),
            "polymarket": await rows.order(connection, "demo", exchange="polymarket"),
            "partial": await rows.order(connection, "demo", status="PARTIAL"),
            "cancelled": await rows.order(connection, "demo", status="CANCELLED"),
            "early": await rows.order(connection, "demo", created_at="2026-02-14T23:59:59.999Z"),
            "late": await rows.order(connection, "demo", created_at="2026-02-16T00:00:00Z"),
        }
    names = {row["order_id"]: name for name, row in named.items()}
    body = await api.body("/orders", **query)
    assert {names[item["orderId"]] for item in body["items"]} == kept


async def test_open_orders_of_one_fixture_only(api: Api) -> None:
    async with api.writing() as connection:
        wanted = [
            (await rows.order(connection, "demo", status=status))["order_id"]
            for status in ("PENDING_PLACEMENT", "PLACED", "PARTIAL")
        ]
        for status in ("FILLED", "FAILED", "CANCELLED", "EXPIRED"):
            await rows.order(connection, "demo", status=status)
        await rows.order(connection, "demo", fixture_id="elsewhere")
    for spelling in ("fixtureId", "fixture_id"):
        body = await api.body("/orders/open", **{spelling: rows.FIXTURE})
        assert sorted(item["orderId"] for item in body["items"]) == wanted


async def test_open_orders_without_a_fixture_answer_the_documented_error(api: Api) -> None:
    answer = await api.get("/orders/open")
    assert answer.status_code == 422
    assert answer.json()["detail"] == [{"loc": ["query", "fixtureId"], "msg": "Field required", "type": "missing"}]


async def test_the_summary_counts_and_sums_exactly(api: Api) -> None:
    async with api.writing() as connection:
        await rows.order(connection, "demo", size="0.1", filled="0.1", status="FILLED")
        await rows.order(connection, "demo", size="0.2", status="CANCELLED", exchange="polymarket")
        await rows.order(connection, "demo", size="0.7", filled="0.3", status="PARTIAL", fixture_id="other")
        await rows.order(connection, "demo", size="9", status="FAILED", created_at="2026-03-01T00:00:00Z")
    expected = {
        "totalOrders": 3,
        "fixtureCount": 2,
        "exchangeCount": 2,
        "totalStake": 1,
        "totalMatched": Decimal("0.4"),
        "totalOpen": Decimal("0.4"),
        "filledCount": 1,
        "cancelledCount": 1,
        "openCount": 1,
    }
    for path in ("/orders/summary", "/positions/summary"):
        body = await api.body(path, toDate="2026-02-28")
        OrderSummary.model_validate(body)
        assert body == expected


async def test_the_summary_of_nothing_is_all_zero(api: Api) -> None:
    assert set((await api.body("/positions/summary")).values()) == {0}


@pytest.mark.parametrize("digits", ["0.1", "123456789012345678901234567890.123456789", "0.000000000001", "100"])
async def test_money_keeps_every_digit(api: Api, digits: str) -> None:
    async with api.writing() as connection:
        order = await rows.order(connection, "demo", size=digits)
    answer = await api.get(f"/orders/{order['order_id']}")
    assert f'"orderStake":{digits},' in answer.text


async def test_an_unknown_id_is_404_and_a_bad_one_422(api: Api) -> None:
    assert (await api.get("/orders/999999")).status_code == 404
    assert (await api.get("/orders/999999")).json()["detail"] == "Order not found"
    for bad in ("abc", "0", "-1", "9223372036854775808"):
        assert (await api.get(f"/orders/{bad}")).status_code == 422


@pytest.mark.parametrize(
    ("query", "where"),
    [
        ({"page": "0"}, "page"),
        ({"page": "x"}, "page"),
        ({"pageSize": "2001"}, "pageSize"),
        ({"page_size": "0"}, "pageSize"),
        ({"status": "DONE"}, "status"),
        ({"status": "PLACED,"}, "status"),
        ({"fromDate": "15.02.2026"}, "fromDate"),
        ({"from_date": "1700000000"}, "fromDate"),
        ({"toDate": "2026-02-30"}, "toDate"),
        ({"fixtureId": "a\x00b"}, "fixtureId"),
        ({"exchange": ""}, "exchange"),
    ],
)
async def test_a_bad_parameter_is_named(api: Api, query: dict[str, str], where: str) -> None:
    answer = await api.get("/orders", **query)
    assert answer.status_code == 422
    assert [item["loc"] for item in answer.json()["detail"]] == [["query", where]]
