// Makes the first account, and goes on to the page.
import { BASE, Refused, ask, byId, onSubmit, t } from "./common.js";

onSubmit("setup", "wrong", async () => {
  if (byId("password").value !== byId("again").value) throw new Refused(t("The two passwords differ."));
  await ask("setup", "POST", { name: byId("name").value.trim(), password: byId("password").value });
  location.assign(BASE);
});
