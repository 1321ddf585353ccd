// Under each editor of img2img: its picture, as it looks now, into another tab's.
import { h, t } from "../core/dom.js";
import { notice } from "../core/notices.js";

/** A1111's tabs in its order: kind of editor, title, A1111's name. */
const PLACES = [
  ["image", "img2img", "img2img"],
  ["sketch", "Sketch", "sketch"],
  ["mask", "Inpaint", "inpaint"],
  ["mask-sketch", "Inpaint sketch", "inpaint_sketch"],
];

/** kind: of the editor whose picture is copied; receive(file, kind) shows it elsewhere. Null where there is nothing to
 * copy to.
 */
export function copyRow(kind, editor, receive) {
  const [, , name] = PLACES.find(([each]) => each === kind) ?? [];
  if (!name) return null;
  const copy = async (to) => {
    try {
      await receive(await editor.image({ asIs: true }), to);
    } catch {
      notice("send", t("The picture could not be sent there."));
    }
  };
  const buttons = PLACES.filter(([each]) => each !== kind).map(([to, title]) =>
    h("button.chip-like", { type: "button", onclick: () => copy(to) }, t(title)));
  return h("div.copy-row", { id: `img2img_copy_to_${name}` }, h("span", {}, t("Copy to")), buttons);
}
