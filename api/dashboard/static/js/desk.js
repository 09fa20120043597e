// What is read when. Broadcasts carry the rows; sums are read again after changes, within a budget that leaves most of
// the client's minute to its own programs.

import { add, compare } from "./exact.js";
import { Refused } from "./rest.js";
import { Socket } from "./socket.js";
import { OPEN, byId } from "./store.js";

const OPEN_LIST = [...OPEN].join(",");
const RECENT = 100;
/** Milliseconds between two readings: at most after a change, at least when nothing was heard. */
const PACE = {
  status: { soonest: 2_000, latest: 30_000 },
  health: { soonest: 5_000, latest: 10_000 },
  exposure: { soonest: 5_000, latest: 30_000 },
  pnl: { soonest: 15_000, latest: 60_000 },
  series: { soonest: 30_000, latest: 120_000 },
  accounts: { soonest: 30_000, latest: 300_000 },
};

export class Desk {
  constructor(rest, store, { denied }) {
    Object.assign(this, { rest, store, denied });
    this.hours = "24";
    this.readAt = {};
    this.asked = {};
    this.wanted = new Set();
    this.missing = new Set();
    this.held = null;
    this.socket = new Socket(rest.key, {
      state: (name, why = "", missed = "0") => this.connected(name, why, missed),
      broadcast: (message) => this.hear(message),
      stale: () => this.readAll(),
      denied,
    });
    this.readers = {
      status: () => rest.get("/trading/status"),
      health: () => rest.get("/health"),
      exposure: () => rest.get("/exposure"),
      pnl: () => rest.get("/pnl"),
      series: () => rest.get("/pnl/series", { hours: this.hours }),
      accounts: async () => (await rest.get("/accounts", { pageSize: "200" })).items,
    };
  }

  /** Sums are not broadcast: after an interruption they are read again, whatever was missed. */
  connected(name, why, missed) {
    this.store.set("connection", { name, why, missed });
    if (name === "live") this.want(...Object.keys(PACE));
  }

  open() {
    this.socket.open();
    this.beat = setInterval(() => this.turn(), 1000);
    addEventListener("online", (this.online = () => this.socket.retry()));
  }

  close() {
    clearInterval(this.beat);
    removeEventListener("online", this.online);
    this.socket.close();
  }

  /** Once a second: read what was asked for or is too old, unless the minute is nearly used up. */
  turn() {
    if (document.hidden || this.rest.pause > 0) return;
    const now = performance.now();
    for (const [topic, { soonest, latest }] of Object.entries(PACE)) {
      const since = now - (this.readAt[topic] ?? -Infinity);
      if (since >= latest || (this.wanted.has(topic) && since >= soonest)) this.read(topic);
    }
    if (this.missing.size > 0) this.readMissing();
  }

  /** Soon, but no more often than the topic allows. */
  want(...topics) {
    for (const topic of topics) this.wanted.add(topic);
  }

  /** Answers overtake each other: only the one asked for last counts. */
  async read(topic) {
    this.readAt[topic] = performance.now();
    const asked = (this.asked[topic] = (this.asked[topic] ?? 0) + 1);
    const latest = () => this.asked[topic] === asked;
    this.wanted.delete(topic);
    await this.attempt(topic, async () => {
      const found = await this.readers[topic]();
      if (latest()) this.store.set(topic, found);
    }, latest);
  }

  async attempt(topic, work, latest = () => true) {
    try {
      await work();
    } catch (error) {
      if (!(error instanceof Refused)) throw error;
      if (error.status === 401) this.denied(error.message);
      else if (latest()) this.store.fail(topic, error);
      if (error.status === 0) this.store.fail("status", error);
      this.want("status");
    }
  }

  /** Everything anew: at the start, and whenever events may have been missed. Events that come meanwhile are held and
   * applied after the rows: each holds its whole row, so the last of them is the truth. */
  async readAll() {
    const held = (this.held = []);
    const latest = () => this.held === held;
    try {
      const lists = this.attempt("rows", () => this.readRows(latest), latest);
      await Promise.all([lists, ...Object.keys(PACE).map((topic) => this.read(topic))]);
    } finally {
      // A later reading holds what came since, and reads what came before.
      if (latest()) {
        this.held = null;
        held.forEach((message) => this.apply(message));
      }
    }
  }

