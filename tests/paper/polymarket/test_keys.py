"""API keys: made once, derived again, revoked for good (polymarket sheet, section 4)."""

import pytest

from tests.paper.polymarket.desk import Client, Desk


async def works(desk: Desk, client: Client) -> bool:
    path = "/auth/api-keys"
    answer = await desk.send("clob", "GET", path, headers=client.headers("GET", path, ""))
    return answer.status_code == 200


async def test_same_wallet_and_nonce_always_give_the_same_key(desk: Desk) -> None:
    again = Client(desk, "ann")
    refused = await desk.send("clob", "POST", "/auth/api-key", headers=again.login())
    assert (refused.status_code, refused.json()["error"]) == (400, "Could not create api key")
    await again.sign_in()
    assert again.keys == desk.ann.keys


async def test_another_nonce_is_another_key_and_both_work(desk: Desk) -> None:
    second = Client(desk, "ann")
    made = await desk.send("clob", "POST", "/auth/api-key", headers=second.login(nonce=7))
    second.keys = made.json()
    assert second.keys["apiKey"] != desk.ann.keys["apiKey"]
    assert await works(desk, second)
    listed = await desk.ann.read("/auth/api-keys")
    assert set(listed["apiKeys"]) == {desk.ann.keys["apiKey"], second.keys["apiKey"]}


async def test_key_that_was_never_made_cannot_be_derived(desk: Desk) -> None:
    headers = desk.ann.login(nonce=9)
    answer = await desk.send("clob", "GET", "/auth/derive-api-key", headers=headers)
    assert (answer.status_code, answer.json()["error"]) == (400, "Could not derive api key!")


async def test_keys_survive_the_venues_restart(desk: Desk) -> None:
    again = desk.restarted()
    assert await works(again, again.ann)


async def test_revoked_key_stays_revoked_after_a_restart_and_others_stay_good(desk: Desk) -> None:
    assert (await desk.ann.call("DELETE", "/auth/api-key")).status_code == 200
    assert not await works(desk, desk.ann)
    again = desk.restarted()
    assert not await works(again, again.ann)
    assert await works(again, again.bob)
    refused = await again.send("clob", "GET", "/auth/derive-api-key", headers=again.ann.login())
    assert refused.status_code == 400
    await again.ann.sign_in()
    assert await works(again, again.ann)


@pytest.mark.parametrize("borrowed", ["apiKey", "secret", "passphrase"])
async def test_keys_of_two_traders_do_not_mix(desk: Desk, borrowed: str) -> None:
    mixed = Client(desk, "ann", {**desk.ann.keys, borrowed: desk.bob.keys[borrowed]})
    assert not await works(desk, mixed)


async def test_body_sent_is_the_body_signed(desk: Desk) -> None:
    path = "/v1/heartbeats"
    headers = desk.ann.headers("POST", path, '{"heartbeat_id":""}')
    spaced = await desk.send("clob", "POST", path, content='{"heartbeat_id": ""}', headers=headers)
    assert spaced.status_code == 401
    exact = await desk.send("clob", "POST", path, content='{"heartbeat_id":""}', headers=headers)
    assert exact.status_code == 200


async def test_wallet_that_trades_nowhere_gets_no_key(desk: Desk) -> None:
    desk.venue.accounts.traders.pop(desk.ann.wallet.lower())
    answer = await desk.send("clob", "POST", "/auth/api-key", headers=Client(desk, "ann").login(nonce=3))
    assert (answer.status_code, answer.json()["error"]) == (400, "Could not create api key")


async def test_secrets_are_in_no_repr(desk: Desk) -> None:
    shown = repr(desk.venue.accounts._keys)
    assert desk.ann.keys["apiKey"] in shown
    assert desk.ann.keys["secret"] not in shown
    assert desk.ann.keys["passphrase"] not in shown
