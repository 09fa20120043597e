"""Public market data: filters, pages, books, and what a market says of itself (kalshi sheet, section 5)."""

from typing import Any

import pytest

from tests.paper.asgi import http
from tests.paper.kalshi.desk import AWAY, HOME, PREFIX, D, Desk


async def get(desk: Desk, path: str, **query: Any) -> Any:
    """Unsigned, as market data may be read."""
    async with http(desk.venue.app) as client:
        answer = await client.get(PREFIX + path, params=query)
    return answer.json() if answer.status_code == 200 else answer.status_code


async def tickers(desk: Desk, **query: Any) -> list[str]:
    return [market["ticker"] for market in (await get(desk, "/markets", **query))["markets"]]


async def test_markets_are_found_by_event_series_ticker_and_status(desk: Desk) -> None:
    football, soccer = (fixture.native["kalshi"] for fixture in desk.fixtures)
    assert len(await tickers(desk)) == 5
    assert await tickers(desk, event_ticker=football.event) == [desk.ticker(HOME), desk.ticker(AWAY)]
    assert await tickers(desk, series_ticker="KXSOCCERGAME") == list(soccer.outcomes.values())
    assert await tickers(desk, tickers=f"{desk.ticker(102)},{desk.ticker(HOME)},KXNONE") == [
        desk.ticker(HOME),
        desk.ticker(102),
    ]
    assert await tickers(desk, event_ticker="KXNONE") == []


@pytest.mark.parametrize(("asked", "status"), [("open", "active"), ("paused", "inactive"), ("settled", "finalized")])
async def test_coarse_status_words_select_the_venues_own(desk: Desk, asked: str, status: str) -> None:
    desk.venue.pause(desk.ticker(101), True)
    desk.resolve("1", "0")
    found = (await get(desk, "/markets", status=asked))["markets"]
    assert found
    assert {market["status"] for market in found} == {status}
    assert len(await tickers(desk, status="open,paused,settled")) == 5


@pytest.mark.parametrize("limit", [1, 2, 3, 5, 1000])
async def test_pages_of_any_size_join_to_the_whole_list(desk: Desk, limit: int) -> None:
    whole, joined, cursor = await tickers(desk), [], None
    while cursor != "":
        query = {"limit": limit} | ({"cursor": cursor} if cursor else {})
        body = await get(desk, "/markets", **query)
        assert len(body["markets"]) <= limit
        joined += [market["ticker"] for market in body["markets"]]
        cursor = body["cursor"]
    assert joined == whole


async def test_best_prices_are_seen_from_both_sides_and_an_empty_side_is_nothing(desk: Desk) -> None:
    empty = (await get(desk, f"/markets/{desk.ticker()}"))["market"]
    assert (empty["yes_bid_dollars"], empty["yes_ask_dollars"]) == ("0.0000", "1.0000")
    desk.rest("yes", "0.41", "7")
    desk.rest("no", "0.57", "3")
    market = (await get(desk, f"/markets/{desk.ticker()}"))["market"]
    assert (market["yes_bid_dollars"], market["yes_ask_dollars"]) == ("0.4100", "0.4300")
    assert (market["no_bid_dollars"], market["no_ask_dollars"]) == ("0.5700", "0.5900")
    assert (market["yes_bid_size_fp"], market["yes_ask_size_fp"]) == ("7.00", "3.00")


@pytest.mark.parametrize(
    ("depth", "prices"), [(0, ["0.3000", "0.3500", "0.4000"]), (1, ["0.4000"]), (2, ["0.3500", "0.4000"])]
)
async def test_depth_keeps_the_best_levels_and_the_best_is_last(desk: Desk, depth: int, prices: list[str]) -> None:
    for price in ("0.35", "0.40", "0.30", "0.40"):
        desk.rest("yes", price, "5")
    book = (await get(desk, f"/markets/{desk.ticker()}/orderbook", depth=depth))["orderbook_fp"]
    assert [price for price, _ in book["yes_dollars"]] == prices
    assert book["yes_dollars"][-1] == ["0.4000", "10.00"]
    assert book["no_dollars"] == []


@pytest.mark.parametrize("depth", ["-1", "101", "deep"])
async def test_depth_out_of_range_is_refused(desk: Desk, depth: str) -> None:
    assert await get(desk, f"/markets/{desk.ticker()}/orderbook", depth=depth) == 400


async def test_books_of_many_markets_repeat_the_parameter(desk: Desk) -> None:
    desk.rest("yes", "0.40", "5", of=AWAY)
    asked = {"tickers": [desk.ticker(HOME), desk.ticker(AWAY), "KXNONE"]}
    async with http(desk.venue.app) as client:
        books = (await client.get(f"{PREFIX}/markets/orderbooks", params=asked)).json()["orderbooks"]
        too_many = {"tickers": ["x"] * 101}
        assert (await client.get(f"{PREFIX}/markets/orderbooks", params=too_many)).status_code == 400
        assert (await client.get(f"{PREFIX}/markets/orderbooks")).status_code == 400
    assert [book["ticker"] for book in books] == [desk.ticker(HOME), desk.ticker(AWAY)]
    assert books[1]["orderbook_fp"]["yes_dollars"] == [["0.4000", "5.00"]]


