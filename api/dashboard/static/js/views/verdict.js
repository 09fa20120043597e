// May it trade, and why not: the first thing on the page.

import { byId, h, setAge, setText } from "../dom.js";
import { age } from "../format.js";

const WORDS = {
  live: ["Trading", "Quotes go out and fills are hedged.", "good"],
  manual_paused: ["Paused by you", "Nothing is quoted. Fills that were made are hedged.", "warn"],
  manual_stopped: ["Stopped by you", "Nothing is quoted. Fills that were made are hedged.", "bad"],
  soft_paused: ["Paused by the system", "It resumes by itself.", "warn"],
  system_stopped: ["Stopped by the operator", "Nothing is quoted for anybody.", "bad"],
  emergency: ["Emergency", "Every order is cancelled; open positions are only reduced.", "bad"],
};
const CONNECTED = "connected";
const ENGINE = {
  streamers: "nothing follows odds and fills",
  trading: "nothing places orders",
  hedging: "nothing hedges fills",
};

/** What is in the way although nobody forbade trading; empty when nothing is. */
export function obstacles(health) {
  if (!health) return [];
  const found = [];
  const { feed, engine, venues } = health;
  if (feed.status === "never") found.push("The odds feed was never heard.");
  if (feed.status === "silent") found.push(`The odds feed is silent for ${age(Number(feed.ageSeconds))}.`);
  for (const part of engine) {
    const how = part.status === "never" ? "not running" : "silent";
    if (part.status !== "live") found.push(`Process ${part.name} is ${how}: ${ENGINE[part.name]}.`);
  }
  for (const { accountId, active, status, statusReason } of venues) {
    const why = statusReason ? `: ${statusReason}` : ".";
    if (!active) found.push(`Account ${accountId} is switched off.`);
    else if (status !== CONNECTED) found.push(`Account ${accountId} is ${status}${why}`);
  }
  return found;
}

function given(status) {
  const found = [];
  if (status.manualPaused) found.push(["You paused", status.manualPauseReason, status.manualPausedAt]);
  if (status.manualStopped) found.push(["You stopped", status.manualStopReason, status.manualStoppedAt]);
  if (status.systemTradingBlocked) found.push(["For everybody", status.systemReason, null]);
  return found;
}

export function verdict(store, now) {
  const [panel, title, why, list] = ["status-panel", "verdict", "verdict-why", "verdict-reasons"].map(byId);

  function reason([who, text, since]) {
    const item = h("li", {}, h("b", {}, who), text ? ` ${text}` : "");
    if (since) {
      const ago = h("span", { class: "ago" });
      setAge(ago, (now() - Date.parse(since)) / 1000, (seconds) => `${age(seconds)} ago`);
      item.append(" ", ago);
    }
    return item;
  }

  function show() {
    const { status, health } = store.single;
    const error = store.errors.get("status") ?? store.errors.get("health");
    document.title = `${status && !error ? WORDS[status.status][0] : "Not known"} · ${status?.clientName ?? "overround"}`;
    if (error || !status) {
      panel.dataset.state = error ? "unknown" : "loading";
      setText(title, error ? "Not known" : "…");
      setText(why, error ? error.message : "Asking the server");
      list.replaceChildren(status ? h("li", {}, `Last known: ${WORDS[status.status][0]}`) : "");
      return;
    }
    const blocked = obstacles(health);
    const [word, meaning, tone] = WORDS[status.status];
    const quiet = status.tradingActive && blocked.length > 0;
    panel.dataset.state = quiet ? "warn" : tone;
    setText(title, quiet ? "Allowed, with trouble" : word);
    setText(why, quiet ? "Nobody forbids trading, but:" : meaning);
    const system = status.systemDurationSeconds;
    const lines = given(status).map(reason);
    if (system !== null) {
      const ago = h("span", { class: "ago" });
      setAge(ago, system, (seconds) => `for ${age(seconds)}`);
      lines.at(-1).append(" ", ago);
    }
    list.replaceChildren(...lines, ...blocked.map((text) => h("li", {}, text)));
    setText(byId("client"), status.clientName);
    byId("client").title = status.client;
  }

  store.watch(["status", "health"], show);
  show();
}
