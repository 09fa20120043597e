"""The dashboard in a real browser, against the live API with rows in Postgres."""

import asyncio
from dataclasses import replace
from datetime import timedelta
from typing import Any

from sqlalchemy import select, update

from overround.ledger import outbox
from overround.ledger import tables as t
from overround.ledger.events import emit, emit_all, order_payload
from overround.ledger.keys import find_key, revoke_key
from tests.api import rows
from tests.api.conftest import PEPPER, running
from tests.dashboard.conftest import Desk
from tests.dashboard.scene import evening


async def _order(desk: Desk, owner: str = "demo", **changes: Any) -> dict[str, Any]:
    async with desk.api.writing() as connection:
        return await rows.order(connection, owner, **changes)


async def _tell(desk: Desk, row: dict[str, Any], event: Any = "INSERT", **changes: Any) -> None:
    """Commit a change of an order and its broadcast."""
    async with desk.api.writing() as connection:
        before = order_payload(row)
        mine = t.orders.c.order_id == row["order_id"]
        if changes:
            await connection.execute(update(t.orders).where(mine).values(**changes))
        now = (await connection.execute(select(t.orders).where(mine))).mappings().one()
        await emit(connection, "orders", event, row["client"], order_payload(now), before if changes else None)


async def test_an_evening_is_shown_without_a_complaint_or_a_call_elsewhere(desk: Desk) -> None:
    async with desk.api.writing() as connection:
        await evening(connection)
    await desk.sign_in(desk.api.keys["demo"], seen="in all")
    page = desk.page
    await page.sees("Lakers", "#quotes-panel")
    await page.sees("160 contracts in 2 orders", "#exposure-panel")
    await page.sees("price below the floor", "#exposure-panel")
    await page.sees("57 fixtures", "#figures")
    await page.sees("12,480.55", "#health-panel")
    await page.until("document.querySelectorAll('#pnl-plot canvas').length === 1")
    assert await page.text("#verdict") == "Trading"
    assert await page.text("#client") == "Demo"
    assert page.complaints == []
    elsewhere = [url for url in page.asked if not url.replace("ws", "http", 1).startswith(desk.api.url)]
    assert [url for url in page.asked if not url.startswith(desk.api.url)] == [
        desk.api.url.replace("http", "ws") + "/ws/subscribe"
    ], elsewhere


async def test_figures_are_the_servers_own_digits(desk: Desk) -> None:
    async with desk.api.writing() as connection:
        order = await rows.order(connection, "demo", settlement="WON", filled="100", size="123456789012345678901.5")
        await rows.settled(connection, order, "90071992547409931.005")
    await desk.sign_in(desk.api.keys["demo"], seen="in all")
    await desk.page.sees("+90,071,992,547,409,931.00", "#figures")
    assert await desk.page.run("document.querySelector('#figures .value').title") == "90071992547409931.005"
    await desk.page.sees("123,456,789,012,345,678,901.50", "#orders-panel")


async def test_a_quote_stands_beside_the_bookmakers_price(desk: Desk) -> None:
    async with desk.api.writing() as connection:
        await rows.fixture(connection)
        await rows.order(connection, "demo", price="0.42", odds="1.808")
    await desk.sign_in(desk.api.keys["demo"], seen="in all")
    line = (await desk.page.text("#quotes-panel tbody tr:not(.group)")).split("\t")
    assert [cell.strip() for cell in line[:6]] == ["Lakers", "kalshi", "42.0", "44.69", "+2.69", "1.808"]
    assert (await desk.page.text("#quotes-panel .group")).startswith("Lakers – Celtics")


async def test_an_order_appears_and_changes_while_one_looks(desk: Desk) -> None:
    async with desk.api.writing() as connection:
        await rows.fixture(connection)
    await desk.sign_in(desk.api.keys["demo"])
    await desk.page.sees("No order rests at the moment.")
    row = await _order(desk)
    await _tell(desk, row)
    await desk.page.sees("resting", "#orders-panel")
    await desk.page.sees("1 quote in 1 fixture", "#quotes-panel")
    await _tell(desk, row, "UPDATE", status="FILLED", filled="100")
    await desk.page.sees("filled", "#orders-panel tbody")
    await desk.page.sees("No order rests at the moment.", "#quotes-panel")
    assert desk.page.complaints == []


