// The PNG Info tab.
import { byId, h, t } from "./dom.js";
import { pasteInfotext } from "./infotext.js";
import { parametersOf } from "./png.js";

let shown = "";

export const pngInfo = { start, show };

function start() {
  const place = byId("pnginfo_image");
  if (!place || place.querySelector(".drop-zone")) return;
  const chooser = h("input", { type: "file", accept: "image/png", onchange: () => chooser.files[0] && read(chooser.files[0]) });
  place.replaceChildren(h("label.drop-zone", {}, h("span", {}, t("Drop a picture here, paste it, or click to choose one")), chooser));
  byId("pnginfo_send_to_txt2img").addEventListener("click", send);
}

const read = async (file) => show(file, await parametersOf(file));

function show(file, infotext) {
  start();
  const zone = byId("pnginfo_image").querySelector(".drop-zone");
  const old = zone.querySelector("img");
  if (old) URL.revokeObjectURL(old.src);
  zone.querySelector("span, img").replaceWith(h("img", { src: URL.createObjectURL(file), alt: file.name }));
  shown = infotext ?? "";
  const words = infotext === null ? t("Only PNG pictures can be read back so far.") : infotext || t("This picture carries no generation data.");
  byId("pnginfo_generation_info").replaceChildren(h(shown ? "p.infotext" : "p.hint", {}, words));
  byId("tab_pnginfo").classList.add("has-picture");
  byId("tab_pnginfo").classList.toggle("has-data", Boolean(shown));
}

async function send() {
  if (shown && await pasteInfotext(shown)) document.querySelector("#tabs button[role=tab]").click();
}
