"""Imports point one way (design, section 3), files stay small, and nothing of this machine is in them."""

import ast
import re
import subprocess
import sys
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
OURS = ("overround", "workflows", "activities", "streamers", "api", "console", "worker", "tests", "bench")
ENGINE = ("overround.domain", "overround.exchanges", "overround.bookmakers", "overround.feed", "overround.ledger")
OUTER = ("temporalio", "fastapi", "workflows", "activities", "streamers", "api", "worker", "console")

NEVER = {
    **dict.fromkeys(
        ("overround.exchanges", "overround.bookmakers", "overround.feed", "overround.ledger", "overround.http",
         "overround.limiter", "overround.venues", "overround.instruments", "overround.settings", "overround.logs"),
        (*OUTER, "overround.paper"),
    ),
    "overround.paper": (*OUTER, *ENGINE),
    "activities": ("worker", "console", "streamers", "api", "fastapi", "overround.paper"),
    "streamers": ("worker", "console", "api", "fastapi", "overround.paper"),
    "api": ("worker", "console", "activities", "streamers", "overround.exchanges", "overround.bookmakers",
            "overround.paper"),
}  # fmt: skip
"""What a package may never import."""

ONLY = {"overround.domain": ("overround.domain",), "workflows": ("temporalio", "overround.domain", "workflows")}
"""All that a package may import beyond the standard library."""


@cache
def tracked() -> tuple[str, ...]:
    """Every file git knows or would add; the tests also run from an export without git."""
    listed = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    if listed.returncode:
        return tuple(str(path.relative_to(ROOT)) for path in ROOT.rglob("*.py") if ".venv" not in path.parts)
    return tuple(name for name in listed.stdout.splitlines() if (ROOT / name).is_file())


def sources() -> list[str]:
    return sorted(name for name in tracked() if name.endswith(".py") and name.split("/")[0].removesuffix(".py") in OURS)


def module(name: str) -> str:
    return name.removesuffix(".py").removesuffix("/__init__").replace("/", ".")


@cache
def imports(name: str) -> frozenset[str]:
    """Every module a file imports, wherever in the file; names of a ``from`` count as modules too."""
    tree = ast.parse((ROOT / name).read_text())
    found: set[str] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert not node.level, f"{name}: relative import"
            found |= {f"{node.module}.{alias.name}" for alias in node.names}
    return frozenset(found)


def inside(imported: str, package: str) -> bool:
    return imported == package or imported.startswith(package + ".")


def of(package: str) -> Iterator[str]:
    files = [name for name in sources() if inside(module(name), package)]
    assert files, f"{package} has no files: the test looks in the wrong place"
    yield from files


@pytest.mark.parametrize("package", NEVER)
def test_nothing_imports_what_lies_outside_of_it(package: str) -> None:
    wrong = [
        f"{name} imports {imported}"
        for name in of(package)
        for imported in imports(name)
        if any(inside(imported, other) for other in NEVER[package])
    ]
    assert wrong == []


@pytest.mark.parametrize("package", ONLY)
def test_what_must_stay_pure_imports_next_to_nothing(package: str) -> None:
    wrong = [
        f"{name} imports {imported}"
        for name in of(package)
        for imported in imports(name)
        if imported.split(".")[0] not in sys.stdlib_module_names
        and not any(inside(imported, other) for other in ONLY[package])
    ]
    assert wrong == []


def test_the_product_imports_no_test_and_no_bench() -> None:
    wrong = [
        f"{name} imports {imported}"
        for name in sources()
        if not name.startswith(("tests/", "bench/"))
        for imported in imports(name)
        if imported.split(".")[0] in ("tests", "bench")
    ]
    assert wrong == []


def test_no_file_is_past_five_hundred_lines() -> None:
    assert [name for name in sources() if len((ROOT / name).read_text().splitlines()) > 500] == []


def floats(name: str) -> list[str]:
    """Calls of ``float`` and annotations with it."""
    tree = ast.parse((ROOT / name).read_text())
    named = {node for node in ast.walk(tree) if isinstance(node, ast.Name) and node.id == "float"}
    checks = {
        argument
        for call in ast.walk(tree)
        if isinstance(call, ast.Call) and isinstance(call.func, ast.Name) and call.func.id == "isinstance"
        for argument in ast.walk(call)
    }
    return [f"{name}:{node.lineno}" for node in named - checks]


@pytest.mark.parametrize("package", ["overround.domain", "overround.ledger"])
def test_money_is_never_a_float(package: str) -> None:
    assert [found for name in of(package) for found in floats(name)] == []


TEXT = (
    ".py",
    ".toml",
    ".md",
    ".txt",
    ".lock",
    ".yml",
    ".yaml",
    ".json",
    ".cfg",
    ".ini",
    ".sh",
    "Makefile",
    "Dockerfile",
)
PRIVATE = {
    "a machine path": re.compile(r"(?<![\w.])/(?:work|home/\w+|root|Users)/(?!\w*\.invalid)[\w.]"),
    "a package index": re.compile(r"https?://[\w.:@-]+/(?:[\w-]+/)*simple\b|(?:PIP|UV)_\w*INDEX\w*=\S|pythonhosted"),
}


@pytest.mark.parametrize("what", PRIVATE)
def test_no_file_tells_of_the_machine_it_was_written_on(what: str) -> None:
    found = [
        f"{name}: {match.group(0)}"
        for name in tracked()
        if name.endswith(TEXT) and name != "tests/test_imports.py"
        for match in PRIVATE[what].finditer((ROOT / name).read_text(errors="replace"))
    ]
    assert found == []


def test_no_cancellation_is_forgotten() -> None:
    """``asyncio.wait_for`` forgets one that comes together with what it waits for (Python 3.11): a stream that was told
    to end went on for ever. ``asyncio.timeout`` does not."""
    product = [name for name in sources() if not name.startswith(("tests/", "bench/"))]
    assert [name for name in product if "wait_for(" in (ROOT / name).read_text()] == []


def test_the_float_check_sees_floats(tmp_path: Path) -> None:
    written = tmp_path / "money.py"
    written.write_text("def price(x: float) -> str:\n    return str(float(x)) if isinstance(x, float) else ''\n")
    assert len(floats(str(written))) == 2
