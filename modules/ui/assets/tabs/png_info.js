// The PNG Info tab.
import { byId, h, t } from "../core/dom.js";
import { told } from "../core/png_metadata.js";
import { server } from "../core/server.js";
import { pasteInfotext } from "../generation/paste.js";
import { sendToExtras, sendToImg2img } from "../generation/send_to.js";
import { tabs } from "../generation/tabs.js";

let shown = "";
let address = "";      // of the picture, in this browser

export const pngInfo = { start, show };

function start() {
  const place = byId("pnginfo_image");
  if (!place || place.querySelector(".drop-zone")) return;
  const chooser = h("input", {
    type: "file",
    accept: "image/*",
    onchange: () => chooser.files[0] && show(chooser.files[0]),
  });
  place.replaceChildren(
    h("label.drop-zone", {}, h("span", {}, t("Drop a picture here, paste it, or click to choose one")), chooser),
  );
  for (const [name, action] of Object.entries(SENDS)) byId(`pnginfo_send_to_${name}`).addEventListener("click", action);
}

async function show(file) {
  start();
  const zone = byId("pnginfo_image").querySelector(".drop-zone");
  if (address) URL.revokeObjectURL(address);
  address = URL.createObjectURL(file);
  zone.querySelector("span, img").replaceWith(h("img", { src: address, alt: file.name }));
  const { infotext, manifest, texts, problem } = await told(file).catch((error) => ({
    infotext: "",
    manifest: "",
    texts: {},
    problem: error.message,
  }));
  shown = infotext;
  const words = problem ?? (infotext || t("This picture carries no generation data."));
  const others = infotext ? [] : listed(texts);
  const differences = manifest ? await compared(manifest) : [];
  byId("pnginfo_generation_info").replaceChildren(
    h(shown ? "p.infotext" : "p.hint", {}, words),
    ...others,
    ...differences,
  );
  byId("tab_pnginfo").classList.add("has-picture");
  byId("tab_pnginfo").classList.toggle("has-data", Boolean(shown));
}

/** What else is written in the picture, by its keys: other programs have words of their own. */
const listed = (texts) => Object.entries(texts).flatMap(([key, text]) => [h("h3", {}, key), h("p.infotext", {}, text)]);

/** What is not here and now as the picture's manifest says it was. */
async function compared(manifest) {
  try {
    const { differences } = await server.compareManifest(JSON.parse(manifest));
    if (!differences.length) return [h("p.hint", {}, t("Everything it was made with is here, and the same."))];
    const rows = differences.map(({ what, then, now }) =>
      h("tr", {}, ...[what, then, now].map((cell) => h("td", {}, String(cell)))),
    );
    const head = h("tr", {}, ...[t("Not the same as then"), t("Then"), t("Now")].map((cell) => h("th", {}, cell)));
    return [h("table.differences", {}, head, ...rows)];
  } catch (error) {
    return [h("p.hint", {}, error.message)];
  }
}

const SENDS = {
  txt2img: sendData,
  img2img: () => sendToImg2img({ url: address, infotext: shown }, "image"),
  inpaint: () => sendToImg2img({ url: address, infotext: shown }, "mask"),
  extras: () => sendToExtras({ url: address, infotext: shown }),
};

async function sendData() {
  if (shown && (await pasteInfotext(shown, tabs.get("txt2img").form)))
    document.querySelector("#tabs button[role=tab]").click();
}
