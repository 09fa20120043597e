// Booked profit over time. Pixels may be floats; the figures beside the plot are the server's own digits.

import uPlot from "../../vendor/uplot/uPlot.esm.js";
import { byId, h, setClass, setText, setTitle } from "../dom.js";
import { clock, gain, tone } from "../format.js";
import { fillPanel } from "./panel.js";

const AXIS_FONT = "11px system-ui, sans-serif";
const LEAST_WIDTH = 200;

const colour = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();

/** The line from the window's start to its end, with the exact text of each point. */
export function lineOf(series) {
  const points = [
    { at: series.from, realizedPnl: "0" },
    ...series.points,
    { at: series.to, realizedPnl: series.realizedPnl },
  ];
  return {
    points,
    data: [points.map((point) => Date.parse(point.at) / 1000), points.map((point) => Number(point.realizedPnl))],
  };
}

function options(width, height, moved) {
  const axis = { stroke: colour("--muted"), font: AXIS_FONT, grid: { stroke: colour("--line"), width: 1 }, ticks: { show: false } };
  return {
    width,
    height,
    tzDate: (seconds) => uPlot.tzDate(new Date(seconds * 1000), "Etc/UTC"),
    legend: { show: false },
    cursor: { y: false, points: { size: 6 }, drag: { x: false, y: false } },
    scales: { x: { time: true }, y: { range: (_, low, high) => spread(low, high) } },
    axes: [
      { ...axis, values: times, space: 70, size: 26 },
      { ...axis, size: 58, values: (_, ticks) => ticks.map((tick) => tick.toLocaleString("en", { maximumFractionDigits: 2 })) },
    ],
    series: [
      {},
      {
        stroke: colour("--accent"),
        width: 1.5,
        fill: colour("--accent-wash"),
        fillTo: 0,
        paths: uPlot.paths.stepped({ align: 1 }),
        points: { show: false },
      },
    ],
    hooks: { setCursor: [({ cursor }) => moved(cursor.idx)] },
  };
}

function spread(low, high) {
  const [least, most] = [Math.min(low, 0), Math.max(high, 0)];
  const room = (most - least || 1) * 0.08;
  if (least === most) return [-1, 1];
  return [least === 0 ? 0 : least - room, most === 0 ? 0 : most + room];
}

function times(_, ticks) {
  const wide = ticks.length > 1 && ticks[1] - ticks[0] >= 86400;
  return ticks.map((tick) => {
    const iso = new Date(tick * 1000).toISOString();
    return wide || iso.slice(11, 16) === "00:00" ? `${iso.slice(8, 10)}.${iso.slice(5, 7)}.` : iso.slice(11, 16);
  });
}

export function pnl(store, desk) {
  const [place, reading] = [byId("pnl-plot"), byId("pnl-reading")];
  const canvas = h("div", { role: "img" });
  let [plot, line] = [null, null];
  fillPanel("pnl-panel", "series", store, h("span"), () => desk.read("series"));
  const nothing = h("p", { class: "empty over" }, "Nothing was booked in this time.");
  nothing.hidden = true;
  place.append(canvas, nothing);

  function read(index) {
    const point = line?.points[index ?? -1];
    const value = point ? point.realizedPnl : store.single.series.realizedPnl;
    setText(reading, point ? `${clock(point.at)}  ${gain(value)}` : gain(value));
    setTitle(reading, value);
    setClass(reading, `reading ${tone(value)}`.trim());
  }

  function draw() {
    const { series } = store.single;
    if (!series) return;
    line = lineOf(series);
    nothing.hidden = series.points.length > 0;
    const [width, height] = [Math.max(canvas.clientWidth, LEAST_WIDTH), canvas.clientHeight];
    if (plot === null) plot = new uPlot(options(width, height, read), line.data, canvas);
    else {
      if (plot.width !== width || plot.height !== height) plot.setSize({ width, height });
      plot.setData(line.data);
    }
    canvas.setAttribute("aria-label", `Booked profit of the last ${desk.hours} hours: ${gain(series.realizedPnl)}`);
    read(plot.cursor.idx);
  }

  function anew() {
    plot?.destroy();
    plot = null;
    draw();
  }

  byId("pnl-hours").addEventListener("click", ({ target }) => {
    if (!target.dataset.hours) return;
    desk.hours = target.dataset.hours;
    for (const button of byId("pnl-hours").children) button.setAttribute("aria-pressed", String(button === target));
    desk.read("series");
  });
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", anew);
  new ResizeObserver(draw).observe(place);
  store.watch(["series"], draw);
}
