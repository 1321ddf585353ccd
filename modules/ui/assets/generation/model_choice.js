// The model, VAE and clip skip of this page. Whoever else uses the server has their own.
import { debounced, facts } from "../core/dom.js";
import { server } from "../core/server.js";
import { browser, tab } from "../core/storage.js";

const { account } = facts.start;
const key = `choice.${account}`;
const same = (a, b) => JSON.stringify(a) === JSON.stringify(b);
const tellServer = debounced(
  (values) =>
    server.choose(values).catch(() => {
      /* this page goes on with it all the same */
    }),
  500,
);
let current = window.easel.choice;

export const checkpoint = () => current.sd_model_checkpoint ?? "";

/** Remember what is chosen in a form: for this tab, and for the next page this person opens. `changed` is told. */
export function followChoice(form, changed) {
  form.onChange((values) => {
    const now = Object.fromEntries(facts.quick.map((name) => [name, values[name]]));
    if (same(now, current)) return;
    current = now;
    tab.set(key, now);
    if (!account) browser.set(key, now);
    tellServer(Object.fromEntries(Object.entries(now).filter(([, value]) => value !== null)));
    changed();
  });
}
