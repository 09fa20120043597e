// Orders, newest first, each with the bets that hedge it and the workflows that own it.

import { add, compare, divide, multiply, sign, subtract } from "../exact.js";
import { byId, h, meter, setText } from "../dom.js";
import { cents, clock, count, fixtureName, money, NOTHING, odds, outcomeName, size } from "../format.js";
import { byId as byNumber, OPEN } from "../store.js";
import { Table } from "../table.js";
import { fillPanel } from "./panel.js";

const SHOWN = 200;
const STATUS = {
  PENDING_PLACEMENT: ["placing", "off"],
  PLACED: ["resting", "info"],
  PARTIAL: ["part filled", "info"],
  FILLED: ["filled", "good"],
  FAILED: ["failed", "bad"],
  CANCELLED: ["cancelled", "off"],
  EXPIRED: ["expired", "off"],
};
const BET = { sent: "warn", pending: "warn", unknown: "bad", matched: "good", partial: "warn", rejected: "bad" };
const RESULT = { UNDECIDED: "", WON: "gain", LOST: "loss", VOID: "", HALF_WON: "gain", HALF_LOST: "loss" };
const KEEP = {
  all: () => true,
  matched: (order) => sign(order.matchedStake) > 0,
  open: (order) => OPEN.has(order.orderStatus),
  ended: (order) => !OPEN.has(order.orderStatus),
};

const badge = (text, tone) => h("span", { class: `badge ${tone}` }, text);
const words = (text) => text.toLowerCase().replaceAll("_", " ");

const partly = (order) => sign(order.matchedStake) > 0 && compare(order.matchedStake, order.orderStake) < 0;

/** What the accepted bets of an order pay if its outcome happens. */
export function covered(bets) {
  return bets
    .filter((bet) => bet.placedPrice !== null)
    .reduce((sum, bet) => add(sum, multiply(bet.placedStake, bet.placedPrice)), "0");
}

function hedgeText(order, bets) {
  if (bets.length === 0) return sign(order.matchedStake) > 0 ? "no bet yet" : NOTHING;
  const pays = covered(bets);
  if (sign(pays) > 0) return `${size(pays)} by ${count(bets.length, "bet")}`;
  return bets.every((bet) => bet.betStatus === "rejected") ? "refused" : "bet under way";
}

function hedgeTone(order, bets) {
  if (sign(order.matchedStake) === 0) return "minor";
  if (order.settlementStatus !== "UNDECIDED") return "";
  if (bets.some((bet) => ["sent", "pending", "unknown"].includes(bet.betStatus))) return "warn";
  return sign(subtract(order.matchedStake, covered(bets))) > 0 && bets.every((bet) => bet.betStatus === "rejected") ? "loss" : "";
}

function betsTable(bets) {
  const table = new Table(
    [
      { head: "Bet", cell: (bet) => `#${bet.betId}`, class: "minor" },
      { head: "Placed", cell: (bet) => clock(bet.placedAt), class: "number" },
      { head: "Bookmaker", cell: (bet) => bet.bookmaker, title: (bet) => bet.bookmakerBetId },
      { head: "State", cell: (bet) => bet.betStatus, node: (bet) => badge(bet.betStatus, BET[bet.betStatus]) },
      { head: "Stake", class: "number", cell: (bet) => money(bet.placedStake), title: (bet) => bet.placedStake },
      { head: "Odds", class: "number", cell: (bet) => odds(bet.placedPrice), title: (bet) => bet.placedPrice },
      { head: "Pays", class: "number", cell: (bet) => money(covered([bet])), title: (bet) => covered([bet]) },
      { head: "Result", cell: (bet) => (bet.settlementStatus ? words(bet.settlementStatus) : NOTHING) },
      { head: "Refused because", cell: (bet) => bet.declineReason ?? "", class: "minor" },
    ],
    { label: "Hedge bets of this order", key: (bet) => bet.betId, empty: "No bet was placed for this order." },
  );
  table.show(bets);
  return table;
}

function workflowLinks(found) {
  return found.items.map(({ kind, workflowId, url }) => {
    if (url === null) return h("span", { class: "flow" }, h("b", {}, kind), ` ${workflowId}`);
    const words = [h("b", {}, kind), ` ${workflowId} `, h("span", { "aria-hidden": "true" }, "↗")];
    return h("a", { class: "flow", href: url, target: "_blank", rel: "noopener noreferrer" }, words);
  });
}

