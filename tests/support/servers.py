"""The embedded servers as tests use them: one of each per session, a database per test."""

import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psycopg
from psycopg import sql

from console.embedded.postgres import FAST_AND_FORGETFUL, Postgres
from console.embedded.temporal import TemporalServer
from workflows.attributes import ATTRIBUTES

TEMPLATE = "template_overround"


@contextmanager
def running_postgres(state: Path) -> Iterator[Postgres]:
    # dropping a database waits for those who were cancelled while connecting to it: by default a minute
    server = Postgres(state, options=(*FAST_AND_FORGETFUL, "max_connections=200", "authentication_timeout=5s"))
    try:
        server.start()
        yield server
    finally:
        server.destroy()


@contextmanager
def running_temporal(state: Path) -> Iterator[TemporalServer]:
    server = TemporalServer(state, ui_port=None, attributes=ATTRIBUTES)
    try:
        server.start()
        yield server
    finally:
        if server.process is not None:
            server.process.kill()  # its orderly stop takes three seconds


def make_template(server: Postgres) -> str:
    """A migrated database that tests clone; returns its name."""
    from overround.ledger import migrate

    server.ensure_database(TEMPLATE)
    migrate.upgrade(server.url(TEMPLATE))
    return TEMPLATE


@contextmanager
def cloned_database(server: Postgres, template: str) -> Iterator[str]:
    """The URL of a new database made from ``template``, dropped afterwards."""
    name = f"test_{secrets.token_hex(6)}"
    with psycopg.connect(server.url("postgres"), autocommit=True) as admin:
        admin.execute(sql.SQL("create database {} template {}").format(sql.Identifier(name), sql.Identifier(template)))
        try:
            yield server.url(name)
        finally:
            admin.execute(sql.SQL("drop database {} with (force)").format(sql.Identifier(name)))
