// The pictures of the Extras tab: one or several, chosen, dropped, pasted or sent from another tab.
import { byId, h, iconButton, t, visible } from "../core/dom.js";
import { server } from "../core/server.js";

const BY = 0;      // resize_mode
const FOLDER = "extras_batch_directory_tab";

export function startExtras(panel) {
  const chooser = h("input", { type: "file", accept: "image/*", multiple: true, onchange: () => { panel.take([...chooser.files]); chooser.value = ""; } });
  const zone = h("label.drop-zone", {}, chooser);
  const list = h("div.extras-files");
  const root = h("div.extras-pictures", {}, zone, list);
  let files = [];      // { file, url }

  /** These pictures instead of those that were there. */
  panel.take = (given) => {
    if (!given.length) return;
    if (visible(FOLDER)) byId("extras_single_tab-button").click();
    for (const { url } of files) URL.revokeObjectURL(url);
    files = given.map((file) => ({ file, url: URL.createObjectURL(file) }));
    draw();
  };

  function remove(entry) {
    URL.revokeObjectURL(entry.url);
    files = files.filter((other) => other !== entry);
    draw();
  }

  /** A single picture is shown in the field, several in a row below it. */
  function draw() {
    const [only] = files.length === 1 ? files : [];
    const words = files.length ? t("{n} pictures", { n: files.length }) : t("Drop pictures here, paste one, or click to choose");
    zone.replaceChildren(only ? h("img", { src: only.url, alt: only.file.name, onload: (event) => sized(event.target) }) : h("span", {}, words), chooser);
    list.replaceChildren(...files.map((entry) => h("div.extras-file", {},
      only ? null : h("img", { src: entry.url, alt: entry.file.name }), iconButton("close", t("Remove {name}", { name: entry.file.name }), () => remove(entry)))));
    root.classList.toggle("has-one", Boolean(only));
    if (!only) panel.size = null;
  }

  /** The place of the result takes the picture's proportions. */
  function sized({ naturalWidth, naturalHeight }) {
    panel.size = { width: naturalWidth, height: naturalHeight };
    panel.results.redraw();
  }

  panel.sends = () => (files.length > 1 ? t("Sending the pictures…") : t("Sending the picture…"));

  /** Send the pictures; the form then names them. Throws Refused or Lost. */
  panel.prepare = async () => {
    if (visible(FOLDER)) return panel.form.fill({ images: [], infotexts: [], batch_source: "folder" });
    if (!files.length) throw { reply: { error: "invalid", message: t("There is no picture to enlarge."), hint: t("Drop one into the field first.") } };
    const images = [], infotexts = [];
    for (const { file } of files) {      // one by one: many large files at once would fill the memory
      const { name, infotext } = await server.keep(file);
      images.push(name);
      infotexts.push(infotext);
    }
    return panel.form.fill({ images, infotexts, batch_source: "" });
  };

  /** Only the numbers of the chosen way to say how large. */
  function look({ resize_mode }) {
    byId("extras_settings").classList.toggle("scales-to", Number(resize_mode) !== BY);
  }

  /** Gradio may have drawn the tab anew: what was chosen moves in. */
  function place() {
    const host = byId("extras_image");
    if (host && root.parentElement !== host) host.replaceChildren(root);
  }

  new MutationObserver(place).observe(byId("mode_extras"), { childList: true, subtree: true });
  place();
  panel.form.onChange(look);
  look(panel.form.values);
  draw();
}
