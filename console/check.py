"""``overround check``: the ledger against the paper venues' and bookmaker's own books."""

import asyncio
from typing import TYPE_CHECKING, Annotated, Any

import httpx
import typer

from console import config
from console.embedded.process import StartError
from console.state import State
from console.target import database_url

if TYPE_CHECKING:
    from sqlalchemy.ext.asyncio import AsyncEngine

    from overround.ledger.audit import Audit


def check(wait: Annotated[float, typer.Option(help="Seconds to wait for what is under way to settle.")] = 15.0) -> None:
    """Compare every order, fill, bet and result on both sides. Exit code 1 when they differ."""
    settings = config.load()
    paper = State(settings.state_dir).read_run().get("paper")
    if not paper:
        raise StartError(f"nothing runs on {settings.state_dir} (OVERROUND_STATE_DIR): start it with `overround up`")
    raise typer.Exit(asyncio.run(compare(database_url(settings), paper["admin"], wait)))


async def compare(database_url: str, admin: str, wait: float) -> int:
    """Print the comparison; 0 when clean, 1 when something differs for the whole ``wait`` (seconds)."""
    from overround.ledger.db import connect

    database = connect(database_url)
    try:
        result = await _stand(database, admin, max(1, int(wait)))
    finally:
        await database.dispose()
    print(result.summary())
    for finding in result.findings:
        print(f"  {finding}")
    return 0 if result.clean else 1


async def _stand(database: "AsyncEngine", admin: str, rounds: int) -> "Audit":
    """The last of so many comparisons, a second apart, with what stood in all of them: what differs only for a moment
    is work under way."""
    from overround.ledger.audit import audit

    kept: set[str] | None = None
    while True:
        witness = await _witness(admin)
        async with database.connect() as connection:
            result = await audit(connection, witness)
        kept = set(result.findings) if kept is None else kept & set(result.findings)
        rounds -= 1
        if not kept or not rounds:
            result.findings = sorted(kept)
            return result
        await asyncio.sleep(1.0)


async def _witness(admin: str) -> dict[str, Any]:
    try:
        async with httpx.AsyncClient(trust_env=False, timeout=30) as client:
            answer = await client.get(f"{admin}/witness?house=false")
            body = answer.raise_for_status().json()
    except (httpx.HTTPError, ValueError) as error:
        raise StartError(f"the paper venues do not answer at {admin}: {error}") from None
    if not isinstance(body, dict) or not body.keys() >= {"exchanges", "bookmaker"}:
        raise StartError(f"the paper venues have no books at {admin}")
    return body
