// How things are written on the page. Money is rounded for reading only; its tooltip holds every digit.

import { compare, divide, fixed, multiply, sign, subtract } from "./exact.js";

export const NOTHING = "–";
const MINUS = "−";

function grouped(text) {
  const [whole, part] = text.replace("-", "").split(".");
  const spaced = whole.replace(/\B(?=(\d{3})+$)/g, ",");
  return part === undefined ? spaced : `${spaced}.${part}`;
}

/** 1234.5 as 1,234.50. */
export function money(value, places = 2) {
  if (value === null || value === undefined) return NOTHING;
  const shown = fixed(value, places);
  return (sign(shown) < 0 ? MINUS : "") + grouped(shown);
}

/** The same, with a plus before gains. */
export function gain(value, places = 2) {
  if (value === null || value === undefined) return NOTHING;
  return (sign(fixed(value, places)) > 0 ? "+" : "") + money(value, places);
}

/** Contracts: whole numbers without places, others with two. */
export function size(value) {
  if (value === null || value === undefined) return NOTHING;
  return compare(fixed(value, 0), value) === 0 ? money(value, 0) : money(value, 2);
}

/** A probability price of 0 to 1 in cents. */
export function cents(price, places = 1) {
  return price === null || price === undefined ? NOTHING : money(multiply(price, "100"), places);
}

export function odds(value) {
  return value === null || value === undefined ? NOTHING : money(value, 3);
}

/** What a contract against an outcome at these odds is worth: 1 - 1/odds. */
export function fair(value) {
  return subtract("1", divide("1", value, 8));
}

/** "1 order", "2 orders". */
export function count(number, word) {
  return `${size(String(number))} ${word}${String(number) === "1" ? "" : "s"}`;
}

export function tone(value) {
  return value === null || value === undefined ? "" : ["loss", "", "gain"][sign(value) + 1];
}

export function age(seconds) {
  if (seconds === null || seconds === undefined || Number.isNaN(seconds)) return NOTHING;
  if (seconds < 10) return `${seconds.toFixed(1)}s`;
  if (seconds < 100) return `${Math.floor(seconds)}s`;
  if (seconds < 6000) return `${Math.floor(seconds / 60)}m ${String(Math.floor(seconds % 60)).padStart(2, "0")}s`;
  if (seconds < 172800) return `${Math.floor(seconds / 3600)}h ${String(Math.floor((seconds % 3600) / 60)).padStart(2, "0")}m`;
  return `${Math.floor(seconds / 86400)}d`;
}

const two = (number) => String(number).padStart(2, "0");

/** Hours, minutes and seconds in UTC; with the day when it is not today. */
export function clock(iso, now = new Date()) {
  if (!iso) return NOTHING;
  const at = new Date(iso);
  const time = `${two(at.getUTCHours())}:${two(at.getUTCMinutes())}:${two(at.getUTCSeconds())}`;
  if (at.toISOString().slice(0, 10) === now.toISOString().slice(0, 10)) return time;
  return `${two(at.getUTCDate())}.${two(at.getUTCMonth() + 1)}. ${time.slice(0, 5)}`;
}

/** When a fixture starts, without seconds. */
export function startOf(fixture, now = new Date()) {
  const time = clock(fixture.startTime, now);
  return time.length === "00:00:00".length ? time.slice(0, 5) : time;
}

const TWO_WAY = /^1[1-7]([12])$/;
const SOCCER = { 101: "1", 102: "X", 103: "2" };

/** Match winners by name (outcome ids of the odds feed's first markets), every other outcome by its number. */
export function outcomeName(fixture, outcomeId) {
  const side = SOCCER[outcomeId] ?? TWO_WAY.exec(outcomeId)?.[1];
  if (!fixture || side === undefined) return `outcome ${outcomeId}`;
  const { participant1Name, participant2Name } = fixture.participants;
  return { 1: participant1Name, 2: participant2Name, X: "draw" }[side];
}

export function fixtureName(fixture, fixtureId) {
  if (!fixture) return fixtureId;
  return `${fixture.participants.participant1Name} – ${fixture.participants.participant2Name}`;
}

export function score(fixture) {
  const result = fixture?.scores?.result ?? Object.values(fixture?.scores ?? {}).at(-1);
  return result ? `${result.participant1Score}:${result.participant2Score}` : "";
}
