// Numbers of the API are exact decimals. They are kept as strings and calculated with BigInt, never as floats.

const TOKEN = /"(?:[^"\\]|\\.)*"|-?\d[\d.eE+-]*/g;

/** JSON with every number as a string of its own digits. */
export function parse(text) {
  return JSON.parse(text.replace(TOKEN, (token) => (token[0] === '"' ? token : `"${token}"`)));
}

function read(text) {
  const [, sign, whole, part = "", power = "0"] = /^(-?)(\d+)(?:\.(\d+))?(?:[eE]([+-]?\d+))?$/.exec(String(text)) ?? fail(text);
  const scale = part.length - Number(power);
  const units = BigInt(sign + whole + part);
  return scale >= 0 ? { units, scale } : { units: units * 10n ** BigInt(-scale), scale: 0 };
}

function fail(text) {
  throw new TypeError(`not a decimal: ${text}`);
}

function write({ units, scale }) {
  const digits = (units < 0n ? -units : units).toString().padStart(scale + 1, "0");
  const sign = units < 0n ? "-" : "";
  return scale === 0 ? sign + digits : `${sign}${digits.slice(0, -scale)}.${digits.slice(-scale)}`;
}

function align(a, b) {
  const [left, right] = [read(a), read(b)];
  const scale = Math.max(left.scale, right.scale);
  const lift = (value) => value.units * 10n ** BigInt(scale - value.scale);
  return { left: lift(left), right: lift(right), scale };
}

export function add(a, b) {
  const { left, right, scale } = align(a, b);
  return write({ units: left + right, scale });
}

export function subtract(a, b) {
  const { left, right, scale } = align(a, b);
  return write({ units: left - right, scale });
}

export function multiply(a, b) {
  const [left, right] = [read(a), read(b)];
  return write({ units: left.units * right.units, scale: left.scale + right.scale });
}

/** -1, 0 or 1. */
export function compare(a, b) {
  const { left, right } = align(a, b);
  return left < right ? -1 : left > right ? 1 : 0;
}

export const sign = (a) => compare(a, "0");
export const negate = (a) => subtract("0", a);
export const absolute = (a) => (sign(a) < 0 ? negate(a) : a);

function halfEven(units, by) {
  const size = units < 0n ? -units : units;
  const [whole, rest] = [size / by, (size % by) * 2n];
  const rounded = whole + (rest > by || (rest === by && whole % 2n === 1n) ? 1n : 0n);
  return units < 0n ? -rounded : rounded;
}

/** a / b to so many places, half to even. */
export function divide(a, b, places) {
  const { left, right } = align(a, b);
  const top = left * 10n ** BigInt(places);
  const units = right < 0n ? halfEven(-top, -right) : halfEven(top, right);
  return write({ units, scale: places });
}

/** Exactly so many places, half to even. */
export function fixed(a, places) {
  const { units, scale } = read(a);
  if (scale <= places) return write({ units: units * 10n ** BigInt(places - scale), scale: places });
  return write({ units: halfEven(units, 10n ** BigInt(scale - places)), scale: places });
}
