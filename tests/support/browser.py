"""A real browser for tests: Debian's Chromium, headless, driven through its DevTools protocol."""

import asyncio
import base64
import itertools
import json
import shutil
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from websockets.asyncio.client import ClientConnection, connect

FLAGS = (
    "--headless=new",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--disable-dev-shm-usage",
    "--disable-extensions",
    "--hide-scrollbars",
    "--disable-features=SpareRendererForSitePerProcess,Translate,OptimizationHints,MediaRouter",
    "--disable-site-isolation-trials",
    "--remote-debugging-port=0",
    "about:blank",
)
START_SECONDS = 30.0
POLL_SECONDS = 0.04


def chromium() -> str | None:
    """Where the browser is, None on a machine without one."""
    return shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")


class Failed(Exception):
    """The page threw, or what was waited for did not come."""


class Wire:
    """Commands and events of the whole browser on one socket."""

    def __init__(self, socket: ClientConnection) -> None:
        self._socket = socket
        self._numbers = itertools.count(1)
        self._answers: dict[int, asyncio.Future[dict[str, Any]]] = {}
        self.pages: dict[str, Page] = {}

    async def read(self) -> None:
        """Hand out what arrives, until the browser ends."""
        async for text in self._socket:
            message = json.loads(text)
            if "id" in message:
                answer = self._answers.pop(message["id"])
                if not answer.done():
                    answer.set_result(message)
            elif (page := self.pages.get(message.get("sessionId", ""))) is not None:
                page.note(message["method"], message["params"])

    async def call(self, method: str, session: str | None = None, **params: Any) -> dict[str, Any]:
        number = next(self._numbers)
        self._answers[number] = asyncio.get_running_loop().create_future()
        target = {} if session is None else {"sessionId": session}
        await self._socket.send(json.dumps({"id": number, "method": method, "params": params, **target}))
        answer = await asyncio.wait_for(self._answers[number], START_SECONDS)
        if "error" in answer:
            raise Failed(f"{method}: {answer['error']['message']}")
        return dict(answer["result"])


