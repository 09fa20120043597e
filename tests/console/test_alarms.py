"""Open alarms from the console, and what is over only when asked for."""

from overround.ledger.alarms import clear_alarm, raise_alarm
from overround.ledger.db import connect
from tests.support.command import console


async def test_open_alarms_are_listed_and_end_with_1(database_url: str) -> None:
    assert console("alarms", DATABASE_URL=database_url).stdout == "no alarms\n"
    engine = connect(database_url)
    async with engine.begin() as connection:
        await raise_alarm(connection, "naked", "order-1", "50 contracts are not hedged", "acme:vertex")
        await raise_alarm(connection, "worker", "worker", "the trading worker has said nothing for 7 s")
        await clear_alarm(connection, "worker", "worker")
    await engine.dispose()
    done = console("alarms", DATABASE_URL=database_url)
    assert done.returncode == 1, done.stderr
    assert done.stdout.rstrip().endswith("naked     order-1: 50 contracts are not hedged")
    assert "worker" not in done.stdout
    history = console("alarms", "--all", DATABASE_URL=database_url).stdout.splitlines()
    assert len(history) == 2
    assert "the trading worker has said nothing for 7 s  (over since " in history[1]


async def test_without_open_alarms_the_command_ends_with_0(database_url: str) -> None:
    done = console("alarms", DATABASE_URL=database_url)
    assert (done.returncode, done.stdout) == (0, "no alarms\n")
