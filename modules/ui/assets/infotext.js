// Generation data into the form.
import { byId, facts, h, t } from "./dom.js";
import { notice } from "./notices.js";
import { server } from "./server.js";

/** Fill a form from generation data; true if it was any. */
export async function pasteInfotext(text, form) {
  let found;
  try {
    found = await server.readInfotext(text);
  } catch (error) {
    notice("paste", error.reply?.message ?? t("The server did not answer. Please try again."));
    return false;
  }
  const fields = Object.keys(found.fields ?? {}).filter((name) => name !== "prompt" && name !== "negative_prompt");
  if (!fields.length) {
    notice("paste", t("That is not generation data."));
    return false;
  }
  const settings = Object.entries(found.settings ?? {});
  const isQuick = ([name]) => facts.quick.includes(name);
  const quick = Object.fromEntries(settings.filter(isQuick));
  const others = Object.fromEntries(settings.filter((setting) => !isQuick(setting)));
  form.fill({ ...usualQuick(), script_name: "", ...found.fields, override_settings: others, ...quick });
  notice("paste", t("Filled in from the generation data."), 3);
  return true;
}

/** Clip skip and VAE that generation data does not name were at their defaults; the checkpoint stays. */
export const usualQuick = () => Object.fromEntries(facts.quick.slice(1).map((name) => [name, facts.settings[name]]));

/** Settings that came with pasted data and hold for this form alone: shown, each removable. */
export function startOverrides({ tab, form }) {
  const shelf = h("div.overrides");
  byId(`${tab}_settings`).prepend(shelf);
  form.onChange(({ override_settings }) => {
    const chips = Object.entries(override_settings ?? {}).map(([name, value]) =>
      h("button.chip", { type: "button", title: t("Remove"), onclick: () => drop(form, name) }, `${facts.keys[name] ?? name}: ${value}`));
    shelf.replaceChildren(...(chips.length ? [h("span", {}, t("From the generation data:")), ...chips] : []));
  });
}

function drop(form, name) {
  const { [name]: _gone, ...rest } = form.get("override_settings");
  form.fill({ override_settings: rest });
}
