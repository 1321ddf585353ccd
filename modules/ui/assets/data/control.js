// A box for one field's value.
import { h, t } from "../core/dom.js";

/** declared: { kind, label, help, choices, … }; changed(value). A list is shown, and kept, as it is. */
export function control(declared, value, changed) {
  const common = { "aria-label": t(declared.label), title: declared.help };
  const kind = typeof value === "object" && value !== null ? "other" : declared.kind;
  return MAKERS[kind](declared, value, changed, common);
}

const MAKERS = {
  number: ({ minimum, maximum, step }, value, changed, common) => {
    if (typeof value === "string") return textBox(value, changed, common);      // a seed beyond a number's exactness
    return h("input", {
      type: "number", ...common, min: minimum, max: maximum, step: step > 1 ? 1 : step ?? "any",
      value: value ?? "", oninput: ({ target }) => { if (target.value !== "") changed(Number(target.value)); },
    });
  },
  check: (_declared, value, changed, common) => h("input", {
    type: "checkbox", ...common, checked: Boolean(value), onchange: ({ target }) => changed(target.checked),
  }),
  choice: ({ choices }, value, changed, common) => {
    const here = choices.some(([, each]) => each === value);
    const options = [...(here ? [] : [[t("{name} (not here)", { name: String(value) }), value]]), ...choices];
    const list = h("select", { ...common, onchange: () => changed(options[list.selectedIndex][1]) },
      options.map(([shown]) => h("option", {}, String(shown))));
    list.selectedIndex = options.findIndex(([, each]) => each === value);
    return list;
  },
  text: ({ lines }, value, changed, common) =>
    (lines > 1
      ? h("textarea", { ...common, rows: lines, value: value ?? "", oninput: ({ target }) => changed(target.value) })
      : textBox(value, changed, common)),
  other: (_declared, value, _changed, common) =>
    h("input", { type: "text", ...common, readOnly: true, value: JSON.stringify(value) }),
};

export const textBox = (value, changed, more = {}) =>
  h("input", { type: "text", ...more, value: value ?? "", oninput: ({ target }) => changed(target.value) });
