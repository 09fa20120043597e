"""Pause, resume, stop and start in the browser: what is hard to undo needs a word."""

from sqlalchemy import insert

from overround.ledger import tables as t
from overround.ledger.events import emergency_payload, emit
from tests.api import rows
from tests.api.commanding import Sender
from tests.dashboard.conftest import Desk

OPEN = "document.getElementById('confirm').open"
DISABLED = "document.getElementById('confirm-go').disabled"


async def test_the_kill_button_needs_the_typed_word_and_then_stops_trading(commanding: Desk, sender: Sender) -> None:
    async with sender.api.writing() as connection:
        await rows.fixture(connection)
        await rows.order(connection, "demo")
    page = commanding.page
    await commanding.sign_in(sender.api.keys["demo"], seen="1 in all")
    await page.click("#kill")
    await page.sees("Stop all trading of Demo?", "#confirm")
    await page.sees("1 resting order is cancelled", "#confirm")
    assert await page.run(DISABLED)
    for word in ("stop", "STO"):
        await page.run("document.getElementById('confirm-word').value = ''")
        await page.type(word)
        await page.press("Enter")
        assert await page.run(DISABLED), word
    assert sender.engine.commands() == []
    await page.type("P")
    await page.run("document.getElementById('confirm-reason').focus()")
    await page.type("odds look wrong")
    await page.click("#confirm-go")
    await page.sees("Stopped by you", "#verdict")
    await page.sees("odds look wrong", "#verdict-reasons")
    assert not await page.run(OPEN)
    assert [(scope, request.command) for scope, request in sender.engine.asked] == [("demo", "stop")]
    assert (await sender.api.body("/trading/status"))["manualStopReason"] == "odds look wrong"
    assert page.complaints == []


async def test_a_stop_is_undone_by_a_word_too_and_by_nothing_else(commanding: Desk, sender: Sender) -> None:
    await sender.post("/trading/stop")
    page = commanding.page
    await commanding.sign_in(sender.api.keys["demo"], seen="Stopped by you")
    assert await page.run("document.getElementById('kill').hidden && !document.getElementById('start').hidden")
    await page.press("k")
    await page.sees("Start trading of Demo again?", "#confirm")
    await page.type("START")
    await page.press("Enter")
    await page.sees("Started.", "#notice")
    assert (await sender.api.body("/trading/status"))["status"] == "live"


async def test_escape_leaves_everything_as_it_was(commanding: Desk, sender: Sender) -> None:
    page = commanding.page
    await commanding.sign_in(sender.api.keys["demo"])
    await page.press("k")
    await page.until(OPEN)
    await page.type("STOP")
    await page.press("Escape")
    await page.until(f"!{OPEN}")
    assert sender.engine.commands() == []
    await page.press("k")
    await page.until(OPEN)
    assert await page.run(DISABLED), "the word of the last time does not count"


async def test_the_kill_key_works_at_once_after_the_dialog_was_closed(desk: Desk) -> None:
    """Before the page is drawn again, the focus is still in the dialog."""
    await desk.sign_in(desk.api.keys["demo"])
    await desk.page.press("k")
    await desk.page.until(OPEN)
    press = "document.activeElement.dispatchEvent(new KeyboardEvent('keydown', {key: 'k', bubbles: true}))"
    assert await desk.page.run(f"document.getElementById('confirm').close(), {press}, {OPEN}")


async def test_the_kill_key_is_a_letter_where_one_types(desk: Desk) -> None:
    await desk.sign_in(desk.api.keys["demo"])
    await desk.page.press("k")
    await desk.page.until(OPEN)
    await desk.page.press("k")
    assert await desk.page.run("document.getElementById('confirm-word').value") == "k"
    await desk.page.press("Escape")
    await desk.page.click("#signout")
    await desk.page.until("document.activeElement.id === 'key'")
    await desk.page.press("k")
    assert await desk.page.run("document.getElementById('key').value") == "k"
    assert not await desk.page.run(OPEN)


async def test_pause_and_resume_are_one_press_each(commanding: Desk, sender: Sender) -> None:
    page = commanding.page
    await commanding.sign_in(sender.api.keys["demo"])
    await page.until("!document.getElementById('pause').hidden")
    await page.click("#pause")
    await page.sees("Paused by you", "#verdict")
    await page.click("#resume")
    await page.until("!document.getElementById('pause').hidden")
    assert [request.command for request in sender.engine.commands()] == ["pause", "resume"]


async def test_a_command_that_cannot_be_given_is_told_where_it_was_given(desk: Desk) -> None:
    await desk.sign_in(desk.api.keys["demo"])
    await desk.page.press("k")
    await desk.page.until(OPEN)
    await desk.page.type("STOP")
    await desk.page.press("Enter")
    await desk.page.sees("Commands cannot be given: TEMPORAL_ADDRESS is not set", "#confirm")
    assert await desk.page.run(OPEN)


async def test_an_emergency_is_shown_when_it_is_told(desk: Desk) -> None:
    await desk.sign_in(desk.api.keys["demo"], seen="Allowed, with trouble")
    async with desk.api.writing() as connection:
        gate = {"scope": "global", "emergency": True, "system_reason": "venue under attack", "system_since": rows.NOON}
        written = (await connection.execute(insert(t.gates).values(gate).returning(t.gates))).mappings().one()
        await emit(connection, "emergency", "UPDATE", None, emergency_payload(written, rows.NOON))
    await desk.page.sees("Emergency", "#verdict")
    await desk.page.sees("venue under attack", "#verdict-reasons")
