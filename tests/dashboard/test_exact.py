"""The page's own arithmetic against Python's decimals, in the browser that runs it."""

import json
import random
from collections.abc import AsyncIterator
from decimal import ROUND_HALF_EVEN, Decimal, localcontext

import pytest

from tests.api.conftest import Api
from tests.support.browser import Page, Wire, new_page

CASES = 300
GAME = "{participants: {participant1Name: 'de Minaur', participant2Name: 'Ruud'}}"


def _numbers(draw: random.Random) -> str:
    digits = str(draw.randrange(10 ** draw.randint(1, 30)))
    places = draw.randint(0, 12)
    text = f"{digits}.{draw.randrange(10**places):0{places}d}" if places else digits
    return ("-" if draw.random() < 0.4 else "") + text


@pytest.fixture(scope="session")
async def page(wire: Wire, process: Api) -> AsyncIterator[Page]:
    """The modules under test in a tab, their functions as globals."""
    async with new_page(wire) as opened:
        await opened.open(f"{process.url}/dashboard")
        await opened.run(
            "Promise.all(['exact', 'format'].map((name) => import(`/dashboard/static/js/${name}.js`)))"
            ".then((modules) => { Object.assign(window, ...modules); return true; })"
        )
        yield opened


async def test_sums_products_and_order_are_exact(page: Page) -> None:
    draw = random.Random(11)
    pairs = [(_numbers(draw), _numbers(draw)) for _ in range(CASES)] + [("0", "-0.0"), ("1e3", "2.5e-3")]
    script = f"{json.dumps(pairs)}.map(([a, b]) => [add(a, b), subtract(a, b), multiply(a, b), compare(a, b)])"
    with localcontext(prec=200):
        for (a, b), (total, difference, product, order) in zip(pairs, await page.run(script), strict=True):
            left, right = Decimal(a), Decimal(b)
            assert (Decimal(total), Decimal(difference)) == (left + right, left - right)
            assert Decimal(product) == left * right
            assert order == (left > right) - (left < right)


async def test_rounding_is_half_to_even(page: Page) -> None:
    draw = random.Random(12)
    cases = [(_numbers(draw), draw.randint(0, 6)) for _ in range(CASES)]
    cases += [(text, 1) for text in ("0.25", "0.35", "-0.25", "-0.05", "0.05", "-0.04", "9.95")]
    shown = await page.run(f"{json.dumps(cases)}.map(([a, places]) => fixed(a, places))")
    with localcontext(prec=200):
        for (text, places), found in zip(cases, shown, strict=True):
            assert Decimal(found) == Decimal(text).quantize(Decimal(1).scaleb(-places), ROUND_HALF_EVEN), text
            assert len(found.partition(".")[2]) == places


async def test_division_is_rounded_once(page: Page) -> None:
    draw = random.Random(13)
    cases = [(a, b) for a, b in ((_numbers(draw), _numbers(draw)) for _ in range(CASES)) if Decimal(b) != 0]
    shown = await page.run(f"{json.dumps(cases)}.map(([a, b]) => divide(a, b, 8))")
    with localcontext(prec=200):
        for (a, b), found in zip(cases, shown, strict=True):
            assert Decimal(found) == (Decimal(a) / Decimal(b)).quantize(Decimal("1E-8"), ROUND_HALF_EVEN), (a, b)


async def test_numbers_of_an_answer_keep_their_digits_and_texts_stay_texts(page: Page) -> None:
    body = (
        '{"a": 90071992547409931.005, "b": [1, -2.50, 3e2], "c": "1.5 and \\\\"2\\\\"", "d": null, "e": {"f9": true}}'
    )
    assert await page.run(f"parse({json.dumps(body.replace(chr(92) * 2, chr(92)))})") == {
        "a": "90071992547409931.005",
        "b": ["1", "-2.50", "3e2"],
        "c": '1.5 and "2"',
        "d": None,
        "e": {"f9": True},
    }


@pytest.mark.parametrize(
    ("call", "shown"),
    [
        ("money('1234567.895')", "1,234,567.90"),
        ("money('-0.004')", "0.00"),
        ("money('-1234.5')", "−1,234.50"),
        ("gain('0')", "0.00"),
        ("gain('12.3')", "+12.30"),
        ("size('100.00')", "100"),
        ("size('99.5')", "99.50"),
        ("cents('0.455')", "45.5"),
        ("fair('1.808')", "0.44690265"),
        ("money(null)", "–"),
        ("age(9.94)", "9.9s"),
        ("age(75)", "75s"),
        ("age(125)", "2m 05s"),
        ("age(7300)", "2h 01m"),
        ("count('1', 'order')", "1 order"),
        ("outcomeName(GAME, '122')", "Ruud"),
        ("outcomeName(GAME, '101')", "de Minaur"),
        ("outcomeName(GAME, '102')", "draw"),
        ("outcomeName(GAME, '181')", "outcome 181"),
        ("outcomeName(undefined, '111')", "outcome 111"),
        ("startOf({startTime: '2026-02-15T12:00:00Z'}, new Date('2026-02-15T11:00:00Z'))", "12:00"),
        ("startOf({startTime: '2026-02-16T12:00:00Z'}, new Date('2026-02-15T11:00:00Z'))", "16.02. 12:00"),
        ("count('1200', 'order')", "1,200 orders"),
        ("clock('2026-02-15T12:00:07Z', new Date('2026-02-15T23:00:00Z'))", "12:00:07"),
        ("clock('2026-02-14T12:00:07Z', new Date('2026-02-15T23:00:00Z'))", "14.02. 12:00"),
    ],
)
async def test_figures_are_written_for_reading(page: Page, call: str, shown: str) -> None:
    assert await page.run(call.replace("GAME", GAME)) == shown
