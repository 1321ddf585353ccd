// A field of a training as a control: what is typed goes into the draft, what the plan makes of it is the placeholder.
import { h, t } from "../core/dom.js";

const shownList = (value) => Array.isArray(value) ? value.join(", ") : String(value ?? "");

/** Parts of a text with commas between, as numbers or as words. */
const listOf = (text, numbers) => {
  const parts = text.split(/[,\s]+/).filter(Boolean);
  if (!parts.length) return null;
  return numbers ? parts.map(Number).filter((each) => !Number.isNaN(each)) : parts;
};

/** What each kind of control reads; null leaves the field open. */
const READ = {
  number: ({ value }) => (value.trim() === "" ? null : Number(value)),
  numbers: ({ value }) => listOf(value, true),
  words: ({ value }) => listOf(value, false),
  text: ({ value }) => value || null,
  choice: ({ value }) => value || null,
  bool: (box) => box.checked,
};

export class TrainingField {
  constructor(facts, draft, { label = t(facts.label), of = facts.of } = {}) {
    Object.assign(this, { facts, draft });
    this.control = this.made(of);
    this.control.id = `training_${facts.name}`;
    this.control.addEventListener("change", () => this.typed());
    const text = h("span.training-label", {}, label);
    this.root = facts.kind === "bool"
      ? h("label.training-check", { title: t(facts.help) }, this.control, text)
      : h("label.training-field", { title: t(facts.help) }, text, this.control);
    this.show({});
  }

  made(of) {
    const { kind, low, high, whole, lines } = this.facts;
    if (kind === "bool") return h("input", { type: "checkbox" });
    if (kind === "choice" && Array.isArray(of))
      return h("select", {}, of.map((each) => h("option", { value: each }, each || t("as usual"))));
    if (kind === "number")
      return h("input", { type: "number", min: low ?? "", max: high ?? "", step: whole ? 1 : "any" });
    return lines > 1
      ? h("textarea", { rows: Math.min(lines, 4), spellcheck: false })
      : h("input", { type: "text", spellcheck: false, autocomplete: "off" });
  }

  typed() {
    const value = READ[this.facts.kind](this.control);
    this.draft.set({ [this.facts.name]: value === this.facts.usual && this.facts.kind === "bool" ? null : value },
      this);
  }

  /** What the draft holds; where it holds nothing, what the plan says. */
  show(values) {
    const { name, kind, usual } = this.facts;
    const own = this.draft.get(name), planned = values[name] ?? usual;
    if (kind === "bool") this.control.checked = own ?? planned ?? false;
    else {
      if (document.activeElement !== this.control) this.control.value = shownList(own);
      if ("placeholder" in this.control) this.control.placeholder = planned === 0 ? "" : shownList(planned);
    }
    this.root.classList.toggle("own", own !== undefined);
  }
}
