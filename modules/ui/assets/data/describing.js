// Title, author, copyright, rating, description and keywords as a form.
import { h, t } from "../core/dom.js";
import { DESCRIPTIVE, keywordsOf } from "./edits.js";

const STARS = [1, 2, 3, 4, 5].map((n) => [n, "★".repeat(n)]);
const RATINGS = [[0, "No rating"], ...STARS, [-1, "Rejected"]];

/** values: the descriptive data, which are changed in place; changed() */
export function describingForm(values, changed) {
  const set = (name) => (value) => { values[name] = value; changed(); };
  return h("div.data-grid", {}, DESCRIPTIVE.map(([name, label]) =>
    h(`label.data-field${name === "description" ? ".data-wide" : ""}`, { "data-field": name },
      h("span", {}, t(label)), box(name, values[name], set(name)))));
}

function box(name, value, set) {
  if (name === "rating") {
    const options = RATINGS.map(([each, shown]) =>
      h("option", { value: each, selected: each === (value ?? 0) }, t(shown)));
    return h("select", { onchange: ({ target }) => set(Number(target.value)) }, options);
  }
  if (name === "description")
    return h("textarea", { rows: 2, value: value ?? "", oninput: ({ target }) => set(target.value) });
  const listed = name === "keywords";
  return h("input", {
    type: "text", value: listed ? (value ?? []).join(", ") : value ?? "",
    oninput: ({ target }) => set(listed ? keywordsOf(target.value) : target.value),
  });
}
