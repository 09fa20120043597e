"""The router: takes an order to its bookmakers, waits where they make it wait, and ends it.

Source: bookmakers sheet, section 5, "Routing". The first bet must reach the order's price, later ones may be worse
while the average holds; what cannot be placed yet is tried again until the order expires. A bookmaker's refusal ends an
order that has no bet; a moved price or a used-up limit only makes it wait.
"""

import asyncio
import random
from collections.abc import Callable
from decimal import Decimal
from typing import Any

from overround.paper.abp.books import BookBet, Books, RoutedOrder
from overround.paper.abp.offers import REFUSALS, Offer, Offers, Rules
from overround.paper.abp.views import account_view, bet_view, order_view
from overround.paper.abp.wire import ZERO, next_stake_cap, odds, whole_cents
from overround.paper.world import Faults

Publish = Callable[[str, str, str, Any], None]
"""``publish(client, channel, event, payload)``"""


class Router:
    """Places bets for orders; synchronous as far as a bookmaker answers at once, in the background after that."""

    def __init__(self, books: Books, offers: Offers, rules: Rules, faults: Faults, publish: Publish) -> None:
        self._books, self._offers, self._rules, self._faults = books, offers, rules, faults
        self._publish = publish
        self._tasks: dict[int, asyncio.Task[None]] = {}

    # -- an order's life ---------------------------------------------------------------------------------------------

    def begin(self, order: RoutedOrder, refused: str = "") -> None:
        """Record a new order and do what needs no waiting. ``refused`` says why it is declined in any case."""
        self._books.save(order)
        self._books.store.commit()
        self._publish(order.client, "orders", "INSERT", order_view(self._books, order))
        if reason := refused or self.refusal(order):
            order.reason = reason
            self._end(order, "REJECTED")
            return
        while not order.over and self._advance(order):
            pass
        self.resume(order)

    def resume(self, order: RoutedOrder) -> None:
        """Carry an unfinished order on in the background."""
        if not order.over and order.order_id not in self._tasks:
            task = asyncio.create_task(self._run(order), name=f"abp-order-{order.order_id}")
            self._tasks[order.order_id] = task
            task.add_done_callback(lambda _: self._tasks.pop(order.order_id, None))

    def cancel(self, order: RoutedOrder) -> bool:
        """Stop an order; False when it was already over. Bets at a bookmaker stay and may still be accepted."""
        if order.over or order.cancelled:
            return False
        order.cancelled = True
        if not self._pending(order):
            self._end(order, "CANCELLED")
        else:
            self._save(order)
        return True

    async def stop(self) -> None:
        """Leave every order where it is; a later start resumes them."""
        tasks = list(self._tasks.values())
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def refusal(self, order: RoutedOrder) -> str:
        """Why an order is declined before any bookmaker sees it; empty when it is not."""
        if (fault := self._faults.fires("abp", "refuse")) is not None:
            code = str(fault.get("code", "OTHER"))
            return str(fault.get("reason") or REFUSALS.get(code, code))
        if order.expires_at <= self._books.now():
            return "Order expired before it arrived"
        if order.stake < self._rules.min_stake:
            return f"Stake below minimum {self._rules.min_stake}"
        offers = [self._offer(order, slug) for slug in order.bookmakers]
        if all(offer.problem for offer in offers):
            return offers[0].problem
        open_at = [offer.bookmaker for offer in offers if not offer.problem]
        if all(self._books.account(order.client, slug).balance < order.stake for slug in open_at):
            return REFUSALS["FUNDS"]
        return ""

    async def _run(self, order: RoutedOrder) -> None:
        while not order.over:
            pending = self._pending(order)
            wait = self._rules.retry_seconds
            if pending:
                wait = min(self._due(bet) for bet in pending) - self._books.now() / 1000
            await asyncio.sleep(max(0.0, wait))
            while not order.over and self._advance(order):
                pass

    def _advance(self, order: RoutedOrder) -> bool:
        """One step; False when there is nothing to do before time passes."""
        now = self._books.now() / 1000
        pending = self._pending(order)
        ready = [bet for bet in pending if self._due(bet) <= now]
        for bet in ready:
            self._decide(order, bet)
        if pending:
            return bool(ready)
        if order.cancelled or self._books.now() >= order.expires_at:
            filled = self._books.filled(order)
            self._end(order, "CANCELLED" if order.cancelled else "PARTIALLY_FILLED" if filled else "EXPIRED")
            return False
        return self._ask(order)

    def _ask(self, order: RoutedOrder) -> bool:
        """Send the next bet (or bets) of an order to a bookmaker; False when none can be sent now."""
        if order.held:
            return False
        spread = not order.partial and len(order.bookmakers) > 1
        if spread and self._books.bets_of(order):
            return False
        offers = [self._offer(order, slug) for slug in order.bookmakers]
        usable = sorted((o for o in offers if not o.problem), key=lambda o: o.price, reverse=True)
        sized = [(offer, self._stake(order, offer, spread)) for offer in usable]
        asked = [(offer, stake) for offer, stake in sized if stake >= self._rules.min_stake]
        for offer, stake in asked if spread else asked[:1]:
            self._open(order, offer, stake)
        return bool(asked)

    def _stake(self, order: RoutedOrder, offer: Offer, spread: bool) -> Decimal:
        """What may be staked at an offer now; zero leaves the reason in the order."""
        wanted = order.stake if spread else order.stake - self._books.filled(order)
        cap = next_stake_cap(order.price, self._books.fills(order), offer.price)
        if (cap is not None and cap < self._rules.min_stake) or (not order.better and offer.price != order.price):
            order.reason = f"{REFUSALS['PRICE']}: {offer.price} below {order.price}"
            return ZERO
        stake = whole_cents(min(wanted, offer.room, wanted if cap is None else cap))
        balance = self._books.account(order.client, offer.bookmaker).balance
        if stake > balance:
            order.reason = REFUSALS["FUNDS"]
            return ZERO
        if stake < self._rules.min_stake or (not order.partial and stake < wanted):
            order.reason = f"{REFUSALS['SIZE']} {offer.room}"
            return ZERO
        return stake

    # -- a bet's life ------------------------------------------------------------------------------------------------

    def _open(self, order: RoutedOrder, offer: Offer, stake: Decimal) -> None:
        bet = BookBet(
            self._books.next_bet_id(),
            order.order_id,
            order.client,
            offer.bookmaker,
            order.fixture_id,
            order.outcome_id,
            offer.price,
            stake,
            self._rules.currency,
            self._books.now(),
        )
        order.status = "PROCESSING"
        self._books.save(bet)
        self._save(order)
        self._publish(order.client, "bets", "INSERT", bet_view(self._books, bet))

    def _decide(self, order: RoutedOrder, bet: BookBet) -> None:
        """The bookmaker's answer, at the price of this moment."""
        offer = self._offer(order, bet.bookmaker)
        stake = self._share(order, bet)
        reason = offer.problem or self._price_problem(order, offer, stake) or self._whim(bet)
        account = self._books.account(order.client, bet.bookmaker)
        if not reason and account.balance < stake:
            reason = REFUSALS["FUNDS"]
        if reason:
            bet.status, bet.reason, order.reason = "REJECTED", reason, reason
        else:
            bet.status, bet.price, bet.stake = "CONFIRMED", offer.price, stake
            bet.placed_at, bet.bookmaker_bet_id = self._books.now(), f"{bet.bookmaker}-{bet.bet_id + 4000}"
            account.balance -= stake
            self._books.save(account)
        self._books.save(bet)
        self._conclude(order, final=bool(reason) and not reason.startswith(REFUSALS["PRICE"]))
        self._publish(order.client, "bets", "STATUS_CHANGE", bet_view(self._books, bet))
        self._publish(order.client, "balance", "UPDATE", account_view(account, self._rules))

    def _conclude(self, order: RoutedOrder, *, final: bool) -> None:
        """Fold a decided bet into its order; ``final`` when the bookmaker will not be asked again."""
        filled = self._books.filled(order)
        if filled >= order.stake:
            order.reason = None
            self._end(order, "FILLED")
        elif final and not filled and not self._pending(order):
            self._end(order, "REJECTED")
        else:
            self._save(order)

    def _share(self, order: RoutedOrder, bet: BookBet) -> Decimal:
        if (fault := self._faults.fires("abp", "partial")) is not None:
            order.held = True
            order.reason = REFUSALS["SIZE"]
            return whole_cents(bet.stake * Decimal(str(fault.get("share", "0.5"))))
        return bet.stake

    def _price_problem(self, order: RoutedOrder, offer: Offer, stake: Decimal) -> str:
        cap = next_stake_cap(order.price, self._books.fills(order), offer.price)
        if cap is not None and stake > cap:
            return f"{REFUSALS['PRICE']}: {offer.price} below {order.price}"
        return ""

    def _whim(self, bet: BookBet) -> str:
        """A refusal without a reason, for a share of all bets; the same bets for the same seed."""
        draw = random.Random(f"{self._rules.seed}/{bet.bet_id}").random()
        return REFUSALS["OTHER"] if draw < self._rules.refusal_rate else ""

    def _offer(self, order: RoutedOrder, bookmaker: str) -> Offer:
        """The bookmaker's offer to this order, worsened by what a ``reprice`` fault has done to it."""
        pending = any(bet.bookmaker == bookmaker for bet in self._pending(order))
        if pending and (fault := self._faults.fires("abp", "reprice")) is not None:
            order.factor = Decimal(str(fault.get("factor", "0.97")))
        offer = self._offers.offer(order.client, bookmaker, order.fixture_id, order.outcome_id)
        return Offer(bookmaker, odds(offer.price * order.factor), offer.room, offer.problem)

    def _pending(self, order: RoutedOrder) -> list[BookBet]:
        return [bet for bet in self._books.bets_of(order) if bet.status == "PENDING"]

    def _due(self, bet: BookBet) -> float:
        delay = self._rules.live_delay if self._offers.live(bet.fixture_id) else self._rules.pregame_delay
        return bet.requested_at / 1000 + delay

    def _save(self, order: RoutedOrder) -> None:
        self._books.save(order)
        self._books.store.commit()
        self._publish(order.client, "orders", "UPDATE", order_view(self._books, order))

    def _end(self, order: RoutedOrder, status: str) -> None:
        order.status = status
        if status == "EXPIRED" and order.reason is None:
            order.reason = "Order expired"
        self._books.save(order)
        self._books.store.commit()
        self._publish(order.client, "orders", "STATUS_CHANGE", order_view(self._books, order))
