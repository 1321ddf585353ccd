// How a training goes, drawn as SVG: loss, the same smoothed, validation, drift, and the rate against the right edge.
import { h, t } from "../core/dom.js";

const SVG = "http://www.w3.org/2000/svg";
const EDGE = { left: 52, right: 14, top: 10, bottom: 26 };
const SMOOTH = 0.96;      // of what came before, in each smoothed value
const OUTLIERS = 0.02;    // of the losses, which may lie above the chart

const svg = (tag, attributes, ...children) => {
  const element = document.createElementNS(SVG, tag);
  for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
  element.append(...children);
  return element;
};

/** Round numbers between two ends, `about` so many. */
export function ticks(low, high, about) {
  const rough = (high - low) / Math.max(1, about) || 1, power = 10 ** Math.floor(Math.log10(rough));
  const step = power * ([1, 2, 5, 10].find((each) => each * power >= rough) ?? 10);
  const found = [];
  for (let at = Math.ceil(low / step) * step; at <= high + step / 1e6; at += step)
    found.push(Number(at.toPrecision(12)));
  return found;
}

/** An exponential mean that is not pulled towards zero at its beginning. */
export function smoothed(values) {
  let mean = 0, weight = 0;
  return values.map((value) => {
    mean = SMOOTH * mean + (1 - SMOOTH) * value;
    weight = SMOOTH * weight + 1 - SMOOTH;
    return mean / weight;
  });
}

const MOST_DRIFT = 2.5;   // times what it was at first, up to which a step may be the best: beyond, other things change

/** The step at which validation was lowest while drift stayed small; undefined before any was measured. */
export function bestStep(lines) {
  const measured = lines.filter(({ validation }) => Number.isFinite(validation));
  const first = measured.find(({ drift }) => Number.isFinite(drift))?.drift ?? Infinity;
  const kept = measured.filter(({ drift }) => !(drift > MOST_DRIFT * first));
  return kept.reduce((best, line) => (line.validation < (best?.validation ?? Infinity) ? line : best), undefined)?.step;
}

const LINES = { loss: "Loss", smooth: "Smoothed", validation: "Validation", drift: "Drift", rate: "Learning rate" };

export class TrainingChart {
  hidden = new Set(["rate"]);
  series = {};

  /** chosen: told the step that somebody clicked at */
  constructor(chosen) {
    this.chosen = chosen;
    this.plot = h("div.training-plot", { role: "img", onclick: (event) => this.click(event),
      onmousemove: (event) => this.hover(event), onmouseleave: () => this.tip.replaceChildren() });
    this.tip = h("p.training-tip", { "aria-hidden": "true" });
    // the same buttons as long as the chart stands: steps come while one is pressed
    this.keys = Object.fromEntries(Object.entries(LINES).map(([name, words]) => [name, h(`button.of-${name}`,
      { type: "button", hidden: true, onclick: () => this.toggle(name) }, t(words), h("span", {}))]));
    this.legend = h("div.training-legend", { role: "group", "aria-label": t("Curves") }, Object.values(this.keys));
    this.root = h("div.training-chart", {}, this.legend, this.plot, this.tip);
    new ResizeObserver(() => this.draw()).observe(this.plot);
  }

  /** lines: of the run's log; steps: of the whole run */
  take(lines, steps) {
    const losses = lines.filter(({ loss }) => Number.isFinite(loss));
    const smooth = smoothed(losses.map(({ loss }) => loss));
    const points = (name) => lines.filter((line) => Number.isFinite(line[name])).map((line) => [line.step, line[name]]);
    this.steps = Math.max(1, steps);
    this.best = bestStep(lines);
    this.series = {
      loss: losses.map(({ step, loss }) => [step + 1, loss]),
      smooth: losses.map(({ step }, place) => [step + 1, smooth[place]]),
      validation: points("validation"), drift: points("drift"),
      rate: losses.filter(({ rates }) => rates).map(({ step, rates }) => [step + 1, Object.values(rates)[0] ?? 0]),
    };
    this.drawLegend();
    this.draw();
  }

  drawLegend() {
    for (const [name, button] of Object.entries(this.keys)) {
      const last = this.series[name].at(-1);
      button.hidden = !last;
      button.setAttribute("aria-pressed", String(!this.hidden.has(name)));
      button.lastChild.textContent = last ? shortNumber(last[1]) : "";
    }
  }

