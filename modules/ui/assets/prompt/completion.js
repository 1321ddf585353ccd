// Completion in a prompt box: a list below the caret. Typing never waits for it.
import { debounced, h, t } from "../core/dom.js";
import { ask, query } from "../core/server.js";
import { behind, replacePart, typedAt } from "./typed.js";

const WAIT = 70;             // ms after a key
const MOST_KEPT = 200;       // answers
const KINDS = {
  lora: "LoRA", hypernetwork: "Hypernetwork", embedding: "Embedding", wildcard: "Wildcard", style: "Style", tag: "Tag",
};

export class Completion {
  /** box: the textarea; colours: knows where a place of its text is; isOn(): is it wanted?
   *
   * choose(style) chooses a style by its name
   */
  constructor(box, colours, { isOn, choose }) {
    Object.assign(this, { box, colours, isOn, choose, shown: [], at: -1, typed: null, asked: 0, done: null });
    this.kept = new Map();
    this.id = `${box.closest("[id]").id}_completions`;
    this.list = h("ul.completions", { id: this.id, role: "listbox", hidden: true, "aria-label": t("Completions") });
    this.list.addEventListener("mousedown", (event) => event.preventDefault());      // the box keeps the focus
    box.setAttribute("aria-autocomplete", "list");
    const look = debounced(() => this.look(), WAIT);
    box.addEventListener("input", () => { this.asked++; look(); });
    box.addEventListener("blur", () => this.close());
    box.addEventListener("click", () => this.close());
    box.addEventListener("keydown", (event) => this.key(event));
  }

  async look() {
    const { box } = this, asked = ++this.asked;
    const looks = this.isOn() && box.value !== this.done && document.activeElement === box
      && box.selectionStart === box.selectionEnd;
    for (const typed of looks ? typedAt(box.value, box.selectionStart) : []) {
      const now = box.value.slice(typed.start, box.selectionStart);
      const found = (await this.find(typed)).filter(({ insert }) => insert !== now);
      if (asked !== this.asked) return;
      if (found.length) return this.show(found, typed);
    }
    this.close();
  }

  /** An answer, of which some are kept; none if the server has none. */
  async find({ kind, text }) {
    const key = `${kind} ${text}`;
    if (!this.kept.has(key)) {
      try {
        const { completions } = await ask(`completions?${query({ kind, text })}`);
        if (this.kept.size >= MOST_KEPT) this.kept.clear();
        this.kept.set(key, completions);
      } catch {
        return [];
      }
    }
    return this.kept.get(key);
  }

  show(found, typed) {
    Object.assign(this, { shown: found, typed, at: -1 });
    this.list.replaceChildren(...found.map((each, place) => this.row(each, place)));
    this.list.hidden = false;
    if (!this.list.isConnected) document.body.append(this.list);
    this.box.setAttribute("aria-controls", this.id);
    this.place();
  }

  row(each, place) {
    return h("li", {
      id: `${this.id}_${place}`, role: "option", "aria-selected": "false", onclick: () => this.take(place),
    }, h(`b.completion-${each.kind}`, { "data-category": each.category ?? "" }, each.name),
    h("span", {}, each.note ?? ""), h("small", {}, each.count ? short(each.count) : t(KINDS[each.kind])));
  }

  /** Below the line of the caret, or above it where there is no room. */
  place() {
    const { left, bottom } = this.colours.placeOf(this.typed.start), { list } = this;
    const width = Math.min(420, innerWidth - 16), height = Math.min(list.scrollHeight, 280);
    list.style.width = `${width}px`;
    list.style.left = `${Math.max(8, Math.min(left, innerWidth - width - 8))}px`;
    const below = bottom + 6 + height < innerHeight;
    list.style.top = `${below ? bottom + 6 : Math.max(8, bottom - 30 - height)}px`;
  }

  /** Keys that mean the list, and no others: with Ctrl, Alt or Shift they are the prompt's. */
  key(event) {
    if (this.list.hidden || event.ctrlKey || event.metaKey || event.altKey || event.shiftKey || event.isComposing)
      return;
    const action = {
      ArrowDown: () => this.move(1), ArrowUp: () => this.move(-1), Escape: () => this.close(),
      Tab: () => this.take(Math.max(this.at, 0)), Enter: this.at >= 0 ? () => this.take(this.at) : null,
    }[event.key];
    if (!action) return;
    event.preventDefault();
    event.stopPropagation();
    action();
  }

  move(by) {
    const all = this.shown.length + 1;
    this.at = (this.at + 1 + by + all) % all - 1;
    for (const [place, row] of [...this.list.children].entries()) {
      row.setAttribute("aria-selected", String(place === this.at));
      if (place === this.at) row.scrollIntoView({ block: "nearest" });
    }
    if (this.at < 0) this.box.removeAttribute("aria-activedescendant");
    else this.box.setAttribute("aria-activedescendant", `${this.id}_${this.at}`);
  }

  take(place) {
    const { insert, kind, name } = this.shown[place], { box, typed } = this, end = box.selectionStart;
    this.close();
    if (kind === "style") this.choose(name);
    const more = insert && behind(typed.kind === "word" ? kind : "network", box.value, end);
    replacePart(box, typed.start, end, insert + more);
    this.done = box.value;      // what was just put in is not looked up
  }

  close() {
    this.asked++;
    this.list.hidden = true;
    for (const name of ["aria-controls", "aria-activedescendant"]) this.box.removeAttribute(name);
  }
}

const short = (count) => count >= 1e6 ? `${(count / 1e6).toFixed(1)}M` : count >= 1000 ? `${Math.round(count / 1000)}k`
  : String(count);
