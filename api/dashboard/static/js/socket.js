// One subscription that stays: it reconnects with growing pauses, and goes on after the last event it has seen.

import { parse } from "./exact.js";

export const CHANNELS = ["orders", "bets", "accounts", "scores", "emergency"];
const PING_MS = 30_000;
const SILENCE_MS = 75_000;
const FIRST_PAUSE_MS = 500;
const LONGEST_PAUSE_MS = 20_000;

/**
 * Tells `state` ("connecting", "catching up", "live", "away"), every `broadcast`, `stale` when REST must be read again,
 * and `denied`. Broadcasts are numbered by `seq`; `resume` asks for those behind the last one seen.
 */
export class Socket {
  constructor(key, { state, broadcast, stale, denied }) {
    Object.assign(this, { key, tell: { state, broadcast, stale, denied } });
    this.pause = FIRST_PAUSE_MS;
    this.last = null;
    this.wire = null;
    this.ended = false;
  }

  open() {
    this.tell.state("connecting");
    const wire = new WebSocket(new URL("ws/subscribe", document.baseURI.replace(/^http/, "ws")));
    this.wire = wire;
    wire.onopen = () => this.send(this.subscription());
    wire.onmessage = ({ data }) => this.hear(parse(data));
    wire.onclose = ({ reason }) => wire === this.wire && this.lost(reason);
    this.listen();
  }

  subscription() {
    const message = { type: "subscribe", apiKey: this.key, channels: CHANNELS };
    return this.last === null ? message : { ...message, resume: Number(this.last) };
  }

  close() {
    this.ended = true;
    clearTimeout(this.again);
    clearTimeout(this.silence);
    clearInterval(this.pinging);
    this.wire?.close();
  }

  /** Forget the pause and try now: the network came back, or a person asked for it. */
  retry() {
    if (this.ended || this.wire?.readyState <= WebSocket.OPEN) return;
    clearTimeout(this.again);
    this.open();
  }

  send(message) {
    if (this.wire?.readyState === WebSocket.OPEN) this.wire.send(JSON.stringify(message));
  }

  /** A wire that says nothing for longer than a heartbeat is dead, whatever the system thinks of it. */
  listen() {
    clearTimeout(this.silence);
    this.silence = setTimeout(() => this.wire?.close(), SILENCE_MS);
  }

  hear(message) {
    this.listen();
    const resuming = this.last !== null;
    if (message.seq !== undefined) this.last = message.seq;
    if (message.type === "broadcast") this.tell.broadcast(message);
    else if (message.type === "subscribed") this.subscribed(message, resuming);
    else if (message.type === "resumed") this.tell.state("live", "", message.missed);
    else if (message.type === "resync") this.readAgain();
    else if (message.type === "error") this.error = message.error;
  }

  /** Without a number to go on from there is nothing to resume: the lists are read instead. */
  subscribed(message, resuming) {
    this.pause = FIRST_PAUSE_MS;
    clearInterval(this.pinging);
    this.pinging = setInterval(() => this.send({ type: "ping" }), PING_MS);
    if (resuming && message.seq !== undefined) this.tell.state("catching up");
    else this.readAgain();
  }

  readAgain() {
    this.tell.state("live");
    this.tell.stale();
  }

  lost(reason) {
    clearInterval(this.pinging);
    clearTimeout(this.silence);
    if (this.ended) return;
    const why = this.error ?? reason;
    this.error = undefined;
    if (why === "Invalid API key") {
      this.ended = true;
      this.tell.denied(why);
      return;
    }
    this.tell.state("away", why);
    this.again = setTimeout(() => this.open(), this.pause * (0.75 + Math.random() / 2));
    this.pause = Math.min(this.pause * 2, LONGEST_PAUSE_MS);
  }
}
