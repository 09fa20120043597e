"""The embedded PostgreSQL, as every kind of user and after every kind of death."""

import os
import signal
import stat
from pathlib import Path

import psycopg
import pytest

from console.embedded import identity
from console.embedded.postgres import Postgres, locate
from console.embedded.process import Identity


def test_a_cloned_database_is_empty_and_reachable(blank_database_url: str) -> None:
    with psycopg.connect(blank_database_url) as connection:
        assert connection.execute("select count(*) from pg_tables where schemaname = 'public'").fetchone() == (0,)


def test_data_and_password_survive_a_restart(tmp_path: Path) -> None:
    first = Postgres(tmp_path)
    try:
        with psycopg.connect(first.start()) as connection:
            connection.execute("create table kept (x int)")
        first.stop()
        again = Postgres(tmp_path)
        with psycopg.connect(again.start()) as connection:
            connection.execute("select x from kept")
        again.stop()
    finally:
        first.destroy()
    assert stat.S_IMODE((tmp_path / "postgres.password").stat().st_mode) == 0o600


def test_acknowledged_rows_are_there_after_kill_nine(tmp_path: Path) -> None:
    server = Postgres(tmp_path)
    again = Postgres(tmp_path)
    try:
        with psycopg.connect(server.start(), autocommit=True) as connection:
            connection.execute("create table kept (x int)")
            connection.execute("insert into kept select generate_series(1, 1000)")
            assert server.process is not None
            os.kill(server.process.pid, signal.SIGKILL)
        with psycopg.connect(again.start()) as connection:
            assert connection.execute("select count(*) from kept").fetchone() == (1000,)
    finally:
        server.stop()
        again.destroy()


@pytest.mark.skipif(os.getuid() != 0, reason="only root can become nobody")
def test_root_without_user_namespaces_falls_back_to_nobody(tmp_path: Path) -> None:
    server = Postgres(tmp_path, mode="nobody")
    try:
        with psycopg.connect(server.start()) as connection:
            assert connection.execute("select current_user").fetchone() == ("mm",)
        assert server.data.stat().st_uid == 65534
    finally:
        server.destroy()
    assert not server.data.exists()


@pytest.mark.skipif(os.getuid() != 0, reason="only root can become nobody")
def test_nobody_runs_a_copy_when_the_environment_is_out_of_reach(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(identity, "reachable", lambda path, who: False)
    server = Postgres(tmp_path, mode="nobody")
    try:
        server.start()
        assert server.process is not None
        assert server.process.part.argv[0].startswith(str(server.data.parent / "program"))
    finally:
        server.destroy()
    assert not server.data.parent.exists()


@pytest.mark.skipif(os.getuid() != 0, reason="root's own path")
def test_as_root_files_stay_roots_in_a_folder_only_root_can_enter(tmp_path: Path) -> None:
    tmp_path.chmod(0o700)
    server = Postgres(tmp_path)
    if server.run_as.mode != "mapped":
        pytest.skip("this machine does not allow user namespaces")
    try:
        server.start()
        assert server.data.stat().st_uid == 0
        assert stat.S_IMODE(tmp_path.stat().st_mode) == 0o700
    finally:
        server.destroy()


def test_a_folder_of_another_user_is_not_reachable(tmp_path: Path) -> None:
    tmp_path.chmod(0o700)
    stranger = Identity(uid=tmp_path.stat().st_uid + 1, gid=tmp_path.stat().st_gid + 1)
    assert not identity.reachable(tmp_path, stranger)
    assert identity.reachable(Path("/"), stranger)


def test_the_binaries_come_from_the_wheel() -> None:
    assert (locate() / "initdb").exists()
    assert (locate() / "postgres").exists()
