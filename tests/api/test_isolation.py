"""Another client's rows never appear, not even to those who guess their ids."""

from typing import Any

import pytest
from sqlalchemy import insert

from overround.ledger import tables as t
from tests.api import rows
from tests.api.conftest import Api


async def _rivals_book(api: Api) -> tuple[dict[str, Any], dict[str, Any]]:
    """One of everything, all the rival's."""
    async with api.writing() as connection:
        filled = {"status": "PARTIAL", "filled": "50", "contract": "RIVALS", "settlement": "WON"}
        order = await rows.order(connection, "rival", **filled)
        await rows.fill(connection, order, size="50", fee="3")
        bet = await rows.bet(connection, order, bookmaker_bet_id="RIVALS")
        await rows.hedge(connection, order, residual="7", state="OPEN")
        await rows.settled(connection, order, "12345")
        await rows.settled(connection, bet, "12345")
        await connection.execute(insert(t.gates).values(scope="rival", stopped=True, stop_reason="RIVALS"))
    return order, bet


LISTS = [
    "/orders",
    f"/orders?fixtureId={rows.FIXTURE}&exchange=kalshi&status=PARTIAL",
    f"/orders/open?fixtureId={rows.FIXTURE}",
    "/bets",
    f"/bets?fixtureId={rows.FIXTURE}&bookmaker=vertex&status=matched",
    "/positions",
    f"/positions?fixtureId={rows.FIXTURE}&exchange=kalshi",
]


@pytest.mark.parametrize("path", LISTS)
async def test_no_list_holds_another_clients_rows(api: Api, path: str) -> None:
    await _rivals_book(api)
    body = (await api.get(path)).json()
    assert (body["items"], body["total"], body["totalPages"]) == ([], 0, 0)
    assert (await api.get(path, by="rival")).json()["total"] == 1


@pytest.mark.parametrize("path", ["/orders/summary", "/bets/summary", "/positions/summary", "/pnl"])
async def test_no_sum_counts_another_clients_rows(api: Api, path: str) -> None:
    await _rivals_book(api)
    mine = await api.body(path)
    assert {value for value in mine.values() if value is not None} == {0}
    assert any((await api.body(path, by="rival")).values())


async def test_guessed_ids_are_404_and_look_like_ids_that_do_not_exist(api: Api) -> None:
    order, bet = await _rivals_book(api)
    for kind, number in (("orders", order["order_id"]), ("bets", bet["bet_id"])):
        guessed, absent = await api.get(f"/{kind}/{number}"), await api.get(f"/{kind}/999999")
        assert guessed.status_code == absent.status_code == 404
        assert guessed.json()["detail"] == absent.json()["detail"]
        assert (await api.get(f"/{kind}/{number}", by="rival")).status_code == 200


async def test_bets_cannot_be_found_by_another_clients_order(api: Api) -> None:
    order, _ = await _rivals_book(api)
    assert (await api.body("/bets", orderId=order["order_id"]))["items"] == []
    assert (await api.body("/bets/summary", orderId=order["order_id"]))["totalBets"] == 0


async def test_accounts_and_trading_state_are_the_callers_own(api: Api) -> None:
    await _rivals_book(api)
    assert [account["accountId"] for account in (await api.body("/accounts"))["items"]] == ["demo-kalshi"]
    status = await api.body("/trading/status")
    assert (status["client"], status["status"], status["manualStopReason"]) == ("demo", "live", None)
    assert (await api.body("/trading/status", by="rival"))["manualStopReason"] == "RIVALS"
