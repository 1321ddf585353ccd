// One's own account: password, tokens, sessions.
import { ask, attempt, byId, forgetSecret, greet, h, onSubmit, reveal, t, time } from "./common.js";

const account = await greet();
byId("name").value = account.name;
byId("administer").hidden = account.role !== "administrator";
byId("by_flag").hidden = !account.by_flag;
byId("password_part").hidden = byId("tokens_part").hidden = account.by_flag;

onSubmit("change", "wrong", async (form) => {
  byId("changed").hidden = true;
  await ask("easel/v1/account/password", "POST", { current: byId("current").value, password: byId("password").value });
  forgetSecret();      // all tokens have ended
  form.reset();
  byId("name").value = account.name;
  byId("changed").hidden = false;
  await list();
});

onSubmit("make", "token_wrong", async (form) => {
  const made = await ask("easel/v1/account/tokens", "POST", { label: byId("label").value });
  form.reset();
  reveal(made.token, made.label);
  await list();
});

async function list() {
  await Promise.all([show("tokens", t("Revoke"), t("No tokens yet.")), show("sessions", t("End"), t("None."))]);
}

async function show(kind, verb, none) {
  const found = await ask(`easel/v1/account/${kind}`);
  byId(kind).replaceChildren(...found.map((each) => row(kind, each, verb)));
  if (!found.length) byId(kind).append(h("li", { className: "hint" }, none));
}

const about = ({ created, address, used }) => {
  const gaps = { created: time(created), address, used: time(used) };
  return t(address ? "made {created} from {address}, last used {used}" : "made {created}, last used {used}", gaps);
};

function row(kind, each, verb) {
  const what = h(
    "div",
    {},
    h("strong", {}, each.label || t("a browser")),
    each.current ? h("em", {}, ` – ${t("this one")}`) : null,
    h("small", {}, about(each)),
  );
  const end = h("button", { type: "button", ariaLabel: `${verb} ${each.label}` }, verb);
  end.onclick = () => attempt("token_wrong", async () => {
    await ask(`easel/v1/account/credentials/${encodeURIComponent(each.id)}`, "DELETE");
    if (kind === "tokens") forgetSecret(each.label);
    await list();
  }, end);
  return h("li", {}, what, end);
}

await list();
