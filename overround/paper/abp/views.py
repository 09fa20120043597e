"""Orders, bets and accounts in the venue's words. Source: bookmakers sheet, section 5."""

from typing import Any

from overround.paper.abp.books import BookAccount, BookBet, Books, RoutedOrder
from overround.paper.abp.offers import Offer, Rules
from overround.paper.abp.wire import stamp


def order_view(books: Books, order: RoutedOrder) -> dict[str, Any]:
    return {
        "orderId": order.order_id,
        "requestUuid": order.request_uuid,
        "userRef": order.user_ref,
        "fixtureId": order.fixture_id,
        "outcomeId": order.outcome_id,
        "playerId": order.player_id,
        "bookmakers": ",".join(order.bookmakers),
        "orderStatus": order.status,
        "orderPrice": order.price,
        "orderStake": order.stake,
        "filledStake": books.filled(order),
        "declineReason": order.reason,
        "expiresAt": stamp(order.expires_at),
        "createdAt": stamp(order.created_at),
        "updatedAt": stamp(order.updated_at),
        "meta": order.meta,
        "bets": [bet_view(books, bet) for bet in books.bets_of(order)],
    }


def bet_view(books: Books, bet: BookBet) -> dict[str, Any]:
    """``payout`` is null until settled. Sent and received data are what a bookmaker would have seen and said."""
    order = books.orders[bet.order_id]
    return {
        "betId": bet.bet_id,
        "orderId": bet.order_id,
        "requestUuid": order.request_uuid,
        "fixtureId": bet.fixture_id,
        "outcomeId": bet.outcome_id,
        "playerId": order.player_id,
        "bookmaker": bet.bookmaker,
        "account": bet.client,
        "bookmakerBetId": bet.bookmaker_bet_id,
        "placedPrice": bet.price,
        "placedStake": bet.stake,
        "placedCurrency": bet.currency,
        "placedAt": stamp(bet.placed_at) if bet.placed_at else None,
        "betStatus": bet.status,
        "settlementStatus": bet.settlement,
        "payout": None if bet.settlement == "UNSETTLED" else bet.payout,
        "declineReason": bet.reason,
        "sentData": {"requestedAt": stamp(bet.requested_at)},
        "receivedData": {"reference": bet.bookmaker_bet_id, "message": bet.reason},
    }


def account_view(account: BookAccount, rules: Rules) -> dict[str, Any]:
    return {
        "bookmaker": account.bookmaker,
        "username": account.client,
        "balance": account.balance,
        "currencyId": account.currency,
        "active": account.active,
        "priority": 1,
        "minStake": rules.min_stake,
        "maxStake": None,
    }


def offer_view(offer: Offer, account: BookAccount, rules: Rules) -> dict[str, Any]:
    return {
        "price": offer.price,
        "limit": offer.room,
        "limitMin": rules.min_stake,
        "limitCurrency": rules.currency,
        "limitUsd": offer.room,
        "active": not offer.problem,
        "account": account.client,
    }
