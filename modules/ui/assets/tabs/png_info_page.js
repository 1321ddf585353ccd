// The PNG Info tab: a picture's data read, sent on, and edited; of several pictures at once.
import { byId, facts, h, openTab, t } from "../core/dom.js";
import { notice } from "../core/notices.js";
import { pictureData } from "../core/picture_data.js";
import { reasonOf, server } from "../core/server.js";
import { browser } from "../core/storage.js";
import { DataBatch, sentPictures } from "../data/batch.js";
import { presetFields } from "../data/edits.js";
import { DataEditor } from "../data/editor.js";
import { foldsOf, otherTexts } from "../data/readable.js";
import { pasteInfotext } from "../generation/paste.js";
import { sendToExtras, sendToImg2img } from "../generation/send_to.js";
import { tabs } from "../generation/tabs.js";

let shown = "";
let address = "";      // of the picture, in this browser or on the server
let turn = 0;
let editor = null;
let batch = null;

/** Pictures that another part of the page names: { pictures, compared: whether side by side }. */
export async function edit({ pictures, compared }) {
  if (!pictures.length) return;
  await open(pictures);
  editor.element.closest("details").open = true;
  if (compared && pictures.length > 1) batch.side();
}

/** Called again and again: gradio draws the tab once it is opened. */
export function start() {
  const place = byId("pnginfo_image");
  if (!place || place.querySelector(".drop-zone")) return;
  const chooser = h("input", {
    type: "file",
    accept: "image/*",
    multiple: true,
    onchange: () => chooser.files.length && take([...chooser.files]),
  });
  place.replaceChildren(h("label.drop-zone", {}, invitation(), chooser));
  place.append(folderButton());
  const sends = byId("pnginfo_sends");
  for (const [name, action] of Object.entries(SENDS))
    sends.querySelector(`#${name}_tab`).addEventListener("click", action);
  editor = new DataEditor({ opened: tell });
  const fold = h("details.data-unfold", { open: Boolean(browser.get("data.edit")) },
    h("summary", {}, t("Edit the data")), editor.element);
  fold.addEventListener("toggle", () => browser.set("data.edit", fold.open));
  byId("pnginfo_editor").replaceChildren(fold);
  batch = new DataBatch({ open: (picture) => open([picture]), use: sendPreset });
  byId("pnginfo_many").replaceChildren(batch.element);
}

/** All pictures of a folder at once. */
function folderButton() {
  const chooser = h("input", { type: "file", webkitdirectory: true, hidden: true, onchange: () => {
    const pictures = [...chooser.files].filter(({ type }) => type.startsWith("image/"));
    if (pictures.length) take(pictures);
  } });
  const button = h("button.link", { type: "button", onclick: () => chooser.click() }, t("or a whole folder"));
  return h("div.data-folder", {}, button, chooser);
}

const invitation = () => h("span", {}, t("Drop pictures here, paste one, or click to choose"));

function manyShown(are) {
  byId("tab_pnginfo").classList.toggle("has-many", are);
  if (are) inZone(invitation());
}

const inZone = (shown) => byId("pnginfo_image").querySelector(".drop-zone :is(span, img)").replaceWith(shown);

async function showMany(gather) {
  const mine = ++turn;
  try {
    const pictures = await gather();
    if (mine !== turn) return;
    manyShown(true);
    batch.show(pictures);
  } catch (error) {
    notice("data", reasonOf(error), 8);
  }
}

/** The comparison's plot, and the data of the picture that it begins with, into the form of txt2img. */
async function sendPreset(preset, [{ picture }]) {
  const controls = facts.scripts.txt2img[preset.script_name], { form } = tabs.get("txt2img");
  if (!controls) return notice("data", t("There is no script called {name} here.", { name: preset.script_name }));
  const { infotext } = await pictureData.read(picture);
  if (infotext) await pasteInfotext(infotext, form);
  await form.ask(presetFields(preset, facts.script_arguments[preset.script_name], controls));
  openTab("txt2img");
}

/** Pictures of this computer: the server keeps them for a while, and reads them. */
export async function take(files) {
  start();
  if (!mayLeave()) return;
  if (files.length > 1) return showMany(() => sentPictures(files));
  const [file] = files;
  manyShown(false);
  const mine = ++turn;
  if (address.startsWith("blob:")) URL.revokeObjectURL(address);
  see(URL.createObjectURL(file), file.name);
  await attempt(mine, async () => pictureData.read(await pictureData.upload(file)), file.name);
}

/** Pictures that the server has: [{ picture, name, url }]. */
async function open(pictures) {
  start();
  if (!mayLeave()) return;
  if (pictures.length > 1) return showMany(() => pictures);
  const [{ picture }] = pictures;
  manyShown(false);
  const mine = ++turn;
  see(pictureData.file(picture), "");
  await attempt(mine, () => pictureData.read(picture));
}

const mayLeave = () => !editor.isChanged || window.confirm(t("Leave the changes that are not saved?"));

function see(url, name) {
  address = url;
  const { classList } = byId("tab_pnginfo"), image = h("img", { src: url, alt: name });
  image.onerror = () => { if (image.isConnected) { inZone(invitation()); classList.add("not-shown"); } };
  classList.remove("not-shown");
  inZone(image);
  classList.add("has-picture");
}

/** Show what is read, or why it cannot be. */
async function attempt(mine, read, name) {
  const { classList } = byId("tab_pnginfo");
  try {
    const data = await read();
    if (mine !== turn) return;
    classList.add("has-editor");
    editor.open(data, name ?? data.name);
  } catch (error) {
    if (mine !== turn) return;
    shown = "";
    classList.remove("has-data", "has-editor");
    byId("pnginfo_generation_info").replaceChildren(h("p.hint", { role: "alert" }, reasonOf(error)));
  }
}

/** What the picture says, in words; a converted text of another program stands for data of its own. */
async function tell(data) {
  const mine = turn, place = byId("pnginfo_generation_info");
  const converted = data.infotext ? null : data.dialects.find(({ infotext }) => infotext);
  shown = data.infotext || converted?.infotext || "";
  byId("tab_pnginfo").classList.toggle("has-data", Boolean(shown));
  const strange = otherTexts(data.texts).length || data.dialects.length;
  const none = strange ? "No generation data that can be sent to a tab." : "This picture carries no generation data.";
  const from = converted ? [h("p.hint", {}, t("Converted from what {program} wrote.", converted))] : [];
  const words = shown ? h("p.infotext", {}, shown) : h("p.hint", {}, t(none));
  place.replaceChildren(words, ...from, ...(data.infotext ? [] : foldsOf(data)));
  const manifest = data.texts.find(({ keyword }) => keyword === "easel")?.text;
  const differences = manifest ? await compared(manifest) : [];
  if (mine === turn) place.append(...differences);
}

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
  img2img: () => sendToImg2img({ url: address, infotext: told() }, "image"),
  inpaint: () => sendToImg2img({ url: address, infotext: told() }, "mask"),
  extras: () => sendToExtras({ url: address, infotext: told() }),
};

/** What is sent: the text as it is being edited, if it is. */
const told = () => (editor.isChanged ? editor.both.infotext : shown);

async function sendData() {
  if (told() && (await pasteInfotext(told(), tabs.get("txt2img").form)))
    document.querySelector("#tabs button[role=tab]").click();
}
