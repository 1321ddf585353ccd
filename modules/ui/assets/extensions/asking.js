// What the Extensions tab asks of the server.
import { pause } from "../core/dom.js";
import { ask } from "../core/server.js";

const one = (name, what = "") => `extensions/${encodeURIComponent(name)}${what}`;

export const asking = {
  all: () => ask("extensions"),
  keeping: () => ask("extension-keeping"),
  disableAll: (which) => ask("extension-keeping", "POST", { disable_all: which }),
  switch: (name, enabled) => ask(one(name), "POST", { enabled }),
  update: (name, commit = "") => ask(one(name, "/update"), "POST", { commit }),
  code: (name) => ask(one(name, "/code")),
  newer: (name) => ask(one(name, "/newer"), "POST"),
  index: (source) => ask("extension-index", "POST", { source }),
  installer: (name) => ask(one(name, "/installer")),
  runInstaller: (name) => ask(one(name, "/installer"), "POST"),
  stopInstaller: (name) => ask(one(name, "/installer"), "DELETE"),
  install: (url) => ask("extensions", "POST", { url }),
  states: () => ask("extension-states"),
  save: (name) => ask("extension-states", "POST", { name }),
  restore: (id) => ask(`extension-states/${encodeURIComponent(id)}/restore`, "POST"),
};

const BETWEEN = 500;      // ms between two questions whether the server is there again

/** End the server, and resolve once it has begun anew. */
export async function restarted() {
  const { started: before } = await ask("restart", "POST");
  for (;;) {
    await pause(BETWEEN);
    try {
      if ((await asking.keeping()).started !== before) return;
    } catch { /* it is on its way */ }
  }
}