export function orders(store, desk, rest) {
  let filter = "all";
  const fixture = (item) => store.fixtures.get(item.fixtureId);

  /** The line below an order: its bets, kept current, and its workflows, asked for once. */
  function detail(order, place) {
    if (!place.bets) {
      place.bets = betsTable([]);
      const flows = h("p", { class: "flows" }, "Looking for its workflows…");
      place.append(place.bets.element, flows);
      desk.readBetsOf(order.orderId);
      rest.get(`/orders/${order.orderId}/workflows`).then(
        (found) => flows.replaceChildren(...workflowLinks(found)),
        (error) => setText(flows, `Its workflows could not be read: ${error.message}`),
      );
    }
    place.bets.show(store.betsOf(order.orderId));
  }

  function opener(order, row) {
    const button = h("button", { class: "opener", "aria-expanded": "false", title: "Bets and workflows" }, `#${order.orderId}`);
    button.addEventListener("click", () => button.setAttribute("aria-expanded", String(table.toggle(row))));
    return button;
  }

  const table = new Table(
    [
      { head: "Order", class: "tight", cell: (item) => item.orderId, node: opener },
      { head: "Created", class: "tight minor", cell: (item) => clock(item.createdAt), title: (item) => item.createdAt },
      {
        head: "Against",
        cell: (item) => `${outcomeName(fixture(item), item.outcomeId)} / ${fixtureName(fixture(item), item.fixtureId)}`,
        node: (item) => [
          h("span", { class: "main" }, outcomeName(fixture(item), item.outcomeId)),
          h("span", { class: "sub" }, fixtureName(fixture(item), item.fixtureId)),
        ],
      },
      { head: "Exchange", cell: (item) => item.exchange, title: (item) => item.exchangeOrderId, class: "minor" },
      { head: "State", cell: (item) => item.orderStatus, node: (item) => badge(...STATUS[item.orderStatus]) },
      { head: "Price ¢", class: "number strong", cell: (item) => cents(item.orderCents), title: (item) => item.orderCents },
      { head: "Size", class: "number minor", cell: (item) => size(item.orderStake), title: (item) => item.orderStake },
      {
        head: "Matched",
        class: "number",
        cell: (item) => size(item.matchedStake),
        node: (item) => [size(item.matchedStake), partly(item) ? meter(Number(divide(item.matchedStake, item.orderStake, 4))) : ""],
        title: (item) => item.matchedStake,
      },
      { head: "Odds", class: "number minor", cell: (item) => odds(item.bookmakerOutcomePrice), title: (item) => item.bookmakerOutcomePrice },
      {
        head: "Hedged",
        class: "number",
        cell: (item) => hedgeText(item, store.betsOf(item.orderId)),
        title: (item) => covered(store.betsOf(item.orderId)),
        tone: (item) => hedgeTone(item, store.betsOf(item.orderId)),
      },
      { head: "Result", cell: (item) => (item.settlementStatus === "UNDECIDED" ? NOTHING : words(item.settlementStatus)), tone: (item) => RESULT[item.settlementStatus] },
    ],
    { label: "Orders, newest first", key: (item) => item.orderId, empty: "No such order yet.", detail },
  );
  fillPanel("orders-panel", "rows", store, table.element, () => desk.readAll());

  function show() {
    const { rows } = store.single;
    if (!rows) return;
    const kept = [...store.orders.values()].filter(KEEP[filter]).sort(byNumber("orderId"));
    const most = Math.max(SHOWN, rows.shown);
    table.show(kept.slice(0, most));
    setText(byId("orders-sum"), `${size(rows.total)} in all`);
    byId("older").hidden = rows.cursor === null;
  }

  byId("orders-filter").addEventListener("click", ({ target }) => {
    if (!target.dataset.filter) return;
    filter = target.dataset.filter;
    for (const button of byId("orders-filter").children) button.setAttribute("aria-pressed", String(button === target));
    show();
  });
  byId("older").addEventListener("click", () => desk.readOlder());
  store.watch(["rows", "orders", "bets", "fixtures"], show);
}
