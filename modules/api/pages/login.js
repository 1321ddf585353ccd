// Logs in, and goes on to where the browser came from.
import { BASE, ask, byId, onSubmit } from "./common.js";

const NEXT = ["docs", "account", "accounts"];      // pages beside the first one

onSubmit("login", "wrong", async () => {
  await ask("login", "POST", { name: byId("name").value.trim(), password: byId("password").value });
  const next = new URLSearchParams(location.search).get("next");
  location.assign(new URL(NEXT.includes(next) ? next : "./", BASE));
});
