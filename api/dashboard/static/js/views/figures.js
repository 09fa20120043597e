// The figures somebody looks at a hundred times a day.

import { add } from "../exact.js";
import { byId, h, setAge, setClass, setText, setTitle } from "../dom.js";
import { age, count, gain, money, NOTHING, size, tone } from "../format.js";
import { OPEN } from "../store.js";

const NAKED_LATE = 15;

function tile(name, note) {
  const [value, below] = [h("dd", { class: "value" }), h("dd", { class: "below" })];
  return { value, below, element: h("div", { class: "tile", title: note }, h("dt", {}, name), value, below) };
}

export function figures(store) {
  const tiles = {
    pnl: tile("Profit", "Realised and unrealised, since the first order"),
    realised: tile("Realised", "Of settled orders and bets"),
    unrealised: tile("Unrealised", "Open positions, marked at the odds they were priced from"),
    turnover: tile("Turnover", "Matched contracts; each pays 1"),
    naked: tile("Naked", "Contracts that no accepted bet covers"),
    open: tile("Open orders", "Resting, or about to rest"),
    feed: tile("Feed", "Since the odds feed was last heard"),
  };
  byId("figures").append(h("dl", {}, Object.values(tiles).map((one) => one.element)));

  function put(one, text, exact, mood, below) {
    setText(one.value, text);
    setTitle(one.value, exact ?? "");
    setClass(one.value, `value ${mood}`.trim());
    setText(one.below, below);
  }

  function profit() {
    const { pnl } = store.single;
    if (!pnl) return;
    put(tiles.pnl, gain(pnl.pnl), pnl.pnl, tone(pnl.pnl), "all time");
    put(tiles.realised, gain(pnl.realizedPnl), pnl.realizedPnl, tone(pnl.realizedPnl), `${size(pnl.settledCount)} settled`);
    const open = `${size(pnl.unsettledCount)} matched, open`;
    put(tiles.unrealised, gain(pnl.unrealizedPnl), pnl.unrealizedPnl, tone(pnl.unrealizedPnl), open);
    put(tiles.turnover, money(pnl.turnover), pnl.turnover, "", `fees ${money(pnl.fees)}`);
  }

  function naked() {
    const { exposure } = store.single;
    if (!exposure) return;
    const none = exposure.orders === "0";
    put(tiles.naked, size(exposure.naked), exposure.naked, none ? "" : "warn", "");
    if (none) {
      setAge(tiles.naked.below, null);
      setText(tiles.naked.below, "all hedged");
    } else setAge(tiles.naked.below, exposure.oldestSeconds, (seconds) => `oldest ${age(seconds)}`, NAKED_LATE);
  }

  function orders() {
    if (!store.single.rows) return;
    const open = [...store.orders.values()].filter((order) => OPEN.has(order.orderStatus));
    const total = open.reduce((sum, order) => add(sum, order.orderStake), "0");
    put(tiles.open, String(open.length), null, "", count(total, "contract"));
  }

  function feed() {
    const { health } = store.single;
    if (store.errors.has("health")) put(tiles.feed, "?", "", "loss", "not known");
    if (!health || store.errors.has("health")) return;
    const { status, ageSeconds, fixtures } = health.feed;
    const heard = ageSeconds === null ? NOTHING : age(Number(ageSeconds));
    put(tiles.feed, heard, ageSeconds, status === "live" ? "" : "loss", fixtures === null ? "never heard" : count(fixtures, "fixture"));
  }

  for (const [topic, show] of [["pnl", profit], ["exposure", naked], ["orders", orders], ["rows", orders], ["health", feed]]) {
    store.watch([topic], show);
  }
}
