// Sign in, build the desk, sign out. The key lives in this tab's session storage and nowhere else.

import { controls } from "./controls.js";
import { Desk } from "./desk.js";
import { byId, setText } from "./dom.js";
import { Refused, Rest } from "./rest.js";
import { Store } from "./store.js";
import { exposure } from "./views/exposure.js";
import { figures } from "./views/figures.js";
import { health } from "./views/health.js";
import { orders } from "./views/orders.js";
import { pnl } from "./views/pnl.js";
import { quotes } from "./views/quotes.js";
import { verdict } from "./views/verdict.js";

const KEPT = "overround.key";
const SAID = "overround.said";
const NOTICE_MS = 6_000;
const CONNECTION = {
  connecting: "connecting…",
  "catching up": "catching up…",
  live: "live",
  away: "not connected, trying again",
};

let fading = null;

function notice(text, bad = false) {
  const place = byId("notice");
  setText(place, text);
  place.classList.toggle("bad", bad);
  place.hidden = false;
  clearTimeout(fading);
  if (!bad) fading = setTimeout(() => (place.hidden = true), NOTICE_MS);
}

/** Forget the key and everything shown: a fresh page holds nothing of the old one. */
function leave(why = "") {
  sessionStorage.removeItem(KEPT);
  if (why) sessionStorage.setItem(SAID, why);
  location.reload();
}

function showConnection(store, rest) {
  store.watch(["connection"], () => {
    const { name, why } = store.single.connection;
    const place = byId("connection");
    place.dataset.state = name;
    setText(place, why && name === "away" ? `${CONNECTION.away}: ${why}` : CONNECTION[name]);
  });
  setInterval(() => setText(byId("clock"), `${new Date(rest.now()).toISOString().slice(11, 19)} UTC`), 250);
  setInterval(() => {
    const wait = rest.pause;
    if (wait > 0) notice(`The client's requests of this minute are nearly used up: reading less for ${Math.ceil(wait)} s.`);
  }, 1_000);
}

function openDesk(rest) {
  const store = new Store();
  const now = () => rest.now();
  const desk = new Desk(rest, store, { denied: () => leave("This key is not valid any more.") });
  document.activeElement?.blur(); // a hidden field keeps the focus until the next frame, and with it the keys
  byId("signin").hidden = true;
  byId("desk").hidden = false;
  verdict(store, now);
  figures(store);
  pnl(store, desk);
  health(store, desk);
  exposure(store, desk);
  quotes(store, desk, now);
  orders(store, desk, rest);
  controls(store, desk, { notice });
  showConnection(store, rest);
  byId("signout").addEventListener("click", () => {
    desk.close();
    leave();
  });
  desk.open();
}

async function signIn(key) {
  const rest = new Rest(key);
  await rest.get("/me");
  sessionStorage.setItem(KEPT, key);
  openDesk(rest);
}

function refusal(error) {
  if (error.status === 401) return "This key is not valid. Check that it is a client's key and was not revoked.";
  if (error.status === 429) return `Too many requests: try again in ${error.wait} s.`;
  return error.message;
}

function askForKey(said = "") {
  const [form, field, place] = [byId("signin-form"), byId("key"), byId("signin-error")];
  byId("signin").hidden = false;
  setText(place, said);
  field.focus();
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    const button = form.querySelector("button");
    button.disabled = true;
    setText(place, "");
    try {
      await signIn(field.value.trim());
      field.value = "";
    } catch (error) {
      if (!(error instanceof Refused)) throw error;
      setText(place, refusal(error));
      field.select();
    } finally {
      button.disabled = false;
    }
  });
}

const key = sessionStorage.getItem(KEPT);
const said = sessionStorage.getItem(SAID) ?? "";
sessionStorage.removeItem(SAID);
if (key === null) askForKey(said);
else openDesk(new Rest(key));