  toggle(name) {
    if (!this.hidden.delete(name)) this.hidden.add(name);
    this.drawLegend();
    this.draw();
  }

  seen(name) { return this.hidden.has(name) ? [] : this.series[name] ?? []; }

  /** From a step and a value to a place. */
  scales() {
    const { width, height } = this.size, all = ["smooth", "validation", "drift"].flatMap((name) => this.seen(name));
    const losses = this.seen("loss").map(([, value]) => value).sort((a, b) => a - b);
    const most = Math.max(losses[Math.floor((losses.length - 1) * (1 - OUTLIERS))] ?? 0,
      ...all.map(([, value]) => value), 1e-6);
    const x = (step) => EDGE.left + ((width - EDGE.left - EDGE.right) * step) / this.steps;
    const down = height - EDGE.top - EDGE.bottom;
    return { x, most, y: (value) => EDGE.top + down * (1 - Math.min(value, most * 1.05) / (most * 1.05)) };
  }

  draw() {
    this.size = { width: this.plot.clientWidth, height: this.plot.clientHeight };
    if (!this.size.width || !this.series.loss) return;
    const { width, height } = this.size, { x, y, most } = this.scales();
    const axis = [
      ...ticks(0, most, 4).map((value) => this.line(EDGE.left, y(value), width - EDGE.right, y(value),
        shortNumber(value))),
      ...ticks(0, this.steps, width < 500 ? 4 : 8).map((step) => svg("text",
        { x: x(step), y: height - 8, "text-anchor": "middle" }, String(step))),
    ];
    const top = Math.max(...this.seen("rate").map(([, value]) => value), 1e-12);
    const high = (value) => EDGE.top + (height - EDGE.top - EDGE.bottom) * (1 - value / top / 1.05);
    const at = (name, value) => (name === "rate" ? high(value) : y(value));
    const curves = Object.keys(LINES).map((name) => svg("polyline", {
      class: `curve of-${name}`,
      points: this.seen(name).map(([step, value]) => `${x(step)},${at(name, value)}`).join(" "),
    }));
    const dots = ["validation", "drift"].flatMap((name) => this.seen(name).map(([step, value]) =>
      svg("circle", { class: `dot of-${name}`, cx: x(step), cy: y(value), r: 2.5 })));
    const star = this.seen("validation").filter(([step]) => step > 0 && step === this.best).map(([step, value]) =>
      svg("text", { class: "star", x: x(step), y: y(value) + 16, "text-anchor": "middle" }, "★"));
    this.plot.replaceChildren(svg("svg", { viewBox: `0 0 ${width} ${height}` }, ...axis, ...curves, ...dots, ...star));
    this.plot.setAttribute("aria-label", this.summary());
  }

  line(x1, y1, x2, y2, text) {
    return svg("g", {}, svg("line", { x1, y1, x2, y2 }), svg("text", { x: x1 - 8, y: y1 + 4, "text-anchor": "end" },
      text));
  }

  summary() {
    const last = this.series.smooth.at(-1);
    return last ? t("Loss {value} at step {step} of {steps}",
      { value: shortNumber(last[1]), step: last[0], steps: this.steps })
      : t("No step is done yet");
  }

  stepAt({ clientX }) {
    const { left } = this.plot.getBoundingClientRect();
    const share = (clientX - left - EDGE.left) / (this.size.width - EDGE.left - EDGE.right);
    return Math.round(Math.min(1, Math.max(0, share)) * this.steps);
  }

  hover(event) {
    const step = this.stepAt(event);
    const told = Object.keys(LINES).filter((name) => this.seen(name).length).map((name) => {
      const away = ([at]) => Math.abs(at - step);
      const [, value] = this.seen(name).reduce((best, point) => (away(point) < away(best) ? point : best));
      return `${t(LINES[name])} ${shortNumber(value)}`;
    });
    this.tip.replaceChildren(told.length ? `${t("Step {n}", { n: step })} · ${told.join(" · ")}` : "");
  }

  click(event) { this.chosen(this.stepAt(event)); }
}

export function shortNumber(value) {
  if (value === 0) return "0";
  return Math.abs(value) < 1e-3 ? value.toExponential(1) : String(Number(value.toPrecision(3)));
}
