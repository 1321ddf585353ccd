// The two prompt boxes: token counters, bracket marks, weights and order by keyboard.
import { byId, debounced, t } from "../core/dom.js";
import { server } from "../core/server.js";
import { mismatches, moveElement, reweigh } from "./attention.js";

const COUNTERS = { prompt: "token_counter", negative_prompt: "negative_token_counter" };

export function startPrompts({ tab, form }) {
  for (const name of Object.keys(COUNTERS)) {
    const count = debounced(() => countTokens(tab, form, name), 250);
    let seen = null;
    form.onChange((values) => {
      const now = `${values.steps} ${values[name]}`;
      if (now === seen) return;
      seen = now;
      count();
    });
    count();
  }
}

async function countTokens(tab, form, name) {
  const prompt = form.get(name) ?? "";
  const counter = byId(`${tab}_${COUNTERS[name]}`);
  if (!counter) return;
  const wrong = mismatches(prompt);
  let tokens = 0, limit = 75, problem = wrong.map(spelled).join("\n");
  try {
    if (prompt) ({ tokens, limit } = await server.tokens(prompt, Number(form.get("steps")) || 20));
  } catch (error) {
    if (!error.reply) return;      // the connection: the state's watcher says so
    problem = error.reply.message;
  }
  if (prompt !== (form.get(name) ?? "")) return;      // typed on meanwhile
  counter.replaceChildren(Object.assign(document.createElement("span"), {
    className: problem ? "counter wrong" : "counter",
    textContent: problem && wrong.length ? `${wrong[0][0]} ${tokens}/${limit}` : `${tokens}/${limit}`,
    title: problem || t("Tokens used, of those that fit before another part is begun"),
  }));
}

function spelled([pair, surplus]) {
  return surplus > 0 ? t("{n} × {bracket} is never closed", { n: surplus, bracket: pair[0] })
    : t("{n} × {bracket} closes nothing", { n: -surplus, bracket: pair[1] });
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
