// What may be written about a card, as controls: { name, input, row, value(), changed() }.
import { facts, h, t } from "../core/dom.js";
import { options } from "./bar.js";
import { spoken } from "./family.js";


/** The fields that make sense for a card's kind. */
export function fieldsFor(card, families) {
  return FIELDS.filter(({ kinds }) => !kinds || kinds.includes(card.kind)).map((field) => {
    const input = field.control(field, field.read(card[field.name]), { families, vaes: card.vaes ?? [] });
    const start = input.value;
    input.id = `card_${field.name}`;
    input.title = t(field.help);
    const value = () => field.write(input.value);
    const row = h("div.card-field", {}, h("label", { htmlFor: input.id }, t(field.label)), input);
    return { name: field.name, input, row, value, changed: () => input.value !== start };
  });
}

function area({ lines, longest }, value) {
  return h("textarea", { rows: lines, value, maxLength: longest, spellcheck: false });
}

function family(_, value, { families }) {
  const known = [...new Set([...Object.keys(facts.families), ...families, value])].filter(Boolean);
  const box = h(
    "select.networks-select",
    {},
    options([["", t("Unknown")], ...known.map((name) => [name, spoken(name)])]),
  );
  box.value = value;
  return box;
}

function number(_, value) {
  return h("input", { type: "number", min: -10, max: 10, step: "any", inputMode: "decimal", placeholder: "1", value });
}

function vae(_, value, { vaes }) {
  const known = [...new Set([...vaes, value])].filter(Boolean);
  const box = h("select.networks-select", {}, options([["", t("Automatic")], ...known.map((name) => [name, name])]));
  box.value = value;
  return box;
}

const text = { read: (value) => value ?? "", write: (value) => value };
// 0 is "none preferred", as in A1111's files
const weight = { read: (value) => (value ? String(value) : ""), write: Number };
const INSERTED = ["lora", "hypernetwork"];

const FIELDS = [
  {
    name: "description",
    label: "Description",
    help: "Shown when the pointer rests on the card.",
    control: area,
    lines: 2,
    longest: 20_000,
    ...text,
  },
  {
    name: "family",
    label: "Made for",
    help: "Cards for another family than the chosen model's are dimmed.",
    control: family,
    ...text,
  },
  {
    name: "activation",
    label: "Activation text",
    help: "Goes into the prompt with a click on the card.",
    kinds: INSERTED,
    control: area,
    lines: 2,
    longest: 20_000,
    ...text,
  },
  {
    name: "negative",
    label: "Negative text",
    help: "Goes into the negative prompt with a click on the card.",
    kinds: INSERTED,
    control: area,
    lines: 2,
    longest: 20_000,
    ...text,
  },
  {
    name: "weight",
    label: "Preferred weight",
    help: "How strongly a click on the card applies it; empty for the usual strength.",
    kinds: INSERTED,
    control: number,
    ...weight,
  },
  {
    name: "vae",
    label: "Preferred VAE",
    help: "What this checkpoint is used with where the VAE is Automatic.",
    kinds: ["checkpoint"],
    control: vae,
    ...text,
  },
  {
    name: "notes",
    label: "Notes",
    help: "For yourself: not shown elsewhere.",
    control: area,
    lines: 3,
    longest: 200_000,
    ...text,
  },
];
