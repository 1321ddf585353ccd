// Generation data into the form.
import { byId, facts, h, t } from "../core/dom.js";
import { notice } from "../core/notices.js";
import { server } from "../core/server.js";
import { report, shortened, snapshot } from "./paste_report.js";
import { hasPrompt } from "./tabs.js";

/**
 * Fill a form from generation data; true if it was any. source: where they are from, as { picture } by its reference or
 * { manifest } by its text
 */
export async function pasteInfotext(text, form, source = {}) {
  let found;
  try {
    found = await server.readInfotext(text, form.tab, choices(form.values), source);
  } catch (error) {
    notice("paste", error.reply?.message ?? t("The server did not answer. Please try again."));
    return false;
  }
  if (!found.is_data) {
    notice("paste", t("That is not generation data."));
    return false;
  }
  await form.now();
  const before = snapshot(form);
  await fillIn(found, form);
  report(form, found, before, offers(form, found));
  return true;
}

/** A picture's manifest as a source; a text that is none is none. */
export function manifestSource(text) {
  try {
    return { manifest: JSON.parse(text) };
  } catch {
    return {};
  }
}

/** Fields, settings and script into a form, as the server tells them of generation data or of a job. */
export function fillIn(found, form) {
  const { fields, settings, script, extensions = {}, controls = {}, keeps_styles: keeps = false } = found;
  window.easel.store(`${form.tab}_extensions`).fill(controls);
  if (!hasPrompt(form.tab)) return form.fill(fields);      // Extras draws with no model
  const [quick, others] = [true, false].map((is) =>
    Object.entries(settings).filter(([name]) => facts.quick.includes(name) === is),
  );
  const size = "width" in fields ? { resize_by: false } : {};
  return form.ask({
    ...usualQuick(), ...size, ...(keeps ? {} : { styles: [] }), ...scriptFields(script, form.tab),
    ...extensionFields(extensions, form.tab), ...fields,
    override_settings: Object.fromEntries(others), ...Object.fromEntries(quick),
  });
}

/** A script and its arguments, under the names of the form's controls. */
function scriptFields(script, tab) {
  const ids = facts.scripts[tab][script?.name];
  if (!ids) return { script_name: "" };
  return {
    script_name: script.name,
    ...Object.fromEntries(Object.entries(script.arguments).map(([name, value]) => [ids[name], value])),
  };
}

/** The arguments of extensions of Easel's own API, under the names of the form's controls. */
function extensionFields(extensions, tab) {
  const known = Object.entries(extensions).filter(([name]) => facts.arguments[tab][name]);
  return Object.fromEntries(known.flatMap(([name, given]) =>
    Object.entries(given).map(([argument, value]) => [facts.arguments[tab][name][argument], value])));
}

/** What is chosen in a form by name: it stays where the data name what is not here. */
const choices = (values) =>
  Object.fromEntries(Object.entries(values).filter(([, value]) => typeof value === "string" && value.length < 300));

/** Clip skip and VAE that generation data does not name were at their defaults; the checkpoint stays. */
export const usualQuick = () => Object.fromEntries(facts.quick.slice(1).map((name) => [name, facts.settings[name]]));

/**
 * Settings that came with pasted data and hold for this form alone: shown, each removable; and above them what could
 * not be taken.
 */
export function startOverrides({ tab, form }) {
  const notes = h("div.paste-notes"), shelf = h("div.overrides");
  byId(`${tab}_settings`).prepend(notes, shelf);
  form.onChange(({ override_settings, initial_noise_multiplier: noise }) => {
    const chips = Object.entries(override_settings ?? {}).map(([name, value]) =>
      chip(name, value, () => drop(form, name)),
    );
    if (typeof noise === "number")
      chips.push(chip("initial_noise_multiplier", noise, () => form.fill({ initial_noise_multiplier: null })));
    shelf.replaceChildren(...(chips.length ? [h("span", {}, t("From the generation data:")), ...chips] : []));
  });
}

const chip = (name, value, onclick) =>
  h("button.chip", { type: "button", title: t("Remove"), onclick }, `${facts.keys[name] ?? name}: ${value}`);

/** What the person may want too: the model that the data name, the template that a prompt came from. */
function offers(form, { checkpoint, templates = {} }) {
  const model = checkpoint && checkpoint !== form.get("sd_model_checkpoint") ? [use(form, checkpoint)] : [];
  return [...model, ...(Object.keys(templates).length ? [useTemplates(form, templates)] : [])];
}

/** A button that puts the templates of dynamic prompts in the place of what they became. */
const useTemplates = (form, templates) => h("button.use", { type: "button", onclick: ({ currentTarget }) => {
  const off = (form.get("override_settings").dynamic_prompts ?? facts.start.settings.dynamic_prompts) === "Off";
  const on = off ? { override_settings: { ...form.get("override_settings"), dynamic_prompts: "Random" } } : {};
  form.fill({ ...templates, ...on });
  currentTarget.remove();
} }, t("Use the template: {prompt}", { prompt: shortened(Object.values(templates)[0]) }));

/** A button that chooses the model which the data name. */
const use = (form, checkpoint) => h("button.use", { type: "button", onclick: ({ currentTarget }) => {
  form.ask({ sd_model_checkpoint: checkpoint });
  currentTarget.remove();
} }, t("Use {name}", { name: checkpoint }));

function drop(form, name) {
  const { [name]: _gone, ...rest } = form.get("override_settings");
  form.fill({ override_settings: rest });
}
