// What a file tells of itself, as a short list.
import { h, moment, t } from "../core/dom.js";

export function factsOf({ name, folder, size, modified, sha256 }) {
  const known = [
    [t("Name"), name], [t("Folder"), folder], [t("Size"), size ? bytes(size) : ""],
    [t("Changed"), modified ? date(modified) : ""], ["SHA-256", sha256],
  ];
  return h(
    "dl.card-facts",
    {},
    known.filter(([, value]) => value).flatMap(([term, value]) => [h("dt", {}, term), h("dd", {}, String(value))]),
  );
}

/** 151112233 → "151 MB" */
function bytes(size) {
  const step = Math.min(3, Math.floor(Math.log10(Math.max(size, 1)) / 3));
  return `${Number((size / 1000 ** step).toPrecision(3))} ${["B", "kB", "MB", "GB"][step]}`;
}

/** From seconds since 1970 or an ISO date. */
function date(modified) {
  const when = new Date(typeof modified === "number" ? modified * 1000 : modified);
  return Number.isNaN(when.getTime()) ? String(modified) : moment(when, { dateStyle: "medium", timeStyle: "short" });
}
