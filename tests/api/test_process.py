"""``python -m api`` as the supervisor runs it."""

import asyncio
import os
import signal
import socket
import sys
from pathlib import Path

import httpx
import pytest

from api.__main__ import listen
from overround.settings import Settings

ROOT = Path(__file__).parents[2]


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as probe:
        return int(probe.getsockname()[1])


async def _start(folder: Path, **env: str) -> asyncio.subprocess.Process:
    clean = {name: value for name, value in os.environ.items() if not name.startswith(("OVERROUND_", "DATABASE_URL"))}
    return await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "api",
        cwd=folder,
        env=clean | {"PYTHONPATH": str(ROOT), **env},
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )


async def _ends(process: asyncio.subprocess.Process) -> tuple[int | None, list[str]]:
    out, err = await asyncio.wait_for(process.communicate(), 60)
    return process.returncode, (out + err).decode().splitlines()


def _written(file: Path) -> bool:
    return file.exists() and file.stat().st_size > 0


async def test_it_says_when_it_is_ready_answers_and_stops_cleanly(tmp_path: Path, database_url: str) -> None:
    ready = tmp_path / "ready"
    process = await _start(
        tmp_path,
        DATABASE_URL=database_url,
        OVERROUND_SECRET_KEY="k",
        OVERROUND_API_PORT="0",
        OVERROUND_READY_FILE=str(ready),
    )
    try:
        async with asyncio.timeout(60):
            while not _written(ready) and process.returncode is None:  # noqa: ASYNC110 - a file has no event
                await asyncio.sleep(0.02)
        port = ready.read_text().strip()
        async with httpx.AsyncClient(trust_env=False) as http:
            assert (await http.get(f"http://127.0.0.1:{port}/healthz")).json() == {"status": "ok"}
            assert (await http.get(f"http://127.0.0.1:{port}/api/v1/me")).status_code == 401
    finally:
        process.send_signal(signal.SIGTERM)
    assert await _ends(process) == (0, [])


async def test_a_taken_port_is_one_line_naming_its_setting(tmp_path: Path, database_url: str) -> None:
    with socket.create_server(("127.0.0.1", 0)) as holder:
        port = str(holder.getsockname()[1])
        process = await _start(tmp_path, DATABASE_URL=database_url, OVERROUND_SECRET_KEY="k", OVERROUND_API_PORT=port)
        code, lines = await _ends(process)
    assert code == 78
    assert len(lines) == 1
    assert "OVERROUND_API_PORT" in lines[0]
    assert port in lines[0]


async def test_what_is_missing_is_named(tmp_path: Path, database_url: str) -> None:
    unreachable = f"postgresql://mm:planted@127.0.0.1:{_free_port()}/x"
    for env, setting, ends in (
        ({}, "DATABASE_URL", 78),
        ({"DATABASE_URL": database_url}, "OVERROUND_SECRET_KEY", 78),
        ({"DATABASE_URL": unreachable, "OVERROUND_SECRET_KEY": "k"}, "DATABASE_URL", 1),
    ):
        code, lines = await _ends(await _start(tmp_path, **env))
        assert (code, len(lines)) == (ends, 1)
        assert setting in lines[0]
        assert "planted" not in lines[0]


@pytest.mark.skipif(not hasattr(socket, "TCP_USER_TIMEOUT"), reason="only Linux has this option")
def test_what_a_peer_never_reads_is_given_up_by_the_system() -> None:
    with (
        listen(Settings(api_port=0)) as listener,
        socket.create_connection(listener.getsockname()),
        listener.accept()[0] as accepted,
    ):
        assert accepted.getsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT) == 30_000
