"""The two commands and the console: names agree, mistakes are one line, heavy things stay out."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.command import console

ROOT = Path(__file__).resolve().parents[2]


def test_every_make_target_is_known_to_the_script_and_explained() -> None:
    targets = re.search(r"^\.PHONY: (.*)$", (ROOT / "Makefile").read_text(), re.M)
    assert targets is not None
    text = (ROOT / "dev").read_text()
    usage = text.split("usage() {")[1].split("TEXT\n}")[0]
    passed_on = {"check", "replay", "status"}
    for target in targets.group(1).split():
        assert target in passed_on or re.search(rf"^  {target}\b.*\)", text, re.M), target
    for target in {"up", "test", "check", "replay", "status", "bench", "lint", "lock"}:
        assert f"make {target}" in usage


def test_ci_calls_make_test_and_nothing_else() -> None:
    text = (ROOT / ".ci" / "run").read_text()
    assert "exec make test;" in text
    assert os.access(ROOT / ".ci" / "run", os.X_OK)
    assert os.access(ROOT / "dev", os.X_OK)


@pytest.mark.parametrize("name", ["dev", ".ci/run"])
def test_the_scripts_are_valid_bash(name: str) -> None:
    assert subprocess.run(["bash", "-n", name], check=False, cwd=ROOT).returncode == 0


@pytest.mark.parametrize("name", ["requirements.lock", "requirements-dev.lock", "requirements-referees.lock"])
def test_a_lock_holds_pinned_names_and_their_hashes_only(name: str) -> None:
    """And a note to the reader at most: no address, no option of an installer."""
    pin = re.compile(r"[a-z0-9._-]+(\[[a-z0-9,-]+\])?==\S+( ; [^\\\n]+)? \\")
    digest = re.compile(r"    --hash=sha256:[0-9a-f]{64}( \\)?")
    text = (ROOT / name).read_text()
    assert "://" not in text
    lines = [line for line in text.splitlines() if not line.startswith("# ")]
    assert [line for line in lines if not pin.fullmatch(line) and not digest.fullmatch(line)] == []
    assert sum(1 for line in lines if pin.fullmatch(line)) > 3


@pytest.mark.parametrize("name", ["dev", "Makefile", ".ci/run", "Dockerfile"])
def test_a_script_holds_no_address(name: str) -> None:
    assert "://" not in (ROOT / name).read_text()


def test_help_lists_every_command_from_wherever_it_is_called() -> None:
    """As a process of its own, as an operator starts it."""
    done = subprocess.run(
        [sys.executable, "-m", "console", "--help"],
        check=False,
        capture_output=True,
        text=True,
        cwd="/",
        timeout=60,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    )
    assert done.returncode == 0
    for command in ("up", "status", "check", "replay", "migrate", "keys", "accounts", "trading", "alarms", "control"):
        assert re.search(rf"\b{command}\b", done.stdout), command


def test_status_without_a_running_up_says_so(tmp_path: Path) -> None:
    done = console("status", OVERROUND_STATE_DIR=str(tmp_path))
    assert done.returncode == 1
    assert "nothing runs on" in done.stdout


def test_a_bad_setting_reaches_the_operator_without_a_traceback() -> None:
    done = console("up", OVERROUND_API_PORT="eighty")
    assert done.returncode == 1
    assert done.stderr.startswith("overround: OVERROUND_API_PORT: ")
    assert len(done.stderr.splitlines()) == 1


def test_migrate_needs_a_database(tmp_path: Path) -> None:
    done = console("migrate", OVERROUND_STATE_DIR=str(tmp_path), DATABASE_URL="")
    assert done.returncode == 1
    assert done.stderr.startswith("overround: DATABASE_URL: not set")


def test_migrate_is_harmless_to_repeat(blank_database_url: str) -> None:
    for _ in range(2):
        done = console("migrate", DATABASE_URL=blank_database_url, TEMPORAL_ADDRESS="")
        assert done.returncode == 0, done.stderr
        assert "the ledger is up to date" in done.stdout


def test_an_operators_key_is_created_listed_and_revoked(database_url: str) -> None:
    settings = {"DATABASE_URL": database_url, "OVERROUND_SECRET_KEY": "pepper"}
    created = console("keys", "create", "--operator", "--label", "ann", **settings)
    assert created.returncode == 0, created.stderr
    listed = console("keys", "list", **settings)
    key_id, kind = listed.stdout.split()[:2]
    assert kind == "operator"
    assert listed.stdout.split()[-2:] == ["live", "ann"]
    assert created.stdout.strip()[-4:] in listed.stdout
    assert created.stdout.strip() not in listed.stdout
    assert console("keys", "revoke", key_id, **settings).returncode == 0
    again = console("keys", "revoke", key_id, **settings)
    assert again.returncode == 1
    assert again.stderr == f"overround: keys revoke: there is no live key {key_id}\n"


def test_a_key_for_an_unknown_client_is_refused(database_url: str) -> None:
    done = console("keys", "create", "nobody", DATABASE_URL=database_url, OVERROUND_SECRET_KEY="pepper")
    assert done.returncode == 1
    assert done.stderr == "overround: keys create: there is no client nobody\n"


def test_importing_the_console_loads_nothing_heavy() -> None:
    heavy = ("temporalio", "sqlalchemy", "web3", "fastapi")
    program = f"import sys, console.main; print([m for m in {heavy} if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", program], check=True, capture_output=True, text=True, cwd=ROOT)
    assert done.stdout.strip() == "[]"
