// Fills that no accepted bet covers, the oldest first.

import { byId, h, setText, setTitle } from "../dom.js";
import { sign } from "../exact.js";
import { age, count, fixtureName, outcomeName, size } from "../format.js";
import { Table } from "../table.js";
import { fillPanel } from "./panel.js";

const LATE = 15;
const STATES = { HEDGING: "hedging", UNKNOWN: "answer lost", OPEN: "open" };
const REASONS = {
  NO_PRICE: "no price at the bookmaker",
  PRICE: "price below the floor",
  SIZE: "over the bookmaker's limit",
  FUNDS: "not enough money",
  ACCOUNT: "account refused",
  NO_ACCOUNT: "no bookmaker account",
};

function why(item) {
  if (sign(item.inFlight) > 0) return `${size(item.inFlight)} in flight`;
  return item.reason in REASONS ? REASONS[item.reason] : item.reason;
}

export function exposure(store, desk) {
  const fixture = (item) => store.fixtures.get(item.fixtureId);
  const table = new Table(
    [
      {
        head: "Covers",
        cell: (item) => `${fixtureName(fixture(item), item.fixtureId)} / ${outcomeName(fixture(item), item.outcomeId)}`,
        node: (item) => [
          h("span", { class: "main" }, outcomeName(fixture(item), item.outcomeId)),
          h("span", { class: "sub" }, `#${item.orderId} · ${fixtureName(fixture(item), item.fixtureId)}`),
        ],
      },
      { head: "Naked", class: "number strong", cell: (item) => size(item.naked), title: (item) => item.naked },
      { head: "Age", class: "number", age: (item) => item.ageSeconds, write: age, late: LATE },
      {
        head: "State",
        cell: (item) => `${item.state} ${why(item)}`,
        node: (item) => [
          h("span", { class: `badge ${item.state === "HEDGING" ? "warn" : "bad"}` }, STATES[item.state]),
          h("span", { class: "sub" }, why(item)),
        ],
        title: (item) => item.reason,
      },
    ],
    { label: "Naked exposure", key: (item) => item.orderId, empty: "Every fill is hedged." },
  );
  fillPanel("exposure-panel", "exposure", store, table.element, () => desk.read("exposure"));

  store.watch(["exposure", "fixtures"], () => {
    const found = store.single.exposure;
    if (!found) return;
    table.show(found.items);
    const sum = byId("exposure-sum");
    setText(sum, found.orders === "0" ? "" : `${count(found.naked, "contract")} in ${count(found.orders, "order")}`);
    setTitle(sum, found.naked);
  });
}
