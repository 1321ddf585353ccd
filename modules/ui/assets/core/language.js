// The choice of the page's language, beside light and dark.
import { byId, facts, h, t } from "./dom.js";
import { notice } from "./notices.js";
import { reasonOf, server } from "./server.js";

const YEAR = 365 * 86400;      // seconds

/** After the button for light and dark. */
export function startLanguages() {
  const chosen = facts.start.settings.localization ?? "None";
  const choices = Object.entries(facts.languages).map(([value, name]) =>
    h("option", { value, selected: value === chosen, lang: value === "None" ? "" : value }, t(name)));
  const list = h("select", { "aria-label": t("Language"), onchange: () => choose(list.value) }, choices);
  byId("easel_theme").after(h("label.tool.language", { id: "easel_language", title: t("Language") }, list));
}

/** It is this account's, and this browser's for the pages before anybody has logged in. The form is kept. */
async function choose(language) {
  const { account } = facts.start;
  const path = new URL("../../../", import.meta.url).pathname;
  const kept = language === "None" ? 0 : YEAR;
  document.cookie = `easel_language=${encodeURIComponent(language)};path=${path};max-age=${kept};samesite=lax`;
  try {
    await server.changeSettings({ localization: language }, Boolean(account));
    location.reload();
  } catch (error) {
    notice("language", reasonOf(error));
  }
}
