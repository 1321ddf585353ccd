// The settings that somebody wants above the tabs (quicksettings_list): what is changed there holds at once.
import { byId, described, facts, h, t } from "../core/dom.js";
import { notice } from "../core/notices.js";
import { reasonOf, server } from "../core/server.js";

const NAME = "quicksettings_list";
const WAIT = 300;      // ms after the last change of a text or a slider

/** gradio's description of a setting's own control in the Settings tab; undefined for none that may be shown here. */
function shownSetting(name) {
  const control = described(`setting_${name}`);
  return control?.type in MAKERS ? control : undefined;
}

const withheld = (name) => facts.start.server_settings.includes(`setting_${name}`);

const wantedNames = () => {
  const wanted = [window.opts[NAME]].flat().filter((name) => typeof name === "string");
  return [...new Set(wanted)].filter((name) =>
    name !== NAME && !facts.quick.includes(name) && name in facts.settings && !withheld(name));
};

/** A setting's control: an input, how its value is read, and how it is put in. */
const MAKERS = {
  checkbox: () => field(h("input", { type: "checkbox" }), "checked"),
  number: ({ minimum, maximum }) => numeric("number", minimum, maximum, "any"),
  slider: ({ minimum, maximum, step }) => numeric("number", minimum, maximum, step),
  textbox: () => field(h("input", { type: "text" }), "value"),
  dropdown: ({ choices, multiselect }) => (multiselect ? null : field(h("select", {}, choices.map((each) => {
    const [label, value] = [each].flat();
    return h("option", { value: value ?? label }, label);
  })), "value")),
};
MAKERS.radio = MAKERS.dropdown;

const field = (input, key) => ({ input, read: () => input[key], put: (value) => { input[key] = value; } });

function numeric(type, min, max, step) {
  const known = ([, value]) => value !== undefined && value !== null;
  const limits = Object.entries({ min, max, step: step ?? "any" }).filter(known);
  const input = h("input", { type, required: true, ...Object.fromEntries(limits) });
  const read = () => (input.checkValidity() ? Number(input.value) : null);
  return { input, read, put: (value) => { input.value = value; } };
}

async function apply(name, value) {
  try {
    await server.changeSettings({ [name]: value }, facts.start.sets_for_all);
    window.opts[name] = value;
    window.easel.tell("options");
  } catch (error) {
    notice("quick", reasonOf(error));
    draw(true);
  }
}

function labelled(name) {
  const { type, props } = shownSetting(name);
  const made = MAKERS[type](props);
  if (!made) return [];
  const { input, read, put } = made;
  let timer = 0;
  input.name = `quick_${name}`;
  put(window.opts[name]);
  input.addEventListener("change", () => {
    clearTimeout(timer);
    const value = read();
    if (value === null) return put(window.opts[name]);
    timer = setTimeout(() => apply(name, value), type === "checkbox" ? 0 : WAIT);
    return null;
  });
  const label = h("span", {}, t(props.label));
  const inside = type === "checkbox" ? [input, label] : [label, input];
  return h(`label.quick-setting.${type}`, { title: props.info ?? "" }, ...inside);
}

let shown = "";

/** `stale`: a change was refused, and the controls must show again what holds. */
async function draw(stale = false) {
  if (wantedNames().length) await window.easel.whole();      // what describes the settings
  const place = byId("easel_quick_list"), names = wantedNames().filter(shownSetting);
  const key = JSON.stringify(names.map((name) => [name, window.opts[name]]));
  if (!place || (key === shown && !stale)) return;
  shown = key;
  const focused = place.contains(document.activeElement) ? document.activeElement.name : "";
  place.replaceChildren(...names.flatMap(labelled));
  if (focused) place.querySelector(`[name="${focused}"]`)?.focus();
}

export function startQuickList() {
  window.onOptionsChanged(() => draw());
  draw();
}
