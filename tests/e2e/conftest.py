"""One ``overround up`` for every test that leaves it as it found it."""

from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.support.running import QUICK
from tests.support.up import Up, start

UNKNOWN_OUTCOMES = {"basketball": (132, 486), "hockey": (234,)}
"""Tournaments of the simulator that are configured with outcomes nobody knows."""
TRADING = "\n".join(
    f"[tournament.{number}]\noutcomes = [999999]\n" for ids in UNKNOWN_OUTCOMES.values() for number in ids
)


@pytest.fixture(scope="module")
def up(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Up]:
    """Simulated matches on free ports, shared by a module; nobody may kill anything in it."""
    folder: Path = tmp_path_factory.mktemp("up")
    (folder / "trading.toml").write_text(TRADING)
    env = {**QUICK, "OVERROUND_TRADING_CONFIG": str(folder / "trading.toml")}
    with ExitStack() as stack:
        yield start(stack, folder / "state", env=env).ready(90)
