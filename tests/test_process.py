"""How our processes begin and end: one line, the right code, nothing secret."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from pydantic import SecretStr

from overround.process import BAD_CONFIGURATION, BadSetting, checked
from overround.settings import Settings

ROOT = Path(__file__).parents[1]
COMPLETE = {
    "DATABASE_URL": "postgresql://u:planted@127.0.0.1:1/x",
    "TEMPORAL_ADDRESS": "127.0.0.1:1",
    "OVERROUND_SECRET_KEY": "planted",
    "ODDSPAPI_API_KEY": "planted",
}


def ends(body: str, env: dict[str, str]) -> tuple[int, list[str]]:
    """The exit code and the lines on standard error of a process whose work is ``body``."""
    code = f"from overround.process import *\nimport asyncio\nasync def run(settings):\n    {body}\nmain('part', run)\n"
    environment = {"PATH": os.environ["PATH"], "PYTHONPATH": str(ROOT), **env}
    done = subprocess.run(
        [sys.executable, "-c", code], env=environment, capture_output=True, text=True, timeout=60, check=False
    )
    return done.returncode, done.stderr.splitlines()


@pytest.mark.parametrize("missing", sorted(COMPLETE))
def test_a_missing_setting_is_named_and_final(missing: str) -> None:
    fields = {
        "DATABASE_URL": "database_url",
        "TEMPORAL_ADDRESS": "temporal_address",
        "OVERROUND_SECRET_KEY": "secret_key",
        "ODDSPAPI_API_KEY": "oddspapi_api_key",
    }
    values = {fields[name]: value for name, value in COMPLETE.items() if name != missing}
    settings = Settings(**values)  # type: ignore[arg-type]
    with pytest.raises(BadSetting, match=f"set {missing}"):
        checked(settings)


def test_complete_settings_pass() -> None:
    settings = Settings(
        database_url="postgresql://x",
        temporal_address="t:1",
        secret_key=SecretStr("s"),
        oddspapi_api_key=SecretStr("k"),
    )
    assert checked(settings) is settings


def test_work_that_ends_in_order_exits_with_zero() -> None:
    assert ends("pass", COMPLETE) == (0, [])


def test_work_runs_on_the_faster_loop() -> None:
    code, lines = ends("raise RuntimeError(type(asyncio.get_running_loop()).__module__)", COMPLETE)
    assert (code, lines) == (1, ["part stopped: RuntimeError('uvloop')"])


def test_a_bad_setting_exits_so_that_nobody_starts_it_again() -> None:
    code, lines = ends("pass", {**COMPLETE, "DATABASE_URL": ""})
    assert (code, lines) == (BAD_CONFIGURATION, ["part: set DATABASE_URL"])


def test_a_fault_is_one_line_and_no_traceback() -> None:
    code, lines = ends("raise RuntimeError('broke')", COMPLETE)
    assert code == 1
    assert lines == ["part stopped: RuntimeError('broke')"]


def test_no_ending_shows_a_secret() -> None:
    for body in ("pass", "raise RuntimeError('broke')"):
        assert "planted" not in "\n".join(ends(body, COMPLETE)[1])


def test_sigterm_is_an_orderly_end(tmp_path: Path) -> None:
    ready = tmp_path / "ready"
    body = "stop = stop_requested(); announce('up'); await stop.wait()"
    code = f"from overround.process import *\nasync def run(settings):\n    {body}\nmain('part', run)\n"
    environment = {"PATH": os.environ["PATH"], "PYTHONPATH": str(ROOT), **COMPLETE, "OVERROUND_READY_FILE": str(ready)}
    with subprocess.Popen([sys.executable, "-c", code], env=environment) as process:
        end = time.monotonic() + 30
        while not ready.exists() and time.monotonic() < end:
            time.sleep(0.02)
        process.send_signal(signal.SIGTERM)
        assert process.wait(30) == 0
