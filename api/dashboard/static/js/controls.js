// Pause, resume, stop and start. What is hard to undo asks for a word to be typed.

import { byId, setText } from "./dom.js";
import { Refused } from "./rest.js";
import { OPEN } from "./store.js";

const STOP = {
  action: "stop",
  word: "STOP",
  title: (name) => `Stop all trading of ${name}?`,
  text: (open) =>
    `${open} resting ${open === 1 ? "order is" : "orders are"} cancelled at the exchanges and nothing new is quoted. ` +
    "Fills that were made go on being hedged. Only a start puts it on again.",
  go: "Stop trading",
};
const START = {
  action: "start",
  word: "START",
  title: (name) => `Start trading of ${name} again?`,
  text: () => "Quotes go out as soon as nothing else forbids it.",
  go: "Start trading",
};

export function controls(store, desk, { notice }) {
  const [dialog, form, word, reason, go, error] = ["", "-form", "-word", "-reason", "-go", "-error"].map((part) => byId(`confirm${part}`));
  let asked = null;

  async function command(action, why, buttons) {
    buttons.forEach((button) => (button.disabled = true));
    try {
      const status = await desk.control(action, why);
      notice(answerOf(action, status));
      return null;
    } catch (failure) {
      if (!(failure instanceof Refused)) throw failure;
      if (failure.status === 401) desk.denied(failure.message);
      return failure.message;
    } finally {
      buttons.forEach((button) => (button.disabled = false));
    }
  }

  function ask(what) {
    if (dialog.open) return;
    asked = what;
    const open = [...store.orders.values()].filter((order) => OPEN.has(order.orderStatus)).length;
    setText(byId("confirm-title"), what.title(store.single.status?.clientName ?? "this client"));
    setText(byId("confirm-text"), what.text(open));
    setText(byId("confirm-ask"), `Type ${what.word} to confirm`);
    setText(go, what.go);
    setText(error, "");
    go.className = what === STOP ? "danger" : "primary";
    [word.value, reason.value, go.disabled] = ["", "", true];
    dialog.showModal();
    word.focus();
  }

  word.addEventListener("input", () => {
    go.disabled = word.value.trim() !== asked.word;
  });
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    if (word.value.trim() !== asked.word) return;
    setText(error, "");
    setText(go, "Waiting for the answer…");
    const failure = await command(asked.action, reason.value.trim() || undefined, [go]);
    setText(go, asked.go);
    if (failure === null) dialog.close();
    else setText(error, failure);
  });
  byId("confirm-cancel").addEventListener("click", () => dialog.close());
  byId("kill").addEventListener("click", () => ask(STOP));
  byId("start").addEventListener("click", () => ask(START));
  for (const action of ["pause", "resume"]) {
    const button = byId(action);
    button.addEventListener("click", async () => {
      const failure = await command(action, undefined, [button]);
      if (failure !== null) notice(`Could not ${action}: ${failure}`, true);
    });
  }
  addEventListener("keydown", (event) => {
    // A dialog that was just closed keeps the focus until the page is drawn again.
    const typing = dialog.open || event.target.closest?.("input, textarea")?.checkVisibility();
    if (event.key.toLowerCase() === "k" && !typing && !event.ctrlKey && !event.metaKey && !event.altKey) {
      event.preventDefault();
      ask(store.single.status?.manualStopped ? START : STOP);
    }
  });

  store.watch(["status"], () => {
    const { status } = store.single;
    if (!status) return;
    byId("pause").hidden = status.manualPaused;
    byId("resume").hidden = !status.manualPaused;
    byId("kill").hidden = status.manualStopped;
    byId("start").hidden = !status.manualStopped;
  });
}

function answerOf(action, status) {
  const said = { pause: "Paused", resume: "Resumed", stop: "Stopped", start: "Started" }[action];
  const result = status.result && status.result !== said.toLowerCase() ? ` (${status.result.replaceAll("_", " ")})` : "";
  return `${said}${result}.`;
}
