"""The API of ``tests/api`` with a browser before it; skipped where there is none."""

from collections.abc import AsyncIterator
from dataclasses import dataclass, replace

import pytest

from tests.api.commanding import Sender
from tests.api.conftest import Api, api, commanded_url, process, sender, shared_url
from tests.support import browser
from tests.support.browser import Page, Wire

__all__ = ["api", "commanded_url", "process", "sender", "shared_url"]


@pytest.fixture(scope="session")
async def wire(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Wire]:
    """One browser for all tests."""
    if browser.chromium() is None:
        pytest.skip("no Chromium on this machine: install Debian's package chromium")
    async with browser.running(tmp_path_factory.mktemp("profile")) as started:
        yield started


@pytest.fixture
async def page(wire: Wire) -> AsyncIterator[Page]:
    """A tab of the test's own."""
    async with browser.new_page(wire) as opened:
        await opened.look()
        yield opened


@dataclass
class Desk:
    """The dashboard of one client in a tab."""

    api: Api
    page: Page

    async def sign_in(self, key: str, *, seen: str = "live") -> None:
        """Type the key and wait until ``seen`` can be read and no answer is missing."""
        await self.page.open(f"{self.api.url}/dashboard")
        await self.page.until("!document.getElementById('signin').hidden")
        await self.page.type(key)
        await self.page.press("Enter")
        await self.page.sees(seen)
        await self.page.until("!document.body.innerText.includes('Loading…')")


@pytest.fixture
async def desk(api: Api, page: Page) -> Desk:
    return Desk(api, page)


@pytest.fixture
async def commanding(sender: Sender, page: Page) -> Desk:
    """A desk at the process whose commands are carried out."""
    return Desk(replace(sender.api, url=sender.url), page)
