// Settings → Defaults, as in A1111: what the forms begin with, taken from what they hold now.
import { byId, facts, h, t } from "../core/dom.js";
import { notice } from "../core/notices.js";
import { reasonOf, server } from "../core/server.js";
import { labelOf } from "../generation/paste_report.js";
import { meetServer } from "../generation/server_status.js";
import { tabs } from "../generation/tabs.js";

const isPlain = (value) => ["string", "number", "boolean"].includes(typeof value);

/** A form's own fields that hold one value each: neither the model nor arguments of scripts and extensions. */
function ownFields({ tab, base }) {
  const arguments_ = [facts.scripts[tab], facts.arguments[tab]].flatMap((each) => Object.values(each ?? {}));
  const named = arguments_.flatMap((each) => Object.values(each));
  const apart = new Set([...facts.quick, "override_settings", "script_name", ...named]);
  return Object.keys(base).filter((name) => !apart.has(name) && isPlain(base[name]));
}

/** What the forms hold now and do not begin with: [{ tab, name, label, then, now }]. */
async function changes() {
  await Promise.all([...tabs.values()].map(({ form }) => form.now()));
  return [...tabs.values()].flatMap(({ tab, form }) => {
    const edited = form.edited();
    return ownFields(form).filter((name) => name in edited && isPlain(edited[name])).map((name) => ({
      tab, name, label: labelOf(form, name), then: form.base[name],
      now: typeof form.base[name] === "number" ? Number(edited[name]) : edited[name],
    }));
  });
}

function table(found) {
  const cells = (kind, each) => h("tr", {}, each.map((cell) => h(kind, {}, String(cell))));
  return h("table.differences", {}, cells("th", [t("Tab"), t("Field"), t("Begins with"), t("Now")]),
    found.map(({ tab, label: name, then, now }) => cells("td", [tab, name, then, now])));
}

/** byTab: tab → field → value; null is Easel's own */
async function save(byTab, said) {
  try {
    for (const [tab, values] of Object.entries(byTab)) await server.saveDefaults(tab, values);
    await meetServer(true);
    notice("defaults", said);
  } catch (error) {
    notice("defaults", reasonOf(error), 8);
  }
}

async function apply(shown) {
  const found = await changes(), byTab = {};
  for (const { tab, name, now } of found) (byTab[tab] ??= {})[name] = now;
  if (!found.length) return notice("defaults", t("The forms hold what they begin with: nothing is changed."));
  await save(byTab, t("{n} values are what the forms begin with from now on.", { n: found.length }));
  return shown.replaceChildren();
}

async function forget(shown) {
  const all = [...tabs.values()].map(({ tab, form }) =>
    [tab, Object.fromEntries(ownFields(form).map((name) => [name, null]))]);
  await save(Object.fromEntries(all), t("The forms begin with Easel's own values again."));
  shown.replaceChildren();
}

async function view(shown) {
  const found = await changes();
  const none = h("p.hint", {}, t("The forms hold what they begin with: nothing is changed."));
  shown.replaceChildren(found.length ? table(found) : none);
}

/** Called again and again: gradio draws the tab once it is opened. */
export function startDefaults() {
  const place = byId("settings_defaults");
  if (!place || place.querySelector(".form-defaults")) return;
  const shown = h("div.defaults-shown", { role: "status" });
  const button = (id, text, act) => h("button.card-button", { type: "button", id, onclick: () => act(shown) }, text);
  place.append(h("div.form-defaults", {},
    h("p.hint", {}, t("What the forms begin with. Set them as you like them, look at the changes, and apply.")),
    h("div.defaults-acts", {}, button("defaults_view", t("View changes"), view),
      button("defaults_apply", t("Apply"), apply), button("defaults_reset", t("Back to Easel's own"), forget)),
    shown));
}
