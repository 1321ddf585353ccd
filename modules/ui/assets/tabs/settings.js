// The Settings tab: find a setting by typing, or go to a section; what is changed stays so until it is applied.
import { bringIntoView, byId, facts, h, t, visible } from "../core/dom.js";
import { notice } from "../core/notices.js";
import { server } from "../core/server.js";
import { Form } from "../generation/form.js";
import { startDefaults } from "./defaults.js";

let form = null;

function watchEdits() {
  const names = Object.keys(facts.labels), { settings } = facts.start;
  const ids = Object.fromEntries(names.map((name) => [name, `setting_${name}`]));
  form = new Form("settings", { ids, base: { ...settings }, values: { ...settings } });
  form.onChange(() => tell(unapplied()));
  byId("settings_submit").addEventListener("click", apply);
  byId("tab_settings").addEventListener("click", ({ target }) => {
    const name = target.closest("button[id^=reset_]")?.id.slice("reset_".length);
    if (name) form.fill({ [name]: facts.settings[name] });
  });
  window.onUiTabChange(moved);
  window.addEventListener("beforeunload", (event) => { if (count()) event.preventDefault(); });
  moved();
}

const count = () => Object.keys(form.edited()).length;
const unapplied = () => (count() ? t("{n} changed, not applied yet", { n: count() }) : "");

function tell(text, wrong = false) {
  byId("settings_result").replaceChildren(h(wrong ? "p.refused" : "p", { role: wrong ? "alert" : "status" }, text));
}

/** Whoever comes sees the settings as they are now, over them their own changes; whoever goes is reminded of those. */
async function moved() {
  if (!visible("tab_settings")) {
    if (count()) notice("settings", t("Settings: {changes}", { changes: unapplied() }));
    return;
  }
  try {
    const now = await server.settings();
    await form.followDefaults(Object.fromEntries(Object.keys(facts.labels).map((name) => [name, now[name]])));
  } catch { /* the connection: the state's watcher says so */ }
}

async function apply() {
  await form.now();
  const values = form.edited();
  if (!Object.keys(values).length) return tell(t("Nothing was changed."));
  try {
    await server.changeSettings(values, byId("settings_whose")?.value === "mine");
    await form.followDefaults(values);
    Object.assign(window.opts, values);
    window.easel.tell("options");
    tell(`${t("Changed:")} ${Object.keys(values).map((name) => facts.labels[name]).join(", ")}`);
  } catch ({ reply }) {
    tell(
      reply ? [reply.message, reply.hint].filter(Boolean).join(" ") : t("The server did not answer. Please try again."),
      true,
    );
  }
}

/** Called again and again: gradio draws the tab once it is opened, and its controls one after another. */
export function startSettings() {
  addWaysBack();
  startDefaults();
  const place = byId("settings_search");
  if (!place || place.querySelector("input")) return;
  const box = h("input", {
    type: "search",
    placeholder: t("Find a setting"),
    "aria-label": t("Find a setting"),
    oninput: () => filter(box.value),
  });
  place.replaceChildren(box, ...(facts.start.sets_for_all ? [whose()] : []));
  if (!form) watchEdits();
  withhold(facts.start.server_settings);
  const sections = [...document.querySelectorAll(".settings-section")]
    .filter(({ id }) => !facts.start.server_settings.includes(id));
  byId("settings_sections").style.setProperty("--sections", sections.length);
  byId("settings_sections").replaceChildren(
    h(
      "nav",
      { "aria-label": t("Sections") },
      sections.map((section) => link(section, box)),
    ),
  );
}

/**
 * Every control's button that puts its default back, to be applied like any change; without text, which the search
 * would find.
 */
function addWaysBack() {
  const back = t("Back to the default");
  for (const control of document.querySelectorAll(".settings-section .setting:not(:has(> .undo))")) {
    const id = control.id.replace("setting_", "reset_");
    control.append(h("button.tool.undo", { type: "button", id, title: back, "aria-label": back }));
  }
}

/** Where there are accounts an administrator says for whom: those who have changed nothing, or the administrator. */
const whose = () =>
  h(
    "select",
    { id: "settings_whose", "aria-label": t("For whom") },
    h("option", { value: "all" }, t("For everybody")),
    h("option", { value: "mine" }, t("For me alone")),
  );

/** What is the server's, and not this person's to set, is not shown, whenever gradio draws it. */
function withhold(ids) {
  if (!ids.length) return;
  const sheet = new CSSStyleSheet();
  sheet.replaceSync(`${ids.map((id) => `#${id}`).join(", ")} { display: none !important; }`);
  document.adoptedStyleSheets = [...document.adoptedStyleSheets, sheet];
}

/** Goes to a section; what was searched for no longer hides it. */
function link(section, box) {
  const go = () => {
    box.value = "";
    filter("");
    bringIntoView(section, { block: "start" });
  };
  return h("button.link", { type: "button", onclick: go }, section.querySelector("h2").textContent);
}

function filter(wanted) {
  let found = false;
  const words = wanted.toLowerCase().split(/\s+/).filter(Boolean);
  for (const section of document.querySelectorAll(".settings-section")) {
    let any = false;
    for (const row of section.querySelectorAll(".setting")) {
      const fits = words.every((word) => row.textContent.toLowerCase().includes(word));
      row.classList.toggle("unfit", !fits);
      any ||= fits;
    }
    section.classList.toggle("unfit", !any);
    found ||= any;
  }
  byId("settings_none")?.remove();
  if (!found) byId("settings_bar").after(nothingFits(wanted));
}

const nothingFits = (wanted) => h("p", { id: "settings_none", role: "status" },
  t("No setting has “{words}” in its name or help.", { words: wanted.trim() }), " ",
  h("button.link", { type: "button", onclick: () => {
    byId("settings_search").querySelector("input").value = "";
    filter("");
  } }, t("Show all")));
