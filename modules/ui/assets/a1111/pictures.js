// The pictures of img2img under A1111's ids: each editor has a twin, unseen, which scripts read and put files into.
import { h } from "../core/dom.js";

/** The kind of an editor → the ids of its pictures. */
const IDS = {
  image: ["img2img_image"],
  sketch: ["img2img_sketch"],
  mask: ["img2maskimg"],
  "mask-sketch": ["inpaint_sketch"],
  upload: ["img_inpaint_base", "img_inpaint_mask"],
};

/** Give each editor that stands in the page its twin. */
export function twinPictures() {
  for (const place of document.querySelectorAll("#mode_img2img .editor-place")) {
    const hosts = [...place.children].filter(({ editor }) => editor);
    hosts.forEach((host, i) => new Twin(host, IDS[place.dataset.kind][i]));
  }
}

/** What gradio 3 draws of a picture: a file input; with one also the picture, and a button that takes it away. */
class Twin {
  constructor(host, id) {
    if (host.querySelector(".picture-twin")) return;
    this.editor = host.editor;
    this.input = h("input", { type: "file", accept: "image/*", onchange: () => this.take() });
    const unseen = { "aria-hidden": "true", inert: true };
    this.element = h("div.picture-twin.gradio-image", { id, "data-testid": "image", ...unseen }, this.input);
    host.querySelector(".editor-stage").prepend(this.element);
    host.addEventListener("picture", () => this.show());
    this.show();
  }

  take() {
    if (this.input.files[0]) this.editor.load(this.input.files[0]);
    this.input.value = "";
  }

  show() {
    const { file } = this.editor;
    if (file === this.shown) return;
    this.shown = file;
    this.element.querySelectorAll("img, button").forEach((each) => each.remove());
    URL.revokeObjectURL(this.address);
    if (!file) return;
    this.address = URL.createObjectURL(file);
    this.element.append(h("img", { src: this.address, alt: "" }),
      h("button", { type: "button", "aria-label": "Clear", onclick: () => this.editor.clear() }));
  }
}
