// All accounts, and what happened to them.
import { Refused, ask, attempt, byId, forgetSecret, greet, h, onSubmit, reveal, t, time } from "./common.js";

const ROLES = ["guest", "member", "administrator"];
const PART = 100;      // lines of the log at a time
const me = await greet();

onSubmit("add", "wrong", async (form) => {
  const body = { name: byId("name").value.trim(), role: byId("role").value, returning: byId("returning").checked };
  const made = await ask("easel/v1/accounts", "POST", body).catch(askWhether);
  told(made.name, made.password);
  form.reset();
  byId("returning").checked = false;
  byId("returning_part").hidden = true;
  await refresh();
});

/** A name that was somebody's before: is it the same person? */
function askWhether(error) {
  if (error instanceof Refused && error.said.startsWith("There was an account"))
    byId("returning_part").hidden = false;
  throw error;
}

function told(name, password) {
  byId("made_for").textContent = t("The password of {name}, which is not shown again:", { name });
  reveal(password, name);
}

const change = (name, body) => ask(`easel/v1/accounts/${encodeURIComponent(name)}`, "PATCH", body);

function row(each) {
  const used = each.used ? t(", last seen {when}", { when: time(each.used) }) : "";
  const about = each.by_flag ? t("in the server's flags") : `${t("made {when}", { when: time(each.created) })}${used}`;
  const what = h(
    "div",
    {},
    h("strong", {}, each.name),
    each.disabled ? h("em", {}, ` – ${t("disabled")}`) : null,
    each.name === me.name ? h("em", {}, ` – ${t("you")}`) : null,
    h("small", {}, `${about}; ${sessions(each.sessions)}, ${tokens(each.tokens)}`),
  );
  return h("li", {}, what, each.by_flag ? h("span", {}, t(each.role)) : controls(each));
}

const sessions = (n) => (n === 1 ? t("1 session") : t("{n} sessions", { n }));
const tokens = (n) => (n === 1 ? t("1 token") : t("{n} tokens", { n }));

function controls(each) {
  const acting = (action) => (event) =>
    attempt("wrong", async () => {
      await action(event);
      await refresh();
    }).then(refresh);
  const role = h(
    "select",
    { ariaLabel: t("Role of {name}", each) },
    ...ROLES.map((name) => h("option", { value: name, selected: name === each.role }, t(name))),
  );
  role.onchange = acting(() => change(each.name, { role: role.value }));
  const button = (text, action) =>
    h("button", { type: "button", onclick: acting(action), ariaLabel: `${text}: ${each.name}` }, text);
  return h(
    "div",
    { className: "controls" },
    role,
    button(t("New password"), () => newPassword(each.name)),
    button(each.disabled ? t("Enable") : t("Disable"), () => change(each.name, { disabled: !each.disabled })),
    button(t("Delete"), () => remove(each)),
  );
}

async function remove(each) {
  const sure = t("Delete the account {name}? Nobody can log in to it any more; its pictures stay on the server.", each);
  if (!confirm(sure)) return;
  await ask(`easel/v1/accounts/${encodeURIComponent(each.name)}`, "DELETE");
  forgetSecret(each.name);
}

async function newPassword(name) {
  if (!confirm(t("Give {name} a new password? Their sessions and tokens end.", { name }))) return;
  const password = madeUp();
  await change(name, { password });
  told(name, password);
}

/** 16 letters and digits that are not mistaken for each other. */
function madeUp() {
  const letters = "abcdefghijkmnpqrstuvwxyz23456789";
  return Array.from(crypto.getRandomValues(new Uint8Array(16)), (byte) => letters[byte % 32]).join("");
}

let oldest = null;

async function log(before) {
  const lines = await ask(`easel/v1/audit?limit=${PART}${before ? `&before=${before}` : ""}`);
  const rows = lines.map((line) =>
    h(
      "tr",
      {},
      h("td", {}, time(line.at)),
      h("td", {}, line.account || t("somebody")),
      h("td", {}, [t(line.action), line.subject === line.account ? "" : line.subject].filter(Boolean).join(": ")),
      h("td", {}, line.address),
    ),
  );
  const body = byId("audit").tBodies[0];
  if (before) body.append(...rows);
  else body.replaceChildren(...rows);
  oldest = lines.at(-1)?.at ?? null;
  byId("older").hidden = lines.length < PART;
}

byId("older").onclick = () => attempt("wrong", () => log(oldest), byId("older"));

async function refresh() {
  byId("accounts").replaceChildren(...(await ask("easel/v1/accounts")).map(row));
  await log(null);
}

await refresh();
