// Generation data as text under a picture; what is very long is folded.
import { h, t } from "../core/dom.js";

const LONG = 1200;      // characters

export function dataText(text) {
  if (text.length <= LONG) return h("p.infotext", {}, text);
  const told = h("p.infotext.folded", {}, text);
  const more = h("button.link", { type: "button", "aria-expanded": false, onclick: () => {
    const folded = told.classList.toggle("folded");
    more.setAttribute("aria-expanded", !folded);
    more.textContent = folded ? t("Show all of it") : t("Show less");
  } }, t("Show all of it"));
  return h("div.long-data", {}, told, more);
}
