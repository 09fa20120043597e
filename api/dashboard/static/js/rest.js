// The REST API as any client uses it. The key travels in a header only.

import { parse } from "./exact.js";

export class Refused extends Error {
  constructor(status, message, wait = 0) {
    super(message);
    this.status = status;
    this.wait = wait;
  }
}

/** The words of an error's body: `detail` is a text, or a list of what is wrong where. */
function words(body, status) {
  const detail = body?.detail;
  if (Array.isArray(detail)) return detail.map((item) => `${item.loc.join(".")}: ${item.msg}`).join("; ");
  return detail ?? `The server answered ${status}`;
}

export class Rest {
  constructor(key) {
    this.key = key;
    this.left = Infinity;
    this.limit = Infinity;
    this.resetAt = 0;
    this.skew = 0;
  }

  get(path, query = {}) {
    const kept = Object.entries(query).filter(([, value]) => value !== undefined && value !== "");
    const search = new URLSearchParams(kept).toString();
    return this.call("GET", search ? `${path}?${search}` : path);
  }

  post(path, body) {
    return this.call("POST", path, body);
  }

  /** Seconds to hold back what can wait: the client's own programs share the minute. */
  get pause() {
    return this.left > this.limit / 5 ? 0 : Math.max(0, this.resetAt - this.now() / 1000);
  }

  /** The server's clock in milliseconds, as far as its answers tell. */
  now() {
    return Date.now() + this.skew;
  }

  async call(method, path, body) {
    const headers = { "X-API-Key": this.key };
    if (body !== undefined) headers["Content-Type"] = "application/json";
    let answer;
    try {
      answer = await fetch(`api/v1${path}`, { method, headers, body: body && JSON.stringify(body), cache: "no-store" });
    } catch {
      throw new Refused(0, "The server does not answer");
    }
    this.note(answer.headers);
    return this.read(answer);
  }

  note(headers) {
    if (headers.has("X-RateLimit-Limit")) {
      const [left, resetAt] = ["Remaining", "Reset"].map((name) => Number(headers.get(`X-RateLimit-${name}`)));
      this.limit = Number(headers.get("X-RateLimit-Limit"));
      this.left = resetAt === this.resetAt ? Math.min(left, this.left) : left; // answers overtake each other
      this.resetAt = resetAt;
    }
    const date = Date.parse(headers.get("Date") ?? "");
    if (!Number.isNaN(date) && Math.abs(date - Date.now()) > 2000) this.skew = date - Date.now();
  }

  async read(answer) {
    let body = null;
    try {
      body = parse(await answer.text());
    } catch {
      if (answer.ok) throw new Refused(answer.status, "The answer cannot be read");
    }
    if (answer.ok) return body;
    throw new Refused(answer.status, words(body, answer.status), Number(answer.headers.get("Retry-After") ?? 0));
  }
}
