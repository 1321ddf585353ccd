// The search box: asks while one types, and offers what may be meant.
import { debounced, h, t } from "../core/dom.js";
import { shelf } from "../core/shelf.js";

const TYPING = 180;      // ms without a key before anything is asked
const MOST = 12;         // offers

export class Search {
  /** deeds: { wish(q), down() } */
  constructor(deeds) {
    Object.assign(this, { deeds, offers: [], chosen: -1, turn: 0 });
    this.input = h("input.library-search", {
      type: "search", placeholder: t("Search: words, model:… lora:… steps:>20 is:favourite"), autocomplete: "off",
      spellcheck: false, role: "combobox", "aria-label": t("Search the library"), "aria-expanded": "false",
      "aria-controls": "library_offers", "aria-autocomplete": "list",
    });
    this.list = h("ul.library-offers", { id: "library_offers", role: "listbox", hidden: true });
    this.element = h("div.library-find", {}, this.input, this.list);
    const ask = debounced(() => this.deeds.wish(this.input.value.trim()), TYPING);
    const offer = debounced(() => this.ask(), TYPING);
    this.input.addEventListener("input", () => { ask(); offer(); });
    this.input.addEventListener("keydown", (event) => this.key(event));
    this.input.addEventListener("blur", () => this.close());
    this.list.addEventListener("pointerdown", (event) => event.preventDefault());      // the box keeps the focus
  }

  get value() { return this.input.value.trim(); }

  set value(text) {
    this.input.value = text;
    this.close();
  }

  async ask() {
    const turn = ++this.turn, { value, selectionStart: at } = this.input;
    const found = value ? await shelf.suggest(value, at).catch(() => []) : [];
    if (turn !== this.turn || this.input !== document.activeElement) return;
    this.offer((found ?? []).slice(0, MOST));
  }

  offer(offers) {
    Object.assign(this, { offers, chosen: -1 });
    this.list.replaceChildren(...offers.map((offer, i) =>
      h("li", { role: "option", id: `library_offer_${i}`, "aria-selected": "false", onclick: () => this.take(i) },
        h("span", {}, offer.label ?? offer.text),
        offer.count === undefined || offer.count === null ? null : h("span.library-count", {}, String(offer.count)))));
    this.list.hidden = !offers.length;
    this.input.setAttribute("aria-expanded", offers.length > 0);
    this.input.removeAttribute("aria-activedescendant");
  }

  close() {
    this.turn++;
    this.offer([]);
  }

  choose(at) {
    this.chosen = (at + this.offers.length) % this.offers.length;
    for (const [i, item] of [...this.list.children].entries()) item.setAttribute("aria-selected", i === this.chosen);
    this.list.children[this.chosen].scrollIntoView({ block: "nearest" });
    this.input.setAttribute("aria-activedescendant", `library_offer_${this.chosen}`);
  }

  /** An offer takes the place of the word that is typed. */
  take(at) {
    const { value, selectionStart } = this.input, { text } = this.offers[at];
    const { from, to } = wordAt(value, selectionStart);
    const field = text.endsWith(":"), put = text + (field ? "" : " ");
    this.input.value = value.slice(0, from) + put + value.slice(to).trimStart();
    this.input.setSelectionRange(from + put.length, from + put.length);
    this.close();
    if (field) this.ask();
    else this.deeds.wish(this.value);
  }

  key(event) {
    const open = this.offers.length > 0, { key } = event;
    if (key === "ArrowDown" && !open) this.deeds.down();
    else if (open && key === "ArrowDown") this.choose(this.chosen + 1);
    else if (open && key === "ArrowUp") this.choose(this.chosen < 0 ? -1 : this.chosen - 1);
    else if (open && (key === "Enter" || key === "Tab") && this.chosen >= 0) this.take(this.chosen);
    else if (key === "Enter") { this.close(); this.deeds.wish(this.value); }
    else if (open && key === "Escape") this.close();
    else return;
    event.preventDefault();
    event.stopPropagation();
  }
}

/** Where the word at a place begins and ends; what stands in quotes is one. */
export function wordAt(text, at) {
  let from = 0, quoted = false;
  for (let i = 0; i < at; i++) {
    if (text[i] === '"') quoted = !quoted;
    else if (!quoted && /\s/.test(text[i])) from = i + 1;
  }
  let to = at;
  while (to < text.length && (quoted || !/\s/.test(text[to]))) if (text[to++] === '"') quoted = !quoted;
  return { from, to };
}

/** A value as the search language has it: quoted where it would be read as several words. */
export const quoted = (value) => (/^[^\s"()]+$/.test(value) ? value : `"${String(value).replaceAll('"', '')}"`);

/** Search words with a term added, or taken out if it is there. */
export function toggled(q, term) {
  const terms = termsOf(q), rest = terms.filter((each) => each !== term);
  return (rest.length < terms.length ? rest : [...terms, term]).join(" ");
}

export function termsOf(q) { return q.match(/(?:[^\s"]|"[^"]*"?)+/g) ?? []; }
