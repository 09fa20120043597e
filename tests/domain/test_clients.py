"""A client's id says who and at which bookmaker, and nothing else can be one (mm-api sheet, section 8.5)."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from overround.domain.clients import GLOBAL, BadClient, parse_client
from overround.domain.ids import control_workflow
from streamers.odds import bookmaker_of

NAMES = st.from_regex(r"[A-Za-z0-9][A-Za-z0-9._-]{0,62}", fullmatch=True).filter(lambda text: text.lower() != GLOBAL)
SLUGS = st.from_regex(r"[a-z0-9][a-z0-9.-]{0,62}", fullmatch=True).filter(lambda text: text != GLOBAL)


@given(NAMES, SLUGS)
def test_a_compound_id_is_its_two_halves(name: str, slug: str) -> None:
    found = parse_client(f"{name}:{slug}")
    assert (found.client, found.name, found.bookmaker) == (f"{name}:{slug}", name, slug)


@given(SLUGS)
def test_a_simple_id_is_the_bookmaker_itself(slug: str) -> None:
    found = parse_client(slug)
    assert (found.client, found.name, found.bookmaker) == (slug, slug, slug)


@given(NAMES, SLUGS)
def test_the_engine_prices_at_the_bookmaker_that_was_assigned(name: str, slug: str) -> None:
    for text in (f"{name}:{slug}", slug):
        assert bookmaker_of(text) == parse_client(text).bookmaker


@given(st.text(max_size=140))
def test_whatever_is_accepted_is_safe_in_a_workflow_id_and_a_path(text: str) -> None:
    try:
        found = parse_client(text)
    except BadClient:
        return
    assert found.client == text
    assert text.isascii()
    assert not set(text) & set("/?#% \t\r\n\0")
    assert text.count(":") <= 1
    assert control_workflow(text) != control_workflow(GLOBAL)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("global", "it means everybody"),
        ("GLOBAL:vertex", "it means everybody"),
        ("", "a client's name has"),
        (":vertex", "a client's name has"),
        ("-x:vertex", "a client's name has"),
        ("x" * 64 + ":vertex", "at most 63"),
        ("demo:", "a bookmaker's slug has"),
        ("demo:Vertex", "small letters"),
        ("demo:a:b", "no ':'"),
        ("Demo", "a bookmaker's slug has"),
        ("demo:" + "v" * 64, "at most 63"),
        ("demo:vertex\n", "a bookmaker's slug has"),
    ],
)
def test_a_refusal_says_which_half_is_wrong(text: str, words: str) -> None:
    with pytest.raises(BadClient, match=words):
        parse_client(text)
