"""Wrong credentials of one exchange account: said clearly, nothing is quoted there, the other venue trades on."""

import asyncio
import signal
from contextlib import ExitStack
from pathlib import Path

import pytest

from overround.ledger.accounts import exchange_account, save_exchange_account
from overround.ledger.db import connect
from overround.venues import Account
from tests.support.running import QUICK, eventually, kill, one, rows
from tests.support.up import Up, start

pytestmark = pytest.mark.timeout(240)
KALSHI, POLYMARKET = "kalshi-demo", "polymarket-demo"
ACCEPTED = "SELECT count(*) FROM orders WHERE account_id = %s AND status NOT IN ('PENDING_PLACEMENT', 'FAILED')"
STATUS = "SELECT status, status_reason FROM exchange_accounts WHERE account_id = %s"


async def alter(up: Up, **secrets: str) -> None:
    """Seal other secrets for the Kalshi account, as an operator who mistyped them would."""
    key = (up.state / "secret.key").read_text().strip()
    database = connect(up.facts["databaseUrl"])
    async with database.begin() as connection:
        account = await exchange_account(connection, KALSHI, key)
        wrong = {**account.secrets, **secrets}
        mistaken = Account(KALSHI, account.venue, account.client, account.endpoints, wrong, account.options)
        await save_exchange_account(connection, mistaken, key)
    await database.dispose()


def test_a_wrong_key_is_said_and_quotes_nothing_while_the_other_venue_trades(
    cleanup: ExitStack, tmp_path: Path
) -> None:
    up = start(cleanup, tmp_path / "state", env=QUICK).ready(90)
    eventually(lambda: one(up, ACCEPTED, KALSHI) > 0 and one(up, ACCEPTED, POLYMARKET) > 0, 60, "quotes on both")
    asyncio.run(alter(up, key_id="00000000-0000-0000-0000-00000000dead"))
    for name in ("trading", "hedging", "streamers"):
        kill(up, name)

    def told() -> str:
        status, reason = rows(up, STATUS, KALSHI)[0]
        return str(status) if "unknown API key" in reason else ""

    assert eventually(told, 40, "word of the wrong key") == "unreachable"
    here, elsewhere = one(up, ACCEPTED, KALSHI), one(up, ACCEPTED, POLYMARKET)
    eventually(lambda: one(up, ACCEPTED, POLYMARKET) >= elsewhere + 5, 60, "quotes on the other venue")
    assert one(up, ACCEPTED, KALSHI) == here, "nothing was accepted where nobody may trade"
    assert rows(up, STATUS, POLYMARKET)[0][0] == "connected"
    died = [line for line in up.text.splitlines() if "restart in" in line]
    assert len(died) == 3, died
    assert up.stop(signal.SIGINT) == 0
    assert not [log for log in (up.state / "logs").iterdir() if "PRIVATE KEY" in log.read_text(errors="replace")]
