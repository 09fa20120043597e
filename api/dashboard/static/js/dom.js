// Building and changing elements. Text only ever enters as text, so nothing from the server can become markup.

const SVG = "http://www.w3.org/2000/svg";

/** An element with properties and children; `null` children are left out. */
export function h(name, properties = {}, ...children) {
  const element = document.createElement(name);
  for (const [key, value] of Object.entries(properties)) {
    if (value === null || value === undefined || value === false) continue;
    if (key.startsWith("on")) element.addEventListener(key.slice(2), value);
    else if (key === "class") element.className = value;
    else if (key === "data") Object.assign(element.dataset, value);
    else element.setAttribute(key, value === true ? "" : value);
  }
  element.append(...children.flat().filter((child) => child !== null && child !== undefined));
  return element;
}

export const byId = (id) => document.getElementById(id);

export function setText(element, text) {
  if (element.textContent !== text) element.textContent = text;
}

export function setClass(element, name) {
  if (element.className !== name) element.className = name;
}

export function setTitle(element, title) {
  if (title === undefined || title === null || title === "") element.removeAttribute("title");
  else if (element.title !== title) element.title = title;
}

/** A bar that shows how much of a whole is done, 0 to 1. */
export function meter(share) {
  const svg = document.createElementNS(SVG, "svg");
  svg.setAttribute("class", "meter");
  svg.setAttribute("viewBox", "0 0 100 4");
  svg.setAttribute("preserveAspectRatio", "none");
  svg.setAttribute("aria-hidden", "true");
  for (const [kind, width] of [["whole", 100], ["part", Math.max(0, Math.min(1, share)) * 100]]) {
    const bar = document.createElementNS(SVG, "rect");
    bar.setAttribute("class", kind);
    bar.setAttribute("width", String(width));
    bar.setAttribute("height", "4");
    svg.append(bar);
  }
  return svg;
}

// Ages tick without asking the server: an element remembers when its subject was young.

const ages = new Set();

/** Show in `element` how long ago `seconds` before now is, from now on; null shows nothing. */
export function setAge(element, seconds, write, late = Infinity) {
  if (seconds === null || seconds === undefined) {
    delete element.dataset.born;
    ages.delete(element);
    setText(element, "–");
    return;
  }
  element.dataset.born = String(performance.now() - Number(seconds) * 1000);
  ages.add(element);
  element.ageing = { write, late };
  tick(element);
}

function tick(element) {
  const seconds = Math.max(0, (performance.now() - Number(element.dataset.born)) / 1000);
  setText(element, element.ageing.write(seconds));
  element.classList.toggle("late", seconds >= element.ageing.late);
}

setInterval(() => {
  for (const element of ages) {
    if (element.isConnected) tick(element);
    else ages.delete(element);
  }
}, 500);
