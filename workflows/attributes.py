"""Search attributes every execution carries, so that operators find it in the Temporal UI by what it trades."""

from temporalio.common import SearchAttributeKey, SearchAttributePair, TypedSearchAttributes

ATTRIBUTES = {
    "OverroundClient": "Keyword",
    "OverroundExchange": "Keyword",
    "OverroundAccount": "Keyword",
    "OverroundFixture": "Keyword",
    "OverroundMarket": "Keyword",
    "OverroundState": "Keyword",
    "OverroundTitle": "Keyword",
}
"""Name to indexed type, registered at every boot (stack sheet, section 4.1)."""

STATE = SearchAttributeKey.for_keyword("OverroundState")


def attributes(
    *,
    client: str = "",
    exchange: str = "",
    account: str = "",
    fixture: str = "",
    market: str = "",
    state: str = "",
    title: str = "",
) -> TypedSearchAttributes:
    """The attributes of one execution; empty ones are left out."""
    values = {
        "OverroundClient": client,
        "OverroundExchange": exchange,
        "OverroundAccount": account,
        "OverroundFixture": fixture,
        "OverroundMarket": market,
        "OverroundState": state,
        "OverroundTitle": title,
    }
    return TypedSearchAttributes(
        [SearchAttributePair(SearchAttributeKey.for_keyword(name), value) for name, value in values.items() if value]
    )
