// Makes the first account, and goes on to the page.
import { BASE, Refused, ask, attempt, byId } from "./common.js";

byId("setup").onsubmit = (event) => {
  event.preventDefault();
  attempt("wrong", async () => {
    if (byId("password").value !== byId("again").value) throw new Refused("The two passwords differ.");
    await ask("setup", "POST", { name: byId("name").value.trim(), password: byId("password").value });
    location.assign(BASE);
  }, event.submitter);
};
byId("name").focus();
