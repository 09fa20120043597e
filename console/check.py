"""``overround check``: the ledger against the paper venues' and bookmaker's own books."""

import asyncio
from typing import Annotated, Any

import httpx
import typer

from console import config
from console.embedded.process import StartError
from console.state import State
from console.target import database_url


def check(
    wait: Annotated[float, typer.Option(help="Seconds to wait for what is under way to settle.")] = 15.0,
) -> None:
    """Compare every order, fill, bet and result on both sides. Exit code 1 when they differ."""
    settings = config.load()
    paper = State(settings.state_dir).read_run().get("paper")
    if not paper:
        raise StartError(f"nothing runs on {settings.state_dir} (OVERROUND_STATE_DIR): start it with `overround up`")
    raise typer.Exit(asyncio.run(compare(database_url(settings), paper["admin"], wait)))


async def compare(database_url: str, admin: str, wait: float) -> int:
    """Print the comparison; 0 when clean, 1 when something differs for the whole ``wait`` (seconds)."""
    from overround.ledger.audit import Audit, audit
    from overround.ledger.db import connect

    database = connect(database_url)
    result = Audit()
    kept: set[str] | None = None
    for _ in range(max(1, int(wait))):
        witness = await _witness(admin)
        async with database.connect() as connection:
            result = await audit(connection, witness)
        # What differs only for a moment is work under way: a difference counts once it has stood for the whole wait.
        kept = set(result.findings) if kept is None else kept & set(result.findings)
        if not kept:
            break
        await asyncio.sleep(1.0)
    await database.dispose()
    result.findings = sorted(kept or set())
    print(result.summary())
    for finding in result.findings:
        print(f"  {finding}")
    return 0 if result.clean else 1


async def _witness(admin: str) -> dict[str, Any]:
    try:
        async with httpx.AsyncClient(trust_env=False, timeout=30) as client:
            answer = await client.get(f"{admin}/witness?house=false")
    except httpx.HTTPError as error:
        raise StartError(f"the paper venues do not answer at {admin}: {error}") from None
    body: dict[str, Any] = answer.json()
    return body