@dataclass(eq=False)
class Page:
    """A tab with storage of its own. ``complaints`` is what its console said besides logs; ``asked`` every URL."""

    wire: Wire
    session: str
    complaints: list[str] = field(default_factory=list)
    asked: list[str] = field(default_factory=list)

    def note(self, method: str, params: dict[str, Any]) -> None:
        match method:
            case "Network.requestWillBeSent":
                self.asked.append(params["request"]["url"])
            case "Network.webSocketCreated":
                self.asked.append(params["url"])
            case "Runtime.exceptionThrown":
                self.complaints.append(json.dumps(params["exceptionDetails"]))
            case "Runtime.consoleAPICalled" if params["type"] in {"error", "warning", "assert"}:
                self.complaints.append(json.dumps(params["args"]))
            case "Log.entryAdded" if params["entry"]["level"] in {"error", "warning"}:
                self.complaints.append(f"{params['entry']['text']} {params['entry'].get('url', '')}")

    async def call(self, method: str, **params: Any) -> dict[str, Any]:
        return await self.wire.call(method, self.session, **params)

    async def open(self, url: str) -> None:
        await self.call("Page.navigate", url=url)
        await self.until("document.readyState === 'complete' && location.href !== 'about:blank'")

    async def run(self, script: str) -> Any:
        """The value of an expression in the page; promises are awaited."""
        answer = await self.call("Runtime.evaluate", expression=script, awaitPromise=True, returnByValue=True)
        if "exceptionDetails" in answer:
            raise Failed(json.dumps(answer["exceptionDetails"]))
        return answer["result"].get("value")

    async def until(self, script: str, seconds: float = 20.0) -> Any:
        """The first truthy value of an expression."""
        deadline = asyncio.get_running_loop().time() + seconds
        while True:
            try:
                if found := await self.run(script):
                    return found
            except Failed:  # the page is just being replaced
                if asyncio.get_running_loop().time() > deadline:
                    raise
            if asyncio.get_running_loop().time() > deadline:
                text = await self.run("document.body.innerText.slice(0, 1500)")
                raise Failed(f"not within {seconds} s: {script}\n{self.complaints}\n{text}")
            await asyncio.sleep(POLL_SECONDS)

    async def text(self, selector: str) -> str:
        """What a person reads there; hidden text does not count."""
        return str(await self.run(f"document.querySelector({json.dumps(selector)}).innerText"))

    async def sees(self, words: str, selector: str = "body") -> None:
        """Wait until the words can be read there."""
        await self.until(f"document.querySelector({json.dumps(selector)}).innerText.includes({json.dumps(words)})")

    async def click(self, selector: str) -> None:
        """As with a mouse: in the middle of the element, once nothing lies over it and it has stopped moving."""
        script = f"""new Promise((done) => {{
            const one = document.querySelector({json.dumps(selector)});
            one.scrollIntoView({{block: "center"}});
            const place = () => {{ const box = one.getBoundingClientRect();
                return [box.x + box.width / 2, box.y + box.height / 2]; }};
            const before = place();
            setTimeout(() => {{
                const [x, y] = place();
                const still = x === before[0] && y === before[1];
                done(still && one.contains(document.elementFromPoint(x, y)) ? [x, y] : null);
            }}, 30);
        }})"""
        x, y = await self.until(script)
        for kind in ("mousePressed", "mouseReleased"):
            await self.call("Input.dispatchMouseEvent", type=kind, x=x, y=y, button="left", clickCount=1)

    async def type(self, text: str) -> None:
        """Into whatever has the focus."""
        await self.call("Input.insertText", text=text)

    async def press(self, key: str) -> None:
        """A key, by its DOM name."""
        shown = {"text": "\r"} if key == "Enter" else {"text": key} if len(key) == 1 else {}
        codes = {"Enter": 13, "Escape": 27, "Tab": 9}
        code = codes.get(key, ord(key[0].upper()))
        await self.call("Input.dispatchKeyEvent", type="keyDown", key=key, windowsVirtualKeyCode=code, **shown)
        await self.call("Input.dispatchKeyEvent", type="keyUp", key=key, windowsVirtualKeyCode=code)

    async def look(self, *, width: int = 1280, height: int = 800, scheme: str = "dark") -> None:
        """The window's size and the colours the system prefers."""
        size = {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": width < 600}
        await self.call("Emulation.setDeviceMetricsOverride", **size)
        await self.call("Emulation.setEmulatedMedia", features=[{"name": "prefers-color-scheme", "value": scheme}])

    async def picture(self) -> bytes:
        """A PNG of the window."""
        return base64.b64decode((await self.call("Page.captureScreenshot", format="png"))["data"])


@asynccontextmanager
async def new_page(wire: Wire) -> AsyncIterator[Page]:
    """A tab that shares nothing with others."""
    context = (await wire.call("Target.createBrowserContext"))["browserContextId"]
    target = (await wire.call("Target.createTarget", url="about:blank", browserContextId=context))["targetId"]
    session = (await wire.call("Target.attachToTarget", targetId=target, flatten=True))["sessionId"]
    page = wire.pages[session] = Page(wire, session)
    for domain in ("Page", "Runtime", "Network", "Log"):
        await page.call(f"{domain}.enable")
    try:
        yield page
    finally:
        del wire.pages[session]
        await wire.call("Target.disposeBrowserContext", browserContextId=context)


@asynccontextmanager
async def running(profile: Path) -> AsyncIterator[Wire]:
    """A browser with an empty profile, ended with the block."""
    program = chromium()
    assert program is not None
    process = await asyncio.create_subprocess_exec(
        program,
        *FLAGS,
        f"--user-data-dir={profile}",
        stdout=asyncio.subprocess.DEVNULL,
        stderr=asyncio.subprocess.DEVNULL,
    )
    try:
        async with connect(await _address(profile), proxy=None, compression=None, max_size=None) as socket:
            wire = Wire(socket)
            reader = asyncio.create_task(wire.read())
            yield wire
            reader.cancel()
            await asyncio.wait([reader])
    finally:
        process.terminate()
        await process.wait()


async def _address(profile: Path) -> str:
    """Where the browser listens, as it writes into its profile."""
    written = profile / "DevToolsActivePort"
    deadline = asyncio.get_running_loop().time() + START_SECONDS
    while asyncio.get_running_loop().time() < deadline:
        lines = written.read_text().split("\n") if written.exists() else []
        if len(lines) >= 2:
            return f"ws://127.0.0.1:{lines[0]}{lines[1]}"
        await asyncio.sleep(0.02)
    raise Failed(f"the browser did not start within {START_SECONDS} s")