async def test_an_order_opens_to_its_bets_and_its_workflows(desk: Desk) -> None:
    async with desk.api.writing() as connection:
        order = await rows.order(connection, "demo", status="FILLED", filled="100", workflow_id="orders:a:b:1")
        await rows.hedge(connection, order, workflow_id="hedge:co")
        await rows.bet(connection, order)
    await desk.sign_in(desk.api.keys["demo"], seen="100 by 1 bet")
    await desk.page.click(".opener")
    await desk.page.sees("orders:a:b:1", ".detail")
    await desk.page.sees("hedge:co", ".detail")
    bet = (await desk.page.text(".detail tbody tr")).split("\t")
    assert [cell.strip() for cell in bet[2:7]] == ["vertex", "matched", "50.00", "2.000", "100.00"]
    await desk.page.click(".opener")
    assert await desk.page.run("document.querySelectorAll('.detail').length") == 0


async def test_another_clients_rows_never_appear(desk: Desk) -> None:
    await _order(desk, "rival", contract="RIVALS", fixture_id="id-of-the-rival")
    mine = await _order(desk)
    await desk.sign_in(desk.api.keys["demo"], seen="1 in all")
    await _tell(desk, await _order(desk, "rival", fixture_id="id-of-the-rival"))
    await _tell(desk, mine, "UPDATE", status="CANCELLED")
    await desk.page.sees("cancelled", "#orders-panel")
    assert "rival" not in (await desk.page.run("document.body.outerHTML")).lower()


async def test_what_the_engine_lacks_is_said_though_nobody_forbade_trading(desk: Desk) -> None:
    await desk.sign_in(desk.api.keys["demo"], seen="Allowed, with trouble")
    await desk.page.sees("The odds feed was never heard.", "#status-panel")
    await desk.page.sees("Process hedging is not running", "#status-panel")
    await desk.page.sees("Account demo-vertex is starting.", "#status-panel")


async def test_a_wrong_key_is_told_plainly(desk: Desk) -> None:
    for key in (desk.api.keys["operator"], desk.api.keys["asleep"], "no key at all"):
        await desk.sign_in(key, seen="This key is not valid.")
        assert await desk.page.run("sessionStorage.length") == 0


async def test_the_key_is_kept_in_the_tab_only_and_gone_after_signing_out(desk: Desk) -> None:
    key = desk.api.keys["demo"]
    await desk.sign_in(key)
    page = desk.page
    assert await page.run("Object.values(sessionStorage)") == [key]
    assert await page.run("[localStorage.length, document.cookie]") == [0, ""]
    assert not any(key in url for url in page.asked)
    assert key not in await page.run("document.documentElement.outerHTML + location.href")
    await page.call("Page.reload")
    await page.sees("live", "#connection")
    await page.click("#signout")
    await page.until("!document.getElementById('signin').hidden")
    assert await page.run("sessionStorage.length") == 0


async def test_a_key_that_is_revoked_ends_the_session(desk: Desk) -> None:
    await desk.sign_in(desk.api.keys["demo"])
    async with desk.api.writing() as connection:
        found = await find_key(connection, PEPPER, desk.api.keys["demo"])
        assert found is not None
        await revoke_key(connection, found.key_id)
    await desk.page.run("document.querySelector('#pnl-hours button')?.click()")  # if the desk has not asked by itself
    await desk.page.sees("This key is not valid any more.")
    assert await desk.page.run("sessionStorage.length") == 0


async def test_after_a_lost_connection_it_goes_on_where_it_was(desk: Desk) -> None:
    await desk.page.call("Page.addScriptToEvaluateOnNewDocument", source=KEEP_SOCKETS)
    row = await _order(desk)
    await desk.sign_in(desk.api.keys["demo"], seen="1 in all")
    await desk.page.run("window.refuse = true; sockets.at(-1).close()")
    await desk.page.sees("not connected", "#connection")
    await _tell(desk, row, "UPDATE", status="CANCELLED")
    read = len(desk.page.asked)
    await desk.page.run("window.refuse = false")
    await desk.page.sees("cancelled", "#orders-panel tbody")
    assert await desk.page.text("#connection") == "live"
    assert not [url for url in desk.page.asked[read:] if "/orders" in url], "the lists were read again"


KEEP_SOCKETS = """
window.sockets = [];
window.refuse = false;
const Real = window.WebSocket;
window.WebSocket = class extends Real {
  constructor(url) { super(window.refuse ? "ws://" + location.host + "/nowhere" : url); sockets.push(this); }
};
"""


