"""What the page's server promises to the browser, and that nothing on the page needs more."""

import hashlib
import re
from pathlib import Path

import pytest

from api.dashboard.page import STATIC
from tests.api.conftest import Api

MARKUP = re.compile(r"\.(innerHTML|outerHTML|insertAdjacentHTML)\b|document\.write|\beval\(|new Function")
ADDRESS = re.compile(r"https?://[^\s\"'`)]+")
OURS = [path for path in STATIC.rglob("*") if path.is_file() and "vendor" not in path.parts]


@pytest.mark.parametrize("path", ["/dashboard", "/dashboard/static/dashboard.css", "/dashboard/static/js/main.js"])
async def test_the_browser_may_load_and_call_this_origin_only(process: Api, path: str) -> None:
    answer = await process.http.get(path)
    assert answer.status_code == 200
    policy = dict(rule.split(" ", 1) for rule in answer.headers["content-security-policy"].split("; "))
    assert policy["default-src"] == "'none'"
    loads = {name: rule for name, rule in policy.items() if name.endswith("-src") and name != "default-src"}
    assert set(loads.values()) == {"'self'"}, loads
    assert policy["frame-ancestors"] == policy["base-uri"] == policy["form-action"] == "'none'"
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert answer.headers["referrer-policy"] == "no-referrer"


async def test_modules_are_served_as_javascript(process: Api) -> None:
    for path in STATIC.rglob("*.js"):
        answer = await process.http.get(f"/dashboard/static/{path.relative_to(STATIC).as_posix()}")
        assert answer.headers["content-type"].startswith("text/javascript"), path


async def test_nothing_but_the_static_files_can_be_read(process: Api) -> None:
    for path in ("page.py", "../page.py", "..%2fpage.py", "%2e%2e/page.py", "js", ""):
        assert (await process.http.get(f"/dashboard/static/{path}")).status_code == 404, path
    assert (await process.http.post("/dashboard")).status_code == 405


async def test_the_page_is_no_part_of_the_api_document(process: Api) -> None:
    assert "dashboard" not in (await process.http.get("/openapi.json")).text


@pytest.mark.parametrize("path", OURS, ids=lambda path: path.name)
def test_our_files_make_no_markup_from_text_and_name_no_other_server(path: Path) -> None:
    text = path.read_text()
    assert not MARKUP.search(text)
    assert not re.search(r"<[a-z][^>]*\son[a-z]+=|<style|style=", text) or path.suffix != ".html"
    assert [found for found in ADDRESS.findall(text) if "www.w3.org/2000/svg" not in found] == []
    assert len(text.splitlines()) <= 500


def test_the_vendored_library_is_the_one_its_note_names() -> None:
    folder = STATIC / "vendor" / "uplot"
    noted = dict(re.findall(r"\| `([^`]+)` \| `([0-9a-f]{64})` \|", (folder / "README.md").read_text()))
    found = {
        path.name: hashlib.sha256(path.read_bytes()).hexdigest()
        for path in folder.iterdir()
        if path.name != "README.md"
    }
    assert noted == found
    assert "MIT" in (folder / "LICENSE").read_text()
    assert "(v1.6.32)" in (folder / "uPlot.esm.js").read_text()
