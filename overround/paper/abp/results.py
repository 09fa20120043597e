"""Settlement at the paper bookmaker: what a bet returns, and how a corrected result is booked again.

Source: pricing-and-hedging sheet, section 5.5; returns are rounded half-up to 0.01.
"""

from decimal import Decimal

from overround.paper.abp.books import BookBet, Books
from overround.paper.abp.offers import Rules
from overround.paper.abp.router import Publish
from overround.paper.abp.views import account_view, bet_view
from overround.paper.abp.wire import ZERO, cents
from overround.paper.world import PaperFixture, PaperMarket

TWO = Decimal(2)
STATUS = {
    "WIN": "WON",
    "LOSE": "LOST",
    "PUSH": "PUSH",
    "CANCELLED": "VOID",
    "HALFWIN": "HALF_WON",
    "HALFLOSS": "HALF_LOST",
}
"""A feed's result of an outcome to the venue's word for a bet on it."""


def payout(status: str, stake: Decimal, price: Decimal) -> Decimal:
    """What a bet returns to the account, stake included."""
    exact = {
        "WON": stake * price,
        "LOST": ZERO,
        "PUSH": stake,
        "VOID": stake,
        "HALF_WON": stake + stake * (price - 1) / TWO,
        "HALF_LOST": stake / TWO,
    }
    return cents(exact[status])


class Results:
    """Books results as they come; the same result twice changes nothing."""

    def __init__(self, books: Books, rules: Rules, publish: Publish) -> None:
        self._books, self._rules, self._publish = books, rules, publish

    def settle(self, fixture: PaperFixture, market: PaperMarket) -> None:
        """Pay every accepted bet on a market whose results are in; a changed result books the difference."""
        for bet in self._books.by_fixture.get(fixture.fixture_id, []):
            result = market.results.get(bet.outcome_id)
            if result is None or bet.status != "CONFIRMED" or bet.settlement == STATUS[result]:
                continue
            self._book(bet, STATUS[result])

    def _book(self, bet: BookBet, status: str) -> None:
        due = payout(status, bet.stake, bet.price)
        account = self._books.account(bet.client, bet.bookmaker)
        account.balance += due - bet.payout
        bet.settlement, bet.payout, bet.settlements = status, due, bet.settlements + 1
        self._books.save(account)
        self._books.save(bet)
        self._books.store.commit()
        self._publish(bet.client, "settlements", "SETTLED", bet_view(self._books, bet))
        self._publish(bet.client, "balance", "UPDATE", account_view(account, self._rules))