async def test_events_that_are_gone_are_replaced_by_reading_the_lists_again(desk: Desk) -> None:
    await desk.page.call("Page.addScriptToEvaluateOnNewDocument", source=KEEP_SOCKETS)
    row = await _order(desk)
    await desk.sign_in(desk.api.keys["demo"], seen="1 in all")
    await desk.page.run("window.refuse = true; sockets.at(-1).close()")
    await desk.page.sees("not connected", "#connection")
    await _tell(desk, row, "UPDATE", status="CANCELLED")
    assert await outbox.prune(desk.api.engine, timedelta(0)) == 1
    await desk.page.run("window.refuse = false")
    await desk.page.sees("cancelled", "#orders-panel tbody")


async def test_a_server_that_does_not_answer_is_never_shown_as_trading(desk: Desk) -> None:
    async with desk.api.writing() as connection:
        await evening(connection)
    await desk.sign_in(desk.api.keys["demo"], seen="Trading")
    await desk.page.run("window.fetch = () => Promise.reject(new TypeError('down'))")
    await desk.page.click("#pnl-hours button")
    await desk.page.sees("Not up to date: The server does not answer", "#pnl-panel")
    await desk.page.until("document.getElementById('verdict').innerText === 'Not known'")
    await desk.page.sees("Last known: Trading", "#status-panel")


async def test_what_could_not_be_read_is_not_called_nothing(desk: Desk) -> None:
    await desk.page.call("Page.addScriptToEvaluateOnNewDocument", source=NO_SERIES)
    await desk.sign_in(desk.api.keys["demo"])
    await desk.page.sees("Could not be read: The server does not answer", "#pnl-panel")
    assert "Nothing was booked" not in await desk.page.text("#pnl-panel")


NO_SERIES = """
const real = window.fetch;
window.fetch = (url, options) => url.includes("/series") ? Promise.reject(new TypeError("down")) : real(url, options);
"""


async def test_when_the_minute_is_nearly_used_up_it_reads_less_and_says_so(desk: Desk) -> None:
    async with running(desk.api.engine.url.render_as_string(hide_password=False), rest_limit_per_minute=13) as tight:
        scarce = Desk(replace(desk.api, url=tight.url), desk.page)
        await scarce.sign_in(desk.api.keys["demo"], seen="in all")
        await scarce.page.sees("nearly used up", "#notice")
        before = len(scarce.page.asked)
        await asyncio.sleep(1.5)
        assert scarce.page.asked[before:] == []


async def test_hundreds_of_changes_at_once_leave_the_page_right(desk: Desk) -> None:
    async with desk.api.writing() as connection:
        placed = [await rows.order(connection, "demo") for _ in range(60)]
    await desk.sign_in(desk.api.keys["demo"], seen="60 in all")
    async with desk.api.writing() as connection:
        for size in range(1, 11):
            changes = [(order_payload(row | {"filled": size}), order_payload(row)) for row in placed]
            await emit_all(connection, "orders", "UPDATE", "demo", changes)
    matched = "[...document.querySelectorAll('#orders-panel tbody tr')].map((row) => row.cells[7].innerText.trim())"
    await desk.page.until(f"{matched}.join() === Array(60).fill('10').join()")


async def test_an_answer_that_was_overtaken_does_not_count(desk: Desk) -> None:
    await desk.page.call("Page.addScriptToEvaluateOnNewDocument", source=SLOW_WEEK)
    async with desk.api.writing() as connection:
        order = await rows.order(connection, "demo", settlement="WON")
        await rows.settled(connection, order, "1000")
        long_ago = update(t.settlements).values(booked_at=t.settlements.c.booked_at - timedelta(hours=30))
        await connection.execute(long_ago)
    await desk.sign_in(desk.api.keys["demo"], seen="Nothing was booked in this time.")
    await desk.page.until("[168, 1].every((hours) => !document.querySelector(`[data-hours='${hours}']`).click())")
    await desk.page.until("window.answered === 2")
    await asyncio.sleep(0.3)
    assert await desk.page.text("#pnl-reading") == "0.00"


SLOW_WEEK = """
const real = window.fetch;
window.fetch = async (url, options) => {
  const answer = await real(url, options);
  if (url.includes("hours=168")) {
    await new Promise((done) => setTimeout(done, 400));
  }
  window.answered = (window.answered ?? 0) + /hours=(168|1)$/.test(url);
  return answer;
};
"""
