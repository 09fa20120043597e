"""Trading settings from the console: versions, what is refused, and that what is shown can be set again."""

import subprocess
from pathlib import Path

import pytest

from overround.ledger.accounts import save_client
from overround.ledger.configs import load
from overround.ledger.db import connect
from tests.support.command import console

CLIENT = "acme:vertex"


@pytest.fixture
async def ledger(database_url: str) -> str:
    """A ledger with one client."""
    engine = connect(database_url)
    async with engine.begin() as connection:
        await save_client(connection, CLIENT, "acme", "vertex")
    await engine.dispose()
    return database_url


def trading(url: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    return console("trading", *arguments, DATABASE_URL=url)


def write(folder: Path, text: str) -> str:
    file = folder / "trading.toml"
    file.write_text(text)
    return str(file)


async def test_a_tournament_builds_on_the_default(ledger: str, tmp_path: Path) -> None:
    file = write(tmp_path, '[default]\nmargin = "0.02"\nsize = 20\n[tournament.17]\nsize = 5\n')
    done = trading(ledger, "set", CLIENT, "--file", file)
    assert done.stdout.splitlines() == ["default is now version 1", "tournament.17 is now version 1"], done.stderr
    engine = connect(ledger)
    async with engine.connect() as connection:
        held = await load(connection)
    await engine.dispose()
    assert (str(held.of(CLIENT, 99).margin), int(held.of(CLIENT, 99).size)) == ("0.02", 20)
    assert (str(held.of(CLIENT, 17).margin), int(held.of(CLIENT, 17).size)) == ("0.02", 5)
    assert 101 in held.of(CLIENT, 17).outcomes


def test_what_is_shown_can_be_set_again(ledger: str, tmp_path: Path) -> None:
    trading(
        ledger, "set", CLIENT, "--file", write(tmp_path, "[default]\nenabled = false\n[tournament.17]\nlevels = 3\n")
    )
    shown = trading(ledger, "show", CLIENT).stdout
    assert "[tournament.17]" in shown
    assert "levels = 3" in shown
    assert "enabled = false" in shown
    again = trading(ledger, "set", CLIENT, "--file", write(tmp_path, shown))
    assert again.stdout.splitlines() == ["default is now version 2", "tournament.17 is now version 2"], again.stderr
    assert trading(ledger, "show", CLIENT).stdout == shown.replace("# version 1", "# version 2")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("[default]\nmargins = 1\n", "trading set: unknown trading setting 'margins'"),
        ("[default]\nmargin = 2\n", "trading set: margin must be between -0.2 and 0.5, not 2"),
        ("[defaults]\nmargin = 0\n", "trading set: unknown table [defaults]"),
        ("[tournament.x]\nsize = 5\n", "trading set: [tournament.x]: the name must be a tournament id"),
        ("[default", "cannot be read"),
    ],
)
def test_a_bad_setting_is_one_line_and_changes_nothing(ledger: str, tmp_path: Path, text: str, said: str) -> None:
    done = trading(ledger, "set", CLIENT, "--file", write(tmp_path, text))
    assert done.returncode == 1
    assert said in done.stderr
    assert len(done.stderr.splitlines()) == 1
    assert trading(ledger, "show", CLIENT).stdout.startswith("# version 0\n")


def test_an_unknown_client_is_told_who_is_known(ledger: str) -> None:
    done = trading(ledger, "show", "nobody")
    assert done.returncode == 1
    assert done.stderr == f"overround: trading: name a client; known: {CLIENT}\n"
