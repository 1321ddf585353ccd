// Heart and stars of a picture, or of several.
import { h, t } from "../core/dom.js";

/** change(patch) is called with what was chosen; the star that is chosen already takes the rating away. */
export function stars({ favourite, rating }, change) {
  const heart = h("button.library-heart", {
    type: "button", title: t("Favourite (h)"), "aria-label": t("Favourite"), "aria-pressed": String(Boolean(favourite)),
    onclick: () => change({ favourite: !favourite }),
  }, favourite ? "♥" : "♡");
  const each = [1, 2, 3, 4, 5].map((n) => h("button.library-star", {
    type: "button", title: t("{n} of 5 stars", { n }), "aria-label": t("{n} of 5 stars", { n }),
    "aria-pressed": String(rating >= n), onclick: () => change({ rating: rating === n ? 0 : n }),
  }, rating >= n ? "★" : "☆"));
  return h("div.library-stars", { role: "group", "aria-label": t("Rating") }, heart, each);
}
