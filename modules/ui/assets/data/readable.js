// What else a file says: texts of other programs, EXIF, XMP, IPTC; each folded, readable, and as it stands.
import { copy, h, iconButton, t } from "../core/dom.js";

export const pairsList = (pairs) =>
  h("dl.data-list", {}, pairs.flatMap(([label, value]) => [h("dt", {}, label), h("dd", {}, String(value))]));

const fold = (title, content, mark = "") =>
  h("details.data-fold", {}, h("summary", {}, title, mark ? h("span.data-mark", {}, mark) : null), ...content);

const OWN = ["parameters", "easel"];      // generation data and their manifest
const SIGNED = "The file is signed (C2PA): the signature is void once it is edited.";
const HIDDEN = "hidden in the pixels";

/** Texts beside the generation data. */
export const otherTexts = (texts) => texts.filter(({ keyword }) => !OWN.includes(keyword));

/** deeds: { convert(infotext), change(keyword, text or null) }; without them it is only read */
export function foldsOf(data, deeds = null) {
  const { dialects, texts, exif, xmp, iptc } = data;
  const tables = [["EXIF", exif], ["XMP", xmp], ["IPTC", iptc]].filter(([, pairs]) => pairs.length);
  return [
    ...dialects.filter(({ infotext }) => !infotext || infotext !== data.infotext)
      .map((each) => programFold(each, deeds)),
    ...otherTexts(texts).map((each) => textFold(each, deeds)),
    ...tables.map(([title, pairs]) => fold(title, [pairsList(pairs)])),
    ...(data.signed ? [h("p.data-note", {}, t(SIGNED))] : []),
  ];
}

/** What another program says, in its words, and in Easel's where they mean the same. */
function programFold({ program, infotext, readable, notes }, deeds) {
  const convert = { type: "button", onclick: () => deeds.convert(infotext) };
  const use = deeds && infotext ? h("button.card-button", convert, t("Convert to generation data")) : null;
  return fold(t("From {program}", { program }), [
    pairsList(readable),
    ...notes.map((note) => h("p.data-note", {}, note)),
    ...(infotext ? [h("p.infotext", {}, infotext)] : []),
    use ? h("div.data-more", {}, use) : null,
  ].filter(Boolean));
}

function textFold({ keyword, program, text, readable }, deeds) {
  const content = [...(readable.length && !program ? [pairsList(readable)] : [])];
  const box = h("textarea.data-raw", {
    rows: Math.min(10, 2 + text.length / 90), value: text, readOnly: !deeds || keyword === HIDDEN, spellcheck: false,
    "aria-label": keyword, oninput: () => deeds?.change(keyword, box.value),
  });
  const buttons = [iconButton("copy", t("Copy"), () => copy(box.value))];
  if (deeds && keyword !== HIDDEN) buttons.push(removal(keyword, box, deeds));
  return fold(keyword === HIDDEN ? t(HIDDEN) : keyword, [...content, box, h("div.data-more", {}, buttons)], program);
}

function removal(keyword, box, deeds) {
  const button = h("button.card-button", { type: "button", "aria-pressed": "false", onclick: () => {
    box.disabled = !box.disabled;
    button.setAttribute("aria-pressed", box.disabled);
    deeds.change(keyword, box.disabled ? null : box.value);
  } }, t("Remove this text"));
  return button;
}
