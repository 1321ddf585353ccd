// A prompt as the model reads it: what each step sees, and its tokens in chunks.
import { dialogOf, opened, textButton } from "../core/dialog.js";
import { h, t } from "../core/dom.js";
import { ask, reasonOf } from "../core/server.js";

const CHUNK = 75;

/** Shows it for a prompt and a number of steps. */
export async function showReading(title, prompt, steps) {
  const body = h("div.reading-body", {}, h("p.hint", {}, t("Reading the prompt…")));
  const element = dialogOf({
    title, kind: "styles-dialog", body,
    foot: [h("span.card-trouble"), textButton(t("Done"), () => element.close(), ".card-primary")],
  });
  const closed = opened(element);
  try {
    const { prompts } = await ask("prompts/explain", "POST", { prompt, steps });
    body.replaceChildren(...prompts.map((each, place) => part(each, place, prompts.length, steps)));
  } catch (error) {
    body.replaceChildren(h("p.card-trouble", { role: "alert" }, reasonOf(error)));
  }
  await closed;
}

/** One of the prompts between AND: its texts over time, and the tokens of the chosen one. */
function part({ weight, stages }, place, all, steps) {
  const tokens = h("div.reading-chunks");
  const rows = stages.map((stage) => h("button.reading-stage", {
    type: "button", onclick: () => choose(stage),
  }, h("span.reading-steps", {}, stepsOf(stage)), bar(stage, steps), h("span.reading-text", {}, stage.text.trim()),
  h("small", {}, `${stage.tokens}/${stage.limit}`)));
  const choose = (chosen) => {
    for (const [index, row] of rows.entries()) row.setAttribute("aria-pressed", String(stages[index] === chosen));
    tokens.replaceChildren(...chosen.chunks.map((chunk, index) => chunkOf(chunk, index, chosen.chunks.length)));
  };
  choose(stages[0]);
  return h("section", {},
    all > 1 ? h("h3", {}, t("Prompt {n} of {all}, weight {weight}", { n: place + 1, all, weight })) : null,
    h("h3", {}, t("What each step sees")), h("div.reading-stages", {}, rows),
    h("h3", {}, t("Tokens, in chunks of {n}", { n: CHUNK })), tokens);
}

const stepsOf = ({ first, last }) => (first === last ? t("Step {first}", { first }) :
  t("Steps {first}–{last}", { first, last }));

function bar({ first, last }, steps) {
  const filled = h("span", {});
  filled.style.marginLeft = `${((first - 1) / steps) * 100}%`;
  filled.style.width = `${((last - first + 1) / steps) * 100}%`;
  return h("span.reading-bar", { "aria-hidden": "true" }, filled);
}

function chunkOf(chunk, index, all) {
  const gaps = { n: index + 1, all, used: chunk.length, most: CHUNK };
  const name = t(all > 1 ? "Chunk {n} of {all}: {used} of {most}" : "{used} of {most}", gaps);
  return h("div.reading-chunk", {}, h("small", {}, name), h("p", {}, chunk.map(tokenOf)));
}

function tokenOf([text, id, weight]) {
  const weighs = weight === 1 ? null : t("weight {weight}", { weight: Math.round(weight * 1000) / 1000 });
  const title = [id === null ? t("a vector of the embedding") : t("Token {id}", { id }), weighs].filter(Boolean)
    .join(", ");
  const kind = weight > 1 ? ".more" : weight < 1 ? ".less" : "";
  return h(`span.reading-token${kind}`, { title }, text);
}
