// Where people log in: whose page this is, the pages of accounts, and the way out.
import { byId, facts, h, t } from "./dom.js";

const ROOT = new URL("../../../", import.meta.url);      // the page's own address

const link = (path, text) => h("a", { href: new URL(path, ROOT).href }, text);

/** Last in the row of quick settings. */
export function startAccountMenu() {
  const { account, administrator } = facts.start;
  if (!account) return;
  const items = h("nav", { ariaLabel: t("Account") },
    link("account", t("Password and tokens")),
    administrator ? link("accounts", t("All accounts")) : null,
    h("button", { type: "button", onclick: logOut }, t("Log out")));
  const menu = h("details", { id: "easel_account" }, h("summary", { title: account }, h("span", {}, account)), items);
  byId("quicksettings").append(menu);
  document.addEventListener("click", (event) => { if (!menu.contains(event.target)) menu.open = false; });
  menu.addEventListener("keydown", (event) => {
    if (event.key !== "Escape" || !menu.open) return;
    menu.open = false;
    menu.firstElementChild.focus();
  });
}

async function logOut() {
  try {
    await fetch(new URL("logout", ROOT), {
      method: "POST", headers: { "Content-Type": "application/json" }, body: "{}",
    });
  } finally {
    location.assign(new URL("login", ROOT));
  }
}
