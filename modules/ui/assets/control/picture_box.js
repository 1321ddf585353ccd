// A picture of a unit: chosen, dropped or pasted, sent to the server at once, shown small.
import { h, iconButton, t } from "../core/dom.js";
import { notice } from "../core/notices.js";
import { arrived, reasonOf, server } from "../core/server.js";

export class PictureBox {
  /** changed: called with the picture's name on the server, "" if it was taken away */
  constructor(label, changed) {
    Object.assign(this, { label, changed, name: "", url: "", seen: new Map() });
    this.input = h("input", {
      type: "file", accept: "image/*", "aria-label": label, onchange: () => this.keep(this.input.files[0]),
    });
    this.image = h("img", { alt: label, hidden: true, onerror: () => this.lost() });
    this.text = h("span", {});
    this.remove = iconButton("close", t("Take the picture away"), () => this.clear());
    this.zone = h("label.control-drop", {
      ondragover: (event) => event.preventDefault(),
      ondrop: (event) => this.dropped(event),
      onpaste: (event) => this.keep([...event.clipboardData.files][0]),
    }, this.input, this.image, this.text);
    this.element = h("div.control-picture", {}, this.zone, this.remove);
    this.show();
  }

  dropped(event) {
    event.preventDefault();
    event.stopPropagation();      // the page reads the generation data of what is dropped elsewhere
    this.keep(event.dataTransfer.files[0]);
  }

  /** Send a picture's file to the server, and show it; returns its name there, "" if it was not taken. */
  async keep(file) {
    const name = await this.sent(file);
    if (name) this.put(name);
    return name;
  }

  /** Send a picture's file to the server; returns its name there, "" if it was not taken. */
  async sent(file) {
    this.input.value = "";
    if (!file) return "";
    try {
      const { name } = await server.keep(file);
      this.seen.set(name, file);
      return name;
    } catch (error) {
      notice("control", reasonOf(error));
      return "";
    }
  }

  clear() { this.put(""); }

  put(name) {
    this.take(name);
    this.changed(name);
  }

  /** Show the picture of that name: the file sent from here, else what the server has kept. */
  take(name) {
    if (this.url?.startsWith("blob:")) URL.revokeObjectURL(this.url);
    const file = this.seen.get(name);
    this.name = name;
    this.url = file ? URL.createObjectURL(file) : name && server.input(name);
    this.show();
  }

  /** The picture as a Blob; null if there is none, or it is no longer kept. */
  async content() {
    await arrived();
    if (!this.name) return null;
    if (!this.seen.has(this.name)) {
      const reply = await fetch(server.input(this.name)).catch(() => null);
      if (!reply?.ok) return null;
      this.seen.set(this.name, new File([await reply.blob()], "picture.png", { type: "image/png" }));
    }
    return this.seen.get(this.name);
  }

  /** The server has it no longer: words instead. */
  lost() {
    this.url = "";
    this.show();
  }

  show() {
    this.image.hidden = !this.url;
    if (this.url) this.image.src = this.url;
    this.remove.hidden = !this.name;
    this.text.hidden = Boolean(this.url);
    this.text.textContent = this.name ? t("{label}: no longer here", { label: this.label }) : this.label;
  }
}

/** Boxes for several pictures: as many as there are, and one more. */
export class PictureRow {
  /** changed: called with the pictures' names */
  constructor(label, most, changed) {
    Object.assign(this, { changed, boxes: [] });
    for (let place = 0; place < most; place++) this.boxes.push(new PictureBox(label, () => this.told()));
    this.element = h("div.control-further", {}, this.boxes.map(({ element }) => element));
    this.show();
  }

  told() {
    this.show();
    this.changed(this.boxes.map(({ name }) => name).filter(Boolean));
  }

  take(names) {
    this.boxes.forEach((box, place) => {
      for (const each of this.boxes) for (const [name, file] of each.seen) box.seen.set(name, file);
      if (box.name !== (names[place] ?? "")) box.take(names[place] ?? "");
    });
    this.show();
  }

  show() {
    const free = this.boxes.find(({ name }) => !name);
    for (const box of this.boxes) box.element.hidden = !box.name && box !== free;
  }
}
