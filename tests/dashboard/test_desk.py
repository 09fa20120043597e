"""What the page makes of answers and broadcasts that cross each other, on its own modules: the test is the server."""

import json
from typing import Any

import pytest

from tests.api.conftest import Api
from tests.support.browser import Page

SERVER = """
const load = (name) => import(`/dashboard/static/js/${name}.js`);
Promise.all([load("desk"), load("store")]).then(([{ Desk }, { Store }]) => {
  window.asked = [];
  const get = (path) => new Promise((answer, refuse) => asked.push({ path, answer, refuse }));
  window.desk = new Desk({ key: "none", pause: 0, get }, new Store(), { denied() {} });
  window.answer = (call, orders) => {
    const items = call.path === "/orders" ? orders : [];
    call.answer({ items, total: String(items.length), nextCursor: null });
  };
  window.order = (orderId, orderStatus) => ({ orderId, orderStatus, fixtureId: "f" });
  window.hear = (payload) => desk.hear({ channel: "orders", payload });
  window.shown = () => [...desk.store.orders.values()].map((item) => `${item.orderId} ${item.orderStatus}`).sort();
  return true;
})
"""


@pytest.fixture
async def desk(page: Page, api: Api) -> Page:
    await page.open(f"{api.url}/dashboard")
    await page.run(SERVER)
    return page


async def answered(page: Page, calls: str, orders: list[tuple[str, str]]) -> None:
    """Answer some of what was asked, and let the page take it in."""
    made = f"{json.dumps(orders)}.map(([id, status]) => order(id, status))"
    await page.run(f"{calls}.forEach((call) => answer(call, {made})), new Promise((done) => setTimeout(done, 20))")


async def shown(page: Page) -> Any:
    return await page.run("shown()")


async def test_what_is_heard_while_rows_are_read_is_applied_after_them(desk: Page) -> None:
    await desk.run("void desk.readAll(), hear(order('1', 'FILLED')), hear(order('2', 'PLACED')), true")
    assert await shown(desk) == []
    await answered(desk, "asked", [("1", "PLACED")])
    assert await shown(desk) == ["1 FILLED", "2 PLACED"]


async def test_a_reading_that_was_overtaken_neither_counts_nor_loses_what_was_heard(desk: Page) -> None:
    """Told twice to read again, as after two short interruptions: the first answers come last."""
    await desk.run("void desk.readAll(), window.early = asked.splice(0), void desk.readAll(), true")
    await desk.run("hear(order('1', 'FILLED')), true")
    await answered(desk, "asked", [("1", "PARTIAL")])
    assert await shown(desk) == ["1 FILLED"]
    await answered(desk, "early", [("1", "PLACED")])
    assert await shown(desk) == ["1 FILLED"]
    await desk.run("hear(order('2', 'PLACED')), true")
    assert await shown(desk) == ["1 FILLED", "2 PLACED"]
    assert desk.complaints == []


async def test_an_answer_that_is_none_does_not_hold_events_back_for_ever(desk: Page) -> None:
    await desk.run("desk.readAll().catch(() => { window.failed = true; }), hear(order('1', 'PLACED')), true")
    await desk.run("asked.forEach((call) => call.refuse(new TypeError('not an answer'))), true")
    await desk.until("window.failed")
    assert await shown(desk) == ["1 PLACED"]