async def test_public_trades_come_newest_first_between_two_times(desk: Desk) -> None:
    start = int(desk.clock.now)
    for size in ("1", "2", "3"):
        desk.rest("no", "0.60", size)
        desk.rest("yes", "0.40", size, account="taker")
        desk.clock.now += 10
    desk.rest("yes", "0.30", "9", of=AWAY)
    desk.rest("no", "0.70", "9", of=AWAY, account="taker")

    async def sizes(**query: Any) -> list[str]:
        return [row["count_fp"] for row in (await get(desk, "/markets/trades", **query))["trades"]]

    assert await sizes(ticker=desk.ticker()) == ["3.00", "2.00", "1.00"]
    assert await sizes() == ["9.00", "3.00", "2.00", "1.00"]
    assert await sizes(min_ts=start + 10, max_ts=start + 20) == ["3.00", "2.00"]
    (last,) = (await get(desk, "/markets/trades", ticker=desk.ticker(AWAY)))["trades"]
    assert (last["taker_book_side"], last["taker_outcome_side"]) == ("ask", "no")
    assert D(last["yes_price_dollars"]) + D(last["no_price_dollars"]) == 1


async def test_events_come_alone_or_with_their_markets(desk: Desk) -> None:
    native = desk.fixtures[1].native["kalshi"]
    bare = (await get(desk, "/events", series_ticker="KXSOCCERGAME"))["events"]
    assert [event["event_ticker"] for event in bare] == [native.event]
    assert "markets" not in bare[0]
    nested = (await get(desk, "/events", series_ticker="KXSOCCERGAME", with_nested_markets="true"))["events"]
    assert [market["ticker"] for market in nested[0]["markets"]] == list(native.outcomes.values())
    one = await get(desk, f"/events/{native.event}")
    inside = await get(desk, f"/events/{native.event}", with_nested_markets="true")
    assert one["markets"] == inside["event"]["markets"]
    assert one["event"]["mutually_exclusive"] is True


async def test_events_override_of_fees_is_shown_with_it_alone(desk: Desk) -> None:
    event = desk.venue.catalogue.events[desk.fixtures[0].native["kalshi"].event]
    assert "fee_type_override" not in (await get(desk, f"/events/{event.event_ticker}"))["event"]
    event.fee_type_override, event.fee_multiplier_override = "quadratic", "0.5"
    shown = (await get(desk, f"/events/{event.event_ticker}"))["event"]
    assert (shown["fee_type_override"], shown["fee_multiplier_override"]) == ("quadratic", 0.5)
    assert event.fees() == ("quadratic", D("0.5"))


async def test_series_are_listed_once_with_the_fees_that_apply(desk: Desk) -> None:
    series = {row["ticker"]: row["fee_type"] for row in (await get(desk, "/series"))["series"]}
    assert series == {"KXNFLGAME": "quadratic_with_maker_fees", "KXSOCCERGAME": "quadratic_with_maker_fees"}
    one = (await get(desk, "/series/KXNFLGAME"))["series"]
    assert (one["fee_type"], one["fee_multiplier"]) == (series["KXNFLGAME"], 1.0)


@pytest.mark.parametrize("path", ["/markets/KXNONE", "/events/KXNONE", "/series/KXNONE", "/markets/KXNONE/orderbook"])
async def test_what_is_not_listed_is_not_found(desk: Desk, path: str) -> None:
    assert await get(desk, path) == 404


async def test_status_stays_readable_while_everything_else_is_closed(desk: Desk) -> None:
    desk.venue.close_exchange(60)
    status = await get(desk, "/exchange/status")
    assert (status["exchange_active"], status["trading_active"]) == (False, False)
    assert await get(desk, "/markets") == 503
    assert (await desk.ann.order("bid", "0.40", "1")).status_code == 503
    assert (await desk.ann.call("GET", "/portfolio/balance")).status_code == 503
    desk.clock.now += 60
    assert (await get(desk, "/exchange/status"))["exchange_active"] is True
    assert len(await tickers(desk)) == 5


async def test_trading_pause_is_not_an_exchange_pause(desk: Desk) -> None:
    desk.venue.pause_trading(True)
    status = await get(desk, "/exchange/status")
    assert (status["exchange_active"], status["trading_active"]) == (True, False)


async def test_user_data_are_as_of_now_and_no_fee_changes_are_announced(desk: Desk) -> None:
    assert (await get(desk, "/exchange/user_data_timestamp"))["as_of_time"].startswith("2026-")
    assert await get(desk, "/series/fee_changes") == {"series_fee_change_array": []}
    assert await get(desk, "/events/fee_changes") == {"event_fee_change_array": []}


@pytest.mark.parametrize(
    ("home", "result", "value"), [("1", "yes", "1.0000"), ("0", "no", "0.0000"), ("0.37", "scalar", "0.3700")]
)
async def test_resolved_market_names_its_result_and_value(desk: Desk, home: str, result: str, value: str) -> None:
    before = (await get(desk, f"/markets/{desk.ticker()}"))["market"]
    assert (before["result"], "settlement_value_dollars" in before) == ("", False)
    desk.resolve(home, str(1 - D(home)))
    market = (await get(desk, f"/markets/{desk.ticker()}"))["market"]
    assert (market["status"], market["result"]) == ("finalized", result)
    assert market["settlement_value_dollars"] == value
    assert market["settlement_ts"] == "2026-05-28T20:26:40.000Z"
