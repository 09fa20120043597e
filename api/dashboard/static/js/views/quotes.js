// Our resting prices beside the bookmaker prices they were made from, fixture by fixture.

import { byId, h, meter, setText } from "../dom.js";
import { compare, divide, multiply, sign, subtract } from "../exact.js";
import { age, cents, count, fair, fixtureName, gain, odds, outcomeName, score, size, startOf } from "../format.js";
import { byId as byNumber, OPEN } from "../store.js";
import { Table } from "../table.js";
import { fillPanel } from "./panel.js";

const WORDS = { PENDING_PLACEMENT: "placing", PLACED: "resting", PARTIAL: "partly filled" };

const left = (order) => subtract(order.orderStake, order.matchedStake);
/** Cents of margin in a quote: what the contract is worth at the bookmaker's price, less what we pay. */
const edge = (order) => multiply(subtract(fair(order.bookmakerOutcomePrice), order.orderCents), "100");

function heading(fixture, fixtureId, orders) {
  const status = fixture?.status;
  const when = status?.live ? `live ${score(fixture)}` : fixture ? `starts ${startOf(fixture)}` : "";
  return { key: `fixture ${fixtureId}`, group: [fixtureName(fixture, fixtureId), when, fixture?.tournament.tournamentName ?? ""], orders };
}

function rank(fixture) {
  return `${fixture?.status.live ? 0 : 1}${fixture?.startTime ?? ""}${fixture?.fixtureId ?? ""}`;
}

/** Headings and quotes in the order they are shown: live fixtures first, then by start; best price first. */
export function arranged(orders, fixtures) {
  const groups = new Map();
  for (const order of orders) {
    if (!groups.has(order.fixtureId)) groups.set(order.fixtureId, []);
    groups.get(order.fixtureId).push(order);
  }
  const ranked = [...groups].map(([fixtureId, mine]) => [rank(fixtures.get(fixtureId)), fixtureId, mine]);
  ranked.sort((a, b) => (a[0] < b[0] ? -1 : a[0] > b[0] ? 1 : 0));
  return ranked.flatMap(([, fixtureId, mine]) => {
    mine.sort((a, b) => byNumber("outcomeId")(b, a) || compare(b.orderCents, a.orderCents) || byNumber("orderId")(a, b));
    return [heading(fixtures.get(fixtureId), fixtureId), ...mine];
  });
}

export function quotes(store, desk, now) {
  const table = new Table(
    [
      {
        head: "Against",
        hint: "The outcome the contract bets against",
        cell: (item) => outcomeName(store.fixtures.get(item.fixtureId), item.outcomeId),
        title: (item) => `outcome ${item.outcomeId}; the contract pays 1 unless it happens`,
      },
      { head: "Exchange", cell: (item) => item.exchange, title: (item) => item.exchangeOutcomeId, class: "minor" },
      { head: "Quote ¢", class: "number strong", cell: (item) => cents(item.orderCents), title: (item) => item.orderCents },
      { head: "Worth ¢", hint: "What the contract is worth at the bookmaker's price: 1 − 1/odds", class: "number", cell: (item) => cents(fair(item.bookmakerOutcomePrice), 2), title: (item) => `1 − 1/${item.bookmakerOutcomePrice}` },
      { head: "Edge ¢", hint: "Worth less quote: what a fill earns when it is hedged at this price, before fees", class: "number", cell: (item) => gain(edge(item)), tone: (item) => (sign(edge(item)) < 0 ? "loss" : ""), title: edge },
      { head: "Bookmaker", hint: "The decimal odds the quote was made from", class: "number", cell: (item) => odds(item.bookmakerOutcomePrice), title: (item) => item.bookmakerOutcomePrice },
      { head: "Limit", class: "number minor", cell: (item) => size(item.bookmakerOutcomeLimit), title: (item) => item.bookmakerOutcomeLimit },
      { head: "Rests", class: "number", cell: (item) => size(left(item)), title: (item) => `${left(item)} of ${item.orderStake}` },
      {
        head: "State",
        class: "minor",
        cell: (item) => `${item.orderStatus} ${item.matchedStake}`,
        node: (item) => [WORDS[item.orderStatus], sign(item.matchedStake) > 0 ? meter(Number(divide(item.matchedStake, item.orderStake, 4))) : ""],
      },
      { head: "Age", class: "number minor", age: (item) => (now() - Date.parse(item.createdAt)) / 1000, write: age },
    ],
    { label: "Quotes by fixture", key: (item) => item.key ?? item.orderId, empty: "No order rests at the moment." },
  );
  fillPanel("quotes-panel", "rows", store, h("div", {}, table.element), () => desk.readAll());

  store.watch(["rows", "orders", "fixtures"], () => {
    if (!store.single.rows) return;
    const open = [...store.orders.values()].filter((order) => OPEN.has(order.orderStatus));
    table.show(arranged(open, store.fixtures));
    const fixtures = new Set(open.map((order) => order.fixtureId)).size;
    setText(byId("quotes-sum"), open.length === 0 ? "" : `${count(open.length, "quote")} in ${count(fixtures, "fixture")}`);
  });
}
