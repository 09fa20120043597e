"""From the feed's native ids to contracts proved by Gamma and the CLOB (polymarket sheet, sections 1 and 6)."""

import asyncio
from decimal import Decimal

from overround.domain.fees import FeeSchedule
from overround.domain.grid import Band, PriceGrid
from overround.domain.markets import Instrument, MarketKey
from overround.domain.numbers import ONE
from overround.exchanges.base import NativeIds, VenueContract, VenueMarket
from overround.exchanges.polymarket.amounts import SIZE_STEP
from overround.exchanges.polymarket.messages import (
    VENUE,
    ClobMarket,
    GammaEvent,
    GammaMarket,
    TopOfBook,
    clob_market,
    gamma_event,
    gamma_market,
    top_of_book,
)
from overround.exchanges.polymarket.rest import Rest
from overround.venues import NotFound, Unreadable

PLAIN_LABELS = ("yes", "no")


async def conditions(rest: Rest, ids: NativeIds) -> dict[int, ClobMarket]:
    """The condition of each outcome's token, as the CLOB trades it."""
    if not ids.outcomes:
        raise NotFound(VENUE, "the feed gives no token ids for this market")
    assets = list(ids.outcomes.values())
    found = dict(zip(assets, await asyncio.gather(*map(rest.condition_of, assets)), strict=True))
    distinct = sorted(set(found.values()))
    rows = await asyncio.gather(*map(rest.clob_market, distinct))
    markets = {condition: clob_market(condition, row) for condition, row in zip(distinct, rows, strict=True)}
    for asset, condition in found.items():
        if asset not in markets[condition].assets:
            raise Unreadable(VENUE, f"condition {condition} does not hold asset {asset}")
    return {outcome: markets[found[asset]] for outcome, asset in ids.outcomes.items()}


async def gamma_markets(rest: Rest, event_id: str | None, wanted: set[str]) -> tuple[str, dict[str, GammaMarket]]:
    """Title and Gamma's own record of the wanted conditions, through the event when the feed names one."""
    if event_id is not None:
        event: GammaEvent = gamma_event(await rest.event(event_id))
        found = {market.condition_id: market for market in event.markets if market.condition_id in wanted}
        if set(found) != wanted:
            raise NotFound(VENUE, f"event {event_id} does not hold conditions {sorted(wanted - set(found))}")
        return event.title, found
    rows = await asyncio.gather(*map(rest.gamma_market, sorted(wanted)))
    markets = {market.condition_id: market for market in map(gamma_market, rows)}
    return next(iter(markets.values())).question, markets


def _agree(clob: ClobMarket, gamma: GammaMarket) -> None:
    if set(clob.assets) != set(gamma.assets) or len(gamma.labels) != len(gamma.assets):
        raise Unreadable(VENUE, f"Gamma and CLOB disagree about the assets of condition {clob.condition_id}")


def label_of(asset: str, gamma: GammaMarket) -> str:
    """The participant or side an asset stands for. A Yes/No asset carries its market's title; No is marked."""
    own = gamma.labels[gamma.assets.index(asset)]
    if own.lower() not in PLAIN_LABELS:
        return own
    subject = gamma.title or gamma.question
    return subject if own.lower() == "yes" else f"not {subject}"


def instrument(key: MarketKey, outcome_id: int, asset: str, clob: ClobMarket, gamma: GammaMarket) -> Instrument:
    """Buying the *other* asset of the condition pays 1 when the outcome does not happen."""
    other = next(candidate for candidate in clob.assets if candidate != asset)
    return Instrument(
        exchange=VENUE,
        key=key,
        outcome_id=outcome_id,
        venue_market=clob.condition_id,
        contract=other,
        position="yes",
        grid=PriceGrid("probability", (Band(clob.tick, ONE - clob.tick, clob.tick),)),
        fee=FeeSchedule("quadratic", Decimal(0), clob.fee_rate, clob.fee_exponent),
        min_size=clob.min_size,
        size_step=SIZE_STEP,
        details={"tick": str(clob.tick), "neg_risk": str(clob.neg_risk).lower(), "version": gamma.version},
    )


def _contract(asset: str, gamma: GammaMarket, tops: dict[str, TopOfBook]) -> VenueContract:
    top = tops.get(asset)
    if top is None:
        raise Unreadable(VENUE, f"no book came for asset {asset}")
    return VenueContract(asset, label_of(asset, gamma), top.bid, top.ask)


async def discover(rest: Rest, key: MarketKey, ids: NativeIds) -> VenueMarket:
    """The venue's market behind the feed's ids, with one instrument an outcome."""
    clob = await conditions(rest, ids)
    wanted = {market.condition_id for market in clob.values()}
    (title, gamma), books = await asyncio.gather(
        gamma_markets(rest, ids.event, wanted), rest.books(list(ids.outcomes.values()))
    )
    for market in clob.values():
        _agree(market, gamma[market.condition_id])
    tops = {top.asset_id: top for top in map(top_of_book, books)}
    records = {outcome: gamma[market.condition_id] for outcome, market in clob.items()}
    contracts = {outcome: _contract(ids.outcomes[outcome], records[outcome], tops) for outcome in clob}
    return VenueMarket(
        venue_market=next(iter(wanted)) if len(wanted) == 1 else ids.event or ",".join(sorted(wanted)),
        title=title,
        participants=tuple(contract.label for contract in contracts.values()),
        starts_at=min((m.starts_at for m in records.values() if m.starts_at is not None), default=None),
        open=all(market.open for market in records.values()),
        contracts=contracts,
        instruments={
            outcome: instrument(key, outcome, ids.outcomes[outcome], clob[outcome], records[outcome])
            for outcome in clob
        },
    )