  async readRows(latest) {
    const [open, recent, bets, fixtures] = await Promise.all([
      this.rest.get("/orders", { status: OPEN_LIST, pageSize: "1000" }),
      this.rest.get("/orders", { pageSize: String(RECENT) }),
      this.rest.get("/bets", { pageSize: "200" }),
      this.rest.get("/fixtures", { pageSize: "200" }),
    ]);
    if (!latest()) return;
    this.store.forgetRows();
    this.store.putFixtures(fixtures.items);
    this.store.putBets(bets.items.reverse());
    this.store.putOrders([...recent.items, ...open.items].sort(byId("orderId")).reverse());
    this.store.set("rows", { total: recent.total, shown: RECENT, cursor: recent.nextCursor });
    this.lookForFixtures([...open.items, ...recent.items]);
  }

  /** The page behind the oldest order that was listed, with its fixtures. */
  async readOlder() {
    const { cursor, shown } = this.store.single.rows;
    await this.attempt("rows", async () => {
      const older = await this.rest.get("/orders", { cursor, pageSize: String(RECENT) });
      this.store.putOrders(older.items);
      this.store.set("rows", { total: older.total, shown: shown + older.items.length, cursor: older.nextCursor });
      this.lookForFixtures(older.items);
    });
  }

  async readBetsOf(orderId) {
    await this.attempt("bets", async () => {
      this.store.putBets((await this.rest.get("/bets", { orderId, pageSize: "200" })).items.reverse());
    });
  }

  lookForFixtures(orders) {
    for (const { fixtureId } of orders) if (!this.store.fixtures.has(fixtureId)) this.missing.add(fixtureId);
  }

  /** One fixture a second that the first list did not hold; one that does not exist is shown by its id. */
  async readMissing() {
    const [fixtureId] = this.missing;
    this.missing.delete(fixtureId);
    try {
      this.store.putFixtures([await this.rest.get(`/fixtures/${encodeURIComponent(fixtureId)}`)]);
    } catch (error) {
      if (!(error instanceof Refused)) throw error;
      this.store.fixtures.set(fixtureId, null);
    }
  }

  hear(message) {
    if (this.held === null) this.apply(message);
    else this.held.push(message);
  }

  apply({ channel, payload, old }) {
    const { store } = this;
    if (channel === "orders") {
      this.count(payload);
      store.putOrders([payload]);
      this.lookForFixtures([payload]);
      if (old?.matchedStake !== undefined) this.want("exposure", "pnl");
      if (old?.settlementStatus !== undefined) this.want("pnl", "series");
    } else if (channel === "bets") {
      store.putBets([payload]);
      this.want("exposure", ...(old?.settlementStatus === undefined ? [] : ["pnl", "series"]));
    } else if (channel === "accounts") {
      const accounts = store.single.accounts ?? [];
      store.set("accounts", [payload, ...accounts.filter((item) => item.accountId !== payload.accountId)]);
      this.want("health");
    } else if (channel === "scores") store.putScores(payload);
    else if (channel === "emergency") {
      this.read("status");
      this.want("health");
    }
  }

  count({ orderId }) {
    const { rows } = this.store.single;
    if (rows && !this.store.orders.has(orderId) && !this.isOlder(orderId)) rows.total = add(rows.total, "1");
  }

  /** An order that is not shown because it is further down the list has been counted already. */
  isOlder(orderId) {
    return [...this.store.orders.keys()].some((known) => compare(known, orderId) > 0);
  }

  /** A control, then what it made of the state. */
  async control(action, reason) {
    const status = await this.rest.post(`/trading/${action}`, { reason });
    this.readAt.status = performance.now();
    this.store.set("status", status);
    this.want("health", "exposure");
    return status;
  }
}
