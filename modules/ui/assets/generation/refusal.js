// The card that stands where the picture would be: what went wrong, and what to do.
import { h, t } from "../core/dom.js";

/** A model's misfit tells which tensor, behind a colon. */
function headlined({ error, message }) {
  const [headline, ...raw] = error === "model_mismatch" ? message.split(": ") : [message];
  return raw.length
    ? { headline: `${headline}.`, raw: raw.join(": ") }
    : { headline: headline || t("Something went wrong."), raw: "" };
}

/** What happened and what to do, in words; names that only a programmer knows are among the details. */
export function refusalCard(error, job) {
  const { headline, raw } = headlined(error);
  return h(
    "div.card",
    { role: "alert" },
    h("h3", { "aria-level": 2 }, headline),
    error.hint ? h("p", {}, error.hint) : null,
    h(
      "details",
      {},
      h("summary", {}, t("Details")),
      raw ? h("p", {}, raw) : null,
      h("code", {}, [error.error, job].filter(Boolean).join(" · ")),
    ),
  );
}
