// What every panel shows when it has nothing to show: that it is loading, or why it could not.

import { byId, h, setText } from "../dom.js";

/** Put `element` into a panel; it is seen once `topic` was read. `again` is offered after a failure. */
export function fillPanel(id, topic, store, element, again) {
  const state = h("p", { class: "empty", role: "status" }, "Loading…");
  const retry = h("button", { class: "quiet", onclick: again }, "Try again");
  retry.hidden = true;
  const place = h("div", { class: "content" }, state, retry, element);
  const panel = byId(id);
  panel.insertBefore(place, panel.querySelector("footer"));

  function show() {
    const error = store.errors.get(topic);
    const loaded = store.single[topic] !== undefined;
    element.hidden = !loaded;
    state.hidden = loaded && !error;
    retry.hidden = !error;
    place.classList.toggle("old", Boolean(error));
    state.classList.toggle("error", Boolean(error));
    setText(state, error ? `${loaded ? "Not up to date" : "Could not be read"}: ${error.message}` : "Loading…");
  }

  store.watch([topic], show);
  show();
}
