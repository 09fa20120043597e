// What the page knows. Whoever changes something names the topic; whoever shows it is called, at most a few times a second.

const QUIET_MS = 120;
const KEPT = 2000;
export const OPEN = new Set(["PENDING_PLACEMENT", "PLACED", "PARTIAL"]);

export class Store {
  constructor() {
    this.single = {};
    this.orders = new Map();
    this.bets = new Map();
    this.betsByOrder = new Map();
    this.fixtures = new Map();
    this.errors = new Map();
    this.watchers = new Map();
    this.dirty = new Set();
    this.timer = null;
  }

  watch(topics, show) {
    for (const topic of topics) {
      if (!this.watchers.has(topic)) this.watchers.set(topic, new Set());
      this.watchers.get(topic).add(show);
    }
  }

  changed(topic) {
    this.dirty.add(topic);
    this.timer ??= setTimeout(() => this.flush(), QUIET_MS);
  }

  flush() {
    this.timer = null;
    const shows = new Set([...this.dirty].flatMap((topic) => [...(this.watchers.get(topic) ?? [])]));
    this.dirty.clear();
    for (const show of shows) show();
  }

  /** A whole object that is read at once: status, health, exposure, pnl, series, accounts, connection. */
  set(topic, value) {
    this.single[topic] = value;
    this.fail(topic, null);
    this.changed(topic);
  }

  fail(topic, error) {
    if (error === null) this.errors.delete(topic);
    else this.errors.set(topic, error);
    this.changed(topic);
  }

  putOrders(items) {
    for (const item of items) this.orders.set(item.orderId, { ...this.orders.get(item.orderId), ...item });
    prune(this.orders, (order) => !OPEN.has(order.orderStatus));
    this.changed("orders");
  }

  putBets(items) {
    for (const item of items) {
      this.bets.set(item.betId, { ...this.bets.get(item.betId), ...item });
      if (!this.betsByOrder.has(item.orderId)) this.betsByOrder.set(item.orderId, new Set());
      this.betsByOrder.get(item.orderId).add(item.betId);
    }
    for (const gone of prune(this.bets)) this.betsByOrder.get(gone.orderId)?.delete(gone.betId);
    this.changed("bets");
  }

  putFixtures(items) {
    for (const item of items) this.fixtures.set(item.fixtureId, item);
    this.changed("fixtures");
  }

  putScores({ fixtureId, scores }) {
    const fixture = this.fixtures.get(fixtureId);
    if (!fixture) return;
    this.fixtures.set(fixtureId, { ...fixture, scores: { ...fixture.scores, ...scores } });
    this.changed("fixtures");
  }

  betsOf(orderId) {
    return [...(this.betsByOrder.get(orderId) ?? [])].map((id) => this.bets.get(id)).sort(byId("betId"));
  }

  forgetRows() {
    for (const map of [this.orders, this.bets, this.betsByOrder]) map.clear();
  }
}

/** Ids are exact integers kept as text: the longer one is the larger one. */
export function byId(name) {
  return (a, b) => b[name].length - a[name].length || (a[name] < b[name] ? 1 : a[name] > b[name] ? -1 : 0);
}

function prune(map, may = () => true) {
  const gone = [];
  if (map.size > KEPT * 1.1) {
    for (const [key, item] of map) {
      if (map.size <= KEPT) break;
      if (may(item)) {
        map.delete(key);
        gone.push(item);
      }
    }
  }
  return gone;
}
