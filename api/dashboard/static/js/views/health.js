// Signs of life: the feed, the engine's processes, and the accounts with their balances.

import { h } from "../dom.js";
import { age, money, NOTHING } from "../format.js";
import { Table } from "../table.js";
import { fillPanel } from "./panel.js";

const DOTS = { live: "good", connected: "good", never: "off", starting: "warn" };

function dot(state) {
  return h("span", { class: `dot ${DOTS[state] ?? "bad"}`, "aria-hidden": "true" });
}

const state = {
  head: "State",
  cell: (item) => item.state,
  node: (item) => [dot(item.state), item.state],
  title: (item) => item.reason,
};

/** Most account ids begin with their venue; the others get it. */
function named({ accountId, venue }) {
  return accountId.includes(venue) ? accountId : `${venue} ${accountId}`;
}

function signs({ feed, engine }) {
  const all = [{ ...feed, name: "odds feed" }, ...engine];
  return all.map((item) => ({ key: item.name, name: item.name, state: item.status, seconds: item.ageSeconds }));
}

function venues(health, accounts) {
  const balances = new Map(accounts.map((item) => [item.accountId, item]));
  return health.venues.map((item) => ({
    key: `${item.kind}/${item.accountId}`,
    ...item,
    state: item.active ? item.status : "off",
    reason: item.statusReason,
    account: item.kind === "exchange" ? balances.get(item.accountId) : undefined,
  }));
}

export function health(store, desk) {
  const processes = new Table(
    [
      { head: "Part", cell: (item) => item.name },
      state,
      { head: "Last heard", class: "number", cell: (item) => (item.seconds === null ? NOTHING : age(Number(item.seconds))) },
    ],
    { label: "Signs of life", key: (item) => item.key, empty: "Nothing to show" },
  );
  const places = new Table(
    [
      { head: "Account", cell: named, title: (item) => `${item.kind} account ${item.accountId} at ${item.venue}` },
      state,
      { head: "Balance", class: "number", cell: (item) => money(item.account?.balance), title: (item) => item.account?.balance },
      { head: "Available", class: "number", cell: (item) => money(item.account?.available), title: (item) => item.account?.available },
    ],
    { label: "Exchange and bookmaker accounts", key: (item) => item.key, empty: "No account yet: the operator adds them." },
  );
  fillPanel("health-panel", "health", store, h("div", {}, processes.element, places.element), () => desk.read("health"));

  store.watch(["health", "accounts"], () => {
    const { health: found, accounts } = store.single;
    if (!found) return;
    processes.show(signs(found));
    places.show(venues(found, accounts ?? []));
  });
}
