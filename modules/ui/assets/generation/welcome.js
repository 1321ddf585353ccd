// What stands where pictures will be: examples that the model draws well, and on a first visit three hints.
import { h, t } from "../core/dom.js";
import { browser } from "../core/storage.js";

const HINTED = "hinted";      // in the browser's memory: the hints were read, or a picture was made
const MOST = 4;               // examples

const HINTS = [
  "More models go into the models folder; ⟳ finds them.",
  "Rest on a control's name, or touch it, to read what it does.",
  "Drop a picture anywhere to read how it was made.",
];

/** They are not shown again, neither here nor in another tab. */
export function forgetHints() {
  if (!browser.get(HINTED)) browser.set(HINTED, true);
}

function hints() {
  if (browser.get(HINTED)) return [];
  const element = h("div.first-hints", {},
    h("ul", {}, HINTS.map((hint) => h("li", {}, t(hint)))),
    h("button.link", { type: "button", onclick: () => { forgetHints(); element.remove(); } }, t("Got it")));
  return [element];
}

/** examples: prompts, or values of a form with one; use(patch): what a click on one does */
export function welcome(examples, use) {
  if (!examples.length) return h("div.empty", {}, h("p", {}, t("Your pictures appear here.")));
  const chips = examples.slice(0, MOST).map((example) => {
    const patch = typeof example === "string" ? { prompt: example } : example;
    return h("button.example", { type: "button", onclick: () => use(patch) }, patch.prompt);
  });
  return h(
    "div.empty.welcome",
    {},
    h("p", {}, t("Describe a picture, or try one of these")),
    h("div.examples", {}, chips),
    hints(),
  );
}
