// What pasted data did to a form: one panel above the settings that says what was filled in, what is not here, and
// whether it will be the same picture, with a way back.
import { bringIntoView, described, facts, h, t } from "../core/dom.js";
import { same } from "./form.js";

const LONGEST = 80, MOST = 30;      // characters of a value, and how many are shown

const VERDICTS = {
  same: "This will be the same picture.",
  close: "This will be nearly the same picture: the machine or its programs are others.",
  other: "This will not be the same picture.",
  untold: "All that the data name is here.",
};
const HINTS = {
  untold: "Whether each pixel will be the same nobody can tell: the picture has no manifest.",
};

export const shortened = (text) => (text.length > LONGEST ? `${text.slice(0, LONGEST)}…` : text);

/** The values of a form, to be put back. */
export function snapshot(form) {
  const extensions = window.easel.store(`${form.tab}_extensions`).values;
  return { values: { ...form.values }, asked: { ...form.asked }, extensions: extensions && { ...extensions } };
}

export function putBack(form, { values, asked, extensions }) {
  form.fill(values);
  form.asked = asked;
  if (extensions) window.easel.store(`${form.tab}_extensions`).fill(extensions);
}

/** A control's own label; of what has none, the name under which generation data have it. */
export function labelOf(form, name) {
  const id = form.ids[name];
  return (id && described(id)?.props.label) || facts.labels[name] || facts.keys[name] || name;
}

/** What differs from before, as [label, value]: nested values, such as units, only by their labels. */
function changed(form, before) {
  return Object.entries(form.values)
    .filter(([name, value]) => name !== "override_settings" && !same(value, before.values[name]))
    .map(([name, value]) => [labelOf(form, name), typeof value === "object" ? "" : shortened(String(value ?? ""))]);
}

const place = (form) => document.querySelector(`#${form.tab}_settings .paste-notes`);

/** One line for what is there, a fold for each list that may be long. */
const fold = (title, body) => h("details", {}, h("summary", {}, title), body);

const filledIn = (pairs) => fold(t("{n} values filled in", { n: pairs.length }), h("dl.paste-values", {},
  pairs.slice(0, MOST).flatMap(([label, value]) => [h("dt", {}, label), h("dd", {}, value)])));

function differencesTable(rows) {
  const head = [t("Not the same as then"), t("Then"), t("Now")].map((cell) => h("th", {}, cell));
  const cells = ({ what, then, now }) => [t(what), then, now].map((cell) => h("td", {}, String(cell)));
  return fold(t("{n} differences to when it was made", { n: rows.length }),
    h("table.differences", {}, h("tr", {}, head), rows.map((row) => h("tr", {}, cells(row)))));
}

function unknownLine(unknown) {
  const pairs = Object.entries(unknown).slice(0, MOST).map(([key, value]) => `${key}: ${shortened(String(value))}`);
  return pairs.length ? h("p.unknown", {}, t("Nothing here for:"), " ", pairs.join(" · ")) : null;
}

const button = (kind, text, onclick, more = {}) => h(`button.${kind}`, { type: "button", onclick, ...more }, text);

/** found: what the server read; before: the form's `snapshot`; offers: buttons for what the person may want too */
export function report(form, found, before, offers) {
  const { likeness = { verdict: "", differences: [] }, notes, unknown } = found;
  const verdict = t(VERDICTS[likeness.verdict] ?? "Filled in from the generation data.");
  const pairs = changed(form, before);
  const undo = button("undo-paste", t("Undo"), () => { putBack(form, before); place(form).replaceChildren(); });
  const away = button("away", "×", () => place(form).replaceChildren(),
    { title: t("Put away"), ariaLabel: t("Put away") });
  place(form).dataset.verdict = likeness.verdict;
  place(form).replaceChildren(
    h("div.paste-said", { role: "status" },
      h("p.paste-verdict", {}, h("strong", {}, verdict), " ", t(HINTS[likeness.verdict] ?? "")),
      ...notes.map((note) => h("p", {}, note)),
      unknownLine(unknown),
      ...offers,
      pairs.length ? filledIn(pairs) : null,
      likeness.differences.length ? differencesTable(likeness.differences) : null),
    h("div.paste-acts", {}, undo, away),
  );
  bringIntoView(place(form));
}
