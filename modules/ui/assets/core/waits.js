// What somebody asked for by a click or a key, and what takes longer than a moment, is said to be on its way.
import { t } from "./dom.js";
import { isSaying, notice, unnotice } from "./notices.js";

const MOMENT = 300, NAME = "waiting";      // ms
const LARGE = 100_000;                     // bytes of a request that takes its time to be sent
// what is asked for while somebody types, what is asked again and again, and what has words of its own
const BY_ITSELF = new RegExp(
  "^(state\\?|choice$|tokens|completions|prompts/|drafts|sketches|jobs(\\?|/estimate|/[^/]+\\?newest|$)|queue\\?|queue/ev|"
  + "train(/plan|/[^/]+/log|$)|worker(/|$))",
);
let told = 0;      // requests that are waited for in words

/** Resolves or throws as `request` does, which is on its way to `path` with so many bytes. */
export async function waitedFor(request, path, bytes) {
  if (!navigator.userActivation?.isActive || BY_ITSELF.test(path)) return request;
  let saying = false;
  const timer = setTimeout(() => {
    if (!told && isSaying()) return;
    saying = Boolean(++told);
    notice(NAME, bytes > LARGE ? t("Sending…") : t("Waiting for the server…"), 0);
  }, MOMENT);
  try {
    return await request;
  } finally {
    clearTimeout(timer);
    if (saying && !--told) unnotice(NAME);
  }
}
