"""``python -m tests.dashboard.pictures DIRECTORY`` takes the docs' pictures of the dashboard."""

import asyncio
import sys
import tempfile
from contextlib import ExitStack
from pathlib import Path

from overround.ledger.keys import create_key
from tests.api import rows
from tests.api.conftest import PEPPER, running
from tests.dashboard.conftest import Desk
from tests.dashboard.scene import evening, signs_of_life
from tests.support import browser
from tests.support.browser import Page
from tests.support.servers import cloned_database, make_template, running_postgres

DARK, LIGHT, PHONE = (1280, 800, "dark"), (1280, 800, "light"), (390, 844, "dark")
DRAWN = "document.querySelector('.u-over') !== null && document.querySelectorAll('.opener').length > 5"


async def take(database_url: str, state: Path, into: Path) -> None:
    """The whole desk in both themes and on a phone; an order opened to its bets."""
    ui = "http://127.0.0.1:8233"
    async with running(database_url, temporal_ui_url=ui) as api, browser.running(state) as wire:
        async with api.writing() as connection:
            await rows.client(connection, "demo")
            key = await create_key(connection, PEPPER, "client", "demo")
            await evening(connection)
        for name, (width, height, scheme) in (("dark", DARK), ("phone", PHONE), ("light", LIGHT)):
            async with api.writing() as connection:
                await signs_of_life(connection)
            async with browser.new_page(wire) as page:
                await page.look(width=width, height=height, scheme=scheme)
                await Desk(api, page).sign_in(key, seen="in all")
                await page.until(DRAWN)
                await _settle(page, into / f"dashboard-{name}.png")
                if name == "light":
                    await _open_an_order(page)
                    await _settle(page, into / "dashboard-orders.png")


async def _open_an_order(page: Page) -> None:
    await page.click("[data-filter=matched]")
    await page.run("document.querySelectorAll('.opener')[2].click()")
    await page.run("document.getElementById('orders-panel').scrollIntoView()")


async def _settle(page: Page, path: Path) -> None:
    """A picture once nothing moves any more."""
    await asyncio.sleep(0.5)
    path.write_bytes(await page.picture())  # noqa: ASYNC240 - nothing else runs here


def main() -> None:
    with ExitStack() as stack:
        state = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        server = stack.enter_context(running_postgres(state))
        url = stack.enter_context(cloned_database(server, make_template(server)))
        asyncio.run(take(url, state / "profile", Path(sys.argv[1])))


if __name__ == "__main__":
    main()
