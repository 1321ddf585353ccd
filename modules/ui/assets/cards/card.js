// One card: a picture, a name, the family it was made for. A click uses it; the pencil edits it.
import { h, iconButton, t } from "../core/dom.js";
import { server } from "../core/server.js";
import { spoken } from "./family.js";

/** card: null while it is on its way */
export function cardElement(card, { onUse, onEdit }) {
  if (!card) return h("div.network.network-waiting", { "aria-hidden": "true" }, h("span.network-picture"));
  const use = h(
    "button.network-use",
    { type: "button", title: described(card), tabIndex: -1, onclick: () => onUse(card) },
    picture(card),
    h("span.network-name", {}, breakable(card.name)),
  );
  const edit = iconButton("pencil", t("Edit {name}", { name: card.name }), () => onEdit(card));
  edit.tabIndex = -1;
  const badge = card.problem ? "⚠" : spoken(card.family);
  const element = h(`div.network${card.fits === false || card.problem ? ".network-unfit" : ""}`, {}, use,
    badge ? h("span.network-family", { "aria-hidden": "true" }, badge) : null, edit);
  element.dataset.name = card.name;
  return element;
}

export function picture(card) {
  const frame = h("span.network-picture", { "aria-hidden": "true" });
  const blank = h("span.network-blank", {}, [...card.name][0]?.toUpperCase() ?? "");
  if (!card.preview) return frame.append(blank), frame;
  const image = h("img", { src: server.cardPicture(card.preview), alt: "", decoding: "async", draggable: false });
  image.onerror = () => image.replaceWith(blank);
  frame.append(image);
  return frame;
}

/** A name that may be broken after its _ - and . rather than anywhere. */
const breakable = (name) => name.split(/(?<=[_.-])/).flatMap((part, i) => (i ? [h("wbr"), part] : [part]));

function described(card) {
  const family = card.family ? t("Made for {family}", { family: spoken(card.family) }) : null;
  const unfit = card.fits === false ? t("The chosen model is of another family: it may do nothing, or harm.") : null;
  return [card.title || card.name, card.folder, family, unfit, card.problem, card.description]
    .filter(Boolean)
    .join("\n");
}
