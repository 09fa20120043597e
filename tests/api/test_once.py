"""``Idempotency-Key``: one key, one request, one answer, whichever process is asked and whoever dies."""

import asyncio
from json import loads

import pytest
from sqlalchemy import text

from tests.api.commanding import Sender, at_once, commanded
from tests.api.test_cancels import put

PAUSE = "/trading/pause"


async def test_the_same_key_and_body_have_the_same_answer_and_act_once(sender: Sender) -> None:
    first = await sender.post(PAUSE, {"reason": "x"}, key="k-1")
    await sender.post("/trading/resume")
    again = await sender.post(PAUSE, {"reason": "x"}, key="k-1")
    assert (again.status_code, again.content) == (200, first.content)
    assert again.headers["idempotent-replayed"] == "true"
    assert "idempotent-replayed" not in first.headers
    assert again.headers["content-type"] == first.headers["content-type"]
    assert len(sender.engine.asked) == 2
    assert (await sender.api.body("/trading/status"))["status"] == "live"


async def test_without_a_key_each_request_is_its_own(sender: Sender) -> None:
    said = [(await sender.post(PAUSE)).json()["result"] for _ in range(2)]
    assert said == ["paused", "already_paused"]
    assert await sender.rows("SELECT * FROM idempotency_keys") == []


@pytest.mark.parametrize("path", [PAUSE, "/trading/stop"], ids=["another body", "another path"])
async def test_the_same_key_with_another_request_is_409(sender: Sender, path: str) -> None:
    await sender.post(PAUSE, key="k-1")
    other = await sender.post(path, {"reason": "other"}, key="k-1")
    assert other.status_code == 409
    assert "Idempotency-Key" in other.json()["detail"]
    assert len(sender.engine.asked) == 1


async def test_a_key_belongs_to_the_client_that_sent_it(sender: Sender) -> None:
    await sender.post(PAUSE, key="k-1")
    rivals = await sender.post(PAUSE, key="k-1", by="rival")
    assert (rivals.json()["client"], rivals.json()["result"]) == ("rival", "paused")


async def test_refusals_that_are_answers_are_kept_and_others_may_be_tried_again(sender: Sender) -> None:
    order = await put(sender)
    sender.engine.fates[order] = None
    failed = await sender.post("/orders/cancel", {"orderIds": [order]}, key="k-1")
    sender.engine.fates[order] = "CANCELLED"
    again = await sender.post("/orders/cancel", {"orderIds": [order]}, key="k-1")
    assert failed.status_code == again.status_code == 502
    told, retold = loads(failed.text), loads(again.text)
    assert told.pop("requestId") != retold.pop("requestId")
    assert told == retold
    assert (await sender.post("/orders/999/cancel", key="k-2")).status_code == 404

    async def breaks() -> None:
        raise RuntimeError("no answer")

    sender.engine.before = breaks
    assert (await sender.post(PAUSE, key="k-3")).status_code == 503
    sender.engine.before = None
    assert (await sender.post(PAUSE, key="k-3")).json()["result"] == "paused"


async def test_requests_at_once_in_two_processes_act_once(sender: Sender, database_url: str) -> None:
    sender.engine.before = lambda: asyncio.sleep(0.1)
    async with commanded(database_url, sender.engine) as url:
        other = Sender(sender.api, url, sender.engine)
        answers = await at_once(*(who.post(PAUSE, key="k-1") for who in (sender, other) * 4))
    assert {answer.status_code for answer in answers} == {200}
    assert len({answer.content for answer in answers}) == 1
    assert len(sender.engine.asked) == 1


async def test_a_request_whose_process_died_is_finished_by_the_next_one_under_its_key(sender: Sender) -> None:
    order = await put(sender)
    died, ended = asyncio.Event(), asyncio.Event()

    async def dies() -> None:
        died.set()
        await ended.wait()
        raise RuntimeError("dead")

    sender.engine.before = dies
    lost = asyncio.create_task(sender.post(f"/orders/{order}/cancel", key="k-1"))
    await died.wait()
    (begun,) = await sender.rows("SELECT request_id, status FROM idempotency_keys")
    assert begun.status is None
    sender.engine.before = None
    async with sender.api.writing() as connection:
        await connection.execute(text("UPDATE orders SET status = 'CANCELLED'"))
    again = await sender.post(f"/orders/{order}/cancel", key="k-1")
    assert (again.status_code, again.json()["orderStatus"]) == (200, "CANCELLED")
    assert (await sender.rows("SELECT request_id FROM idempotency_keys"))[0].request_id == begun.request_id
    ended.set()
    assert (await lost).status_code == 503
    assert (await sender.post(f"/orders/{order}/cancel", key="k-1")).content == again.content


async def test_the_command_is_named_after_the_key_so_that_it_is_given_once(sender: Sender) -> None:
    await sender.post(PAUSE, key="k-1")
    (kept,) = await sender.rows("SELECT request_id FROM idempotency_keys")
    assert set(sender.engine._given) == {str(kept.request_id)}


async def test_a_key_is_forgotten_after_a_day(sender: Sender) -> None:
    await sender.post(PAUSE, key="k-1")
    async with sender.api.writing() as connection:
        await connection.execute(text("UPDATE idempotency_keys SET claimed_at = now() - interval '25 hours'"))
    assert (await sender.post(PAUSE, key="k-1")).json()["result"] == "already_paused"
    assert len(await sender.rows("SELECT * FROM idempotency_keys")) == 1


@pytest.mark.parametrize("key", ["", "x" * 256, "two words"])
async def test_what_is_not_a_key_is_422(sender: Sender, key: str) -> None:
    assert (await sender.post(PAUSE, key=key)).status_code == 422
    assert sender.engine.asked == []


async def test_an_answer_is_given_again_only_to_a_key_that_still_opens(sender: Sender) -> None:
    await sender.post(PAUSE, key="k-1")
    sender.api.keys["demo"] = sender.api.keys["operator"]
    assert (await sender.post(PAUSE, key="k-1")).status_code == 401
