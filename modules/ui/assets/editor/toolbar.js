// The buttons above the picture, and the brush's settings below them.
import { h, t } from "../core/dom.js";
import { SIZES } from "./brush.js";
import { commandsFor } from "./commands.js";
import { icon } from "./icons.js";

export class Toolbar {
  constructor(editor) {
    this.editor = editor;
    this.buttons = commandsFor(editor)
      .filter(({ icon: drawn }) => drawn)
      .map((command) => ({ command, button: this.button(command) }));
    this.sliders = editor.abilities.paints ? SLIDERS.map((slider) => this.slider(slider)) : [];
    this.colour = editor.abilities.coloured ? this.colourBox() : null;
    this.brushBar = h("div.editor-bar.editor-brush", { role: "group", "aria-label": t("Brush settings") },
      this.colour, this.sliders.map(({ label }) => label));
    this.element = h(
      "div.editor-bars",
      {},
      h(
        "div.editor-bar",
        { role: "toolbar", "aria-label": t("Picture editor") },
        GROUPS.map((group) => this.group(group)),
      ),
      editor.abilities.paints ? this.brushBar : null,
      editor.abilities.extends ? editor.edge.bar : null,
    );
  }

  group(name) {
    const buttons = this.buttons.filter(({ command }) => command.group === name).map(({ button }) => button);
    return buttons.length ? h("div.editor-group", {}, buttons) : null;
  }

  button({ icon: name, label, keys, run }) {
    const shortcut = keys.length ? shown(keys[0]) : null;
    const title = shortcut ? `${t(label)} (${shortcut})` : t(label);
    const onclick = () => { run(this.editor); this.editor.refresh(); };
    return h(
      "button.editor-button",
      { type: "button", title, "aria-label": t(label), "aria-keyshortcuts": shortcut, onclick },
      icon(name),
    );
  }

  slider({ name, label, title, text, read, write }) {
    const value = h("output", { "aria-hidden": "true" });
    const input = h("input", { type: "range", min: 0, max: 100, step: "any", title: t(title) });
    input.addEventListener("input", () => {
      this.editor.brush.set({ [name]: write(Number(input.value)) });
      this.editor.refresh();
    });
    const show = (brush) => {
      input.value = read(brush[name]);
      input.style.setProperty("--range_progress", `${read(brush[name])}%`);
      input.setAttribute("aria-valuetext", value.textContent = text(brush[name]));
    };
    return { label: h("label.editor-slider", {}, h("span", {}, t(label)), value, input), show };
  }

  colourBox() {
    const input = h("input", { type: "color", title: t("Colour"), "aria-label": t("Colour") });
    input.addEventListener("input", () => this.editor.brush.set({ colour: input.value }));
    return h("label.editor-colour", {}, input);
  }

  /** Show how things stand. */
  refresh() {
    for (const { command, button } of this.buttons) {
      if (command.pressed) button.setAttribute("aria-pressed", command.pressed(this.editor));
      if (command.able) button.disabled = !command.able(this.editor);
    }
    for (const { show } of this.sliders) show(this.editor.brush);
    if (this.colour) this.colour.firstChild.value = this.editor.brush.colour;
    this.editor.edge.bar.hidden = !this.editor.extending;
  }
}

/** "ctrl+shift+z" → "Ctrl+Shift+Z" */
const shown = (key) =>
  key.length === 1
    ? key.toUpperCase()
    : key
        .split("+")
        .map((part) => part[0].toUpperCase() + part.slice(1))
        .join("+");
const percent = (value) => `${Math.round(100 * value)} %`;
const growth = Math.log(SIZES.most / SIZES.least) / 100;      // sizes lie on the slider by their logarithm

const GROUPS = ["tools", "history", "view", "file"];
const SLIDERS = [
  { name: "size", label: "Size", title: "Diameter of the brush in pixels of the picture (Q and W, or Ctrl+wheel)",
    text: (size) => `${Math.round(size)} px`, read: (size) => Math.log(size / SIZES.least) / growth,
    write: (at) => SIZES.least * Math.exp(at * growth) },
  { name: "softness", label: "Softness", title: "How gently the brush fades towards its edge",
    text: percent, read: (value) => 100 * value, write: (at) => at / 100 },
  { name: "opacity", label: "Opacity", title: "How strongly one stroke covers what is below",
    text: percent, read: (value) => 100 * value, write: (at) => Math.max(0.01, at / 100) },
];
