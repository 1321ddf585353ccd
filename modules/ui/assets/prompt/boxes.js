// The two prompt boxes: colours, completion, token counters, bracket marks, weights and order by keyboard.
import { byId, debounced, replaceKeepingFocus, t } from "../core/dom.js";
import { server } from "../core/server.js";
import { moveElement, reweigh } from "./attention.js";
import { Colours } from "./colours.js";
import { Completion } from "./completion.js";
import { syntaxOf } from "./syntax.js";

const COUNTERS = { prompt: "token_counter", negative_prompt: "negative_token_counter" };

const TITLES = {
  prompt: "What the model reads of the prompt", negative_prompt: "What the model reads of the negative prompt",
};

const wanted = (setting) => () => window.opts[setting] !== false;

export function startPrompts({ tab, form }) {
  const choose = (name) => {
    const chosen = form.get("styles") ?? [];
    if (!chosen.includes(name)) form.fill({ styles: [...chosen, name] });
  };
  for (const name of Object.keys(COUNTERS)) {
    const count = debounced(() => countTokens(tab, form, name), 250);
    const box = byId(form.ids[name]).querySelector("textarea");
    const colours = new Colours(box, wanted("prompt_colours"));
    new Completion(box, colours, { isOn: wanted("prompt_completion"), choose });
    let seen = null;
    form.onChange((values) => {
      const now = `${values.steps} ${values[name]}`;
      if (now === seen) return;
      seen = now;
      requestAnimationFrame(() => colours.paint());      // gradio writes what was filled in
      count();
    });
    document.addEventListener("selectionchange", () => colours.mark());
    window.onOptionsChanged(() => colours.paint());
    colours.paint();
    count();
  }
}

async function countTokens(tab, form, name) {
  const prompt = form.get(name) ?? "";
  const counter = byId(`${tab}_${COUNTERS[name]}`);
  if (!counter) return;
  const [wrong] = syntaxOf(prompt).alone;
  let tokens = 0, limit = 75, problem = wrong ? spelled(wrong) : "";
  try {
    if (prompt) ({ tokens, limit } = await server.tokens(prompt, stepsOf(form), name === "prompt"));
  } catch (error) {
    if (!error.reply) return;      // the connection: the state's watcher says so
    problem = error.reply.message;
  }
  if (prompt !== (form.get(name) ?? "")) return;      // typed on meanwhile
  const title = t(TITLES[name]);
  replaceKeepingFocus(counter, [Object.assign(document.createElement("button"), {
    type: "button",
    className: problem ? "counter wrong" : "counter",
    textContent: problem && wrong ? `${problem} · ${tokens}/${limit}` : `${tokens}/${limit}`,
    title: [problem, t("Tokens used, of those that fit before another part is begun. A click shows them.")]
      .filter(Boolean).join("\n"),
    onclick: () => read(title, form, name),
  })]);
}

async function read(title, form, name) {
  const { showReading } = await import("./reading.js");
  showReading(title, form.get(name) ?? "", stepsOf(form));
}

const stepsOf = (form) => Number(form.get("steps")) || 20;

function spelled({ bracket, at }) {
  return "([{".includes(bracket) ? t("{bracket} at character {at} is never closed", { bracket, at: at + 1 })
    : t("{bracket} at character {at} closes nothing", { bracket, at: at + 1 });
}

const ARROWS = {
  ArrowUp: [reweigh, 1],
  ArrowDown: [reweigh, -1],
  ArrowLeft: [moveElement, -1],
  ArrowRight: [moveElement, 1],
};

document.addEventListener("keydown", edit, true);

function edit(event) {
  const box = event.target;
  if (!box.matches?.("[id$=_prompt_row] textarea") || !ARROWS[event.key]) return;
  const [change, sign] = ARROWS[event.key];
  const wanted =
    change === reweigh ? (event.ctrlKey || event.metaKey) && !event.altKey : event.altKey && !event.ctrlKey;
  if (!wanted) return;
  event.preventDefault();
  event.stopPropagation();
  const now = change(box.value, box.selectionStart, box.selectionEnd, sign);
  box.focus();
  box.setSelectionRange(0, box.value.length);
  if (!document.execCommand("insertText", false, now.text)) box.value = now.text;      // this way Ctrl+Z takes it back
  window.updateInput(box);
  box.setSelectionRange(now.start, now.end);
}
