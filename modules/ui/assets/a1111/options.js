// Settings and words as A1111's scripts expect them.
import { PAGE } from "./address.js";

/** Fill `opts`; resolves once it is complete, those of extensions included. */
export async function startOptions() {
  const waiting = [];
  let known = false;
  window.onOptionsAvailable = (listener) => { if (known) listener(); else waiting.push(listener); };
  window.localization = window.wording.table;
  window.getTranslation = (text) => (typeof text === "string" ? window.localization[text.trim()] : undefined);
  try {
    Object.assign(window.opts, await (await fetch(new URL("sdapi/v1/options", PAGE))).json());
  } catch (error) {
    console.error("The settings could not be read", error);
  }
  known = true;
  for (const listener of waiting) {
    try { listener(); } catch (error) { console.error("A listener of the options failed", error); }
  }
}
