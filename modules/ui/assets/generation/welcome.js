// What stands where pictures will be: examples that the model draws well, and on a first visit three hints.
import { facts, h, t } from "../core/dom.js";
import { browser } from "../core/storage.js";

const HINTED = "hinted";      // in the browser's memory: the hints were read, or a picture was made
const MOST = 4;               // examples

/** Whoever has more models than the one that ships is told where they are. */
const ofModels = (many) => many > 1
  ? t("There are {n} models here: choose one at the top.", { n: many })
  : t("More models: into the models folder, then ⟳.");

const HINTS = [
  "Rest on a name, or touch it, to read what it is for.",
  "Drop a picture anywhere to read its data.",
];

/** They are not shown again, neither here nor in another tab. */
export function forgetHints() {
  if (!browser.get(HINTED)) browser.set(HINTED, true);
}

function hints() {
  if (browser.get(HINTED)) return [];
  const models = facts.start.choices[facts.lists.setting_sd_model_checkpoint];
  const element = h("div.first-hints", {},
    h("ul", {}, [ofModels(models.length), ...HINTS.map((hint) => t(hint))].map((hint) => h("li", {}, hint))),
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
