// Styles without their dialog: what was chosen is written into the prompts.
import { byId, t } from "../core/dom.js";
import { notice } from "../core/notices.js";
import { reasonOf } from "../core/server.js";
import { book } from "./book.js";

/** Writes the chosen styles' texts into the prompts; then none is chosen any more. */
export async function writeStyles(form) {
  const { prompt, negative_prompt, styles } = await form.now();
  if (!styles?.length) return notice("styles", t("Choose styles first."));
  try {
    form.fill({ ...(await book.apply({ prompt, negative_prompt }, styles)), styles: [] });
  } catch (error) {
    notice("styles", reasonOf(error));
  }
}

/** The list of styles has no label where it stands; it says itself what it is. */
export function nameStylesList(tab) {
  const list = byId(`${tab}_styles`)?.querySelector("input");
  if (list) list.placeholder = t("Styles");
}
