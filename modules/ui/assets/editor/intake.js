// Ways in: a click, a drop, a paste.
import { h, t } from "../core/dom.js";
import { icon } from "./icons.js";

export class Intake {
  /** `take(file)` receives what comes; `wants()` says whether a paste on the page is meant for this editor. */
  constructor(root, take, wants) {
    Object.assign(this, { root, take });
    this.chooser = h("input", { type: "file", accept: "image/*", hidden: true });
    this.chooser.addEventListener("change", () => {
      if (this.chooser.files[0]) take(this.chooser.files[0]);
      this.chooser.value = "";
    });
    this.invitation = h("button.editor-empty", { type: "button", onclick: () => this.choose() }, icon("picture"),
      h("span", {}, t("Drop a picture here, paste it, or click to choose")));
    this.watchDrops();
    // before the page's own
    window.addEventListener("paste", (event) => { if (wants()) this.paste(event); }, { capture: true });
  }

  choose() { this.chooser.click(); }

  /** The page reads pictures dropped elsewhere; what happens over the editor is kept from it. */
  watchDrops() {
    let depth = 0;
    const mark = () => this.root.classList.toggle("editor-dropping", depth > 0);
    const on = (name, act) => this.root.addEventListener(name, (event) => {
      if (!event.dataTransfer?.types.includes("Files")) return;
      event.preventDefault();
      event.stopPropagation();
      act(event);
      mark();
    });
    on("dragenter", () => { depth++; });
    on("dragover", () => {});
    on("dragleave", () => { depth = Math.max(0, depth - 1); });
    on("drop", (event) => { depth = 0; if (event.dataTransfer.files[0]) this.take(event.dataTransfer.files[0]); });
  }

  paste(event) {
    const file = [...(event.clipboardData?.files ?? [])].find(({ type }) => type.startsWith("image/"));
    if (!file || event.clipboardData.getData("text/plain")) return;
    event.preventDefault();
    event.stopPropagation();
    this.take(file);
  }
}
