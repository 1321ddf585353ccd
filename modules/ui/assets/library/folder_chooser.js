// A folder of the server, chosen by clicking through the folders, or by its path.
import { h, t } from "../core/dom.js";
import { inWords } from "../core/server.js";
import { shelf } from "../core/shelf.js";
import { asked } from "./dialogs.js";

/** Resolves with { path, readOnly }, or null. */
export const chosenFolder = () => asked(t("Add a folder"), (close) => {
  const chooser = new FolderChooser();
  const readOnly = h("input", { type: "checkbox", checked: true });
  const button = (name, kind, attributes) => h(`button.card-button${kind}`, attributes, name);
  return [h("form", {
    onsubmit: (event) => {
      event.preventDefault();
      if (chooser.path) close({ path: chooser.path, readOnly: readOnly.checked });
    },
  }, h("div.library-question", {}, chooser.elements,
    h("label.library-check", {}, readOnly, h("span", {}, t("Read only: change nothing in it")))),
  h("footer.card-foot", {}, button(t("Cancel"), "", { type: "button", onclick: () => close(null) }),
    button(t("Add"), ".card-primary", { type: "submit" })))];
});

class FolderChooser {
  constructor() {
    this.input = h("input.library-text", {
      type: "text", maxLength: 1000, autofocus: true, spellcheck: false, onchange: () => this.look(this.path),
      onkeydown: (event) => this.key(event),
    });
    this.list = h("div.folder-list", { role: "group", "aria-label": t("Folders") });
    this.said = h("p.hint", { role: "status" });
    const label = h("label", {}, h("span", {}, t("Path of the folder on this computer")), this.input);
    this.elements = [label, this.list, this.said];
    this.look("");
  }

  get path() { return this.input.value.trim(); }

  /** Enter in a path that was typed looks there first; once it is shown, it adds it. */
  key(event) {
    if (event.key !== "Enter" || this.path === this.shown) return;
    event.preventDefault();
    this.look(this.path);
  }

  async look(path) {
    const turn = this.turn = (this.turn ?? 0) + 1;
    try {
      const found = await shelf.chooseFolder(path);
      if (turn === this.turn) this.show(found);
    } catch (error) {
      if (turn === this.turn) this.said.textContent = inWords(error).message;
    }
  }

  show({ path, above, folders, pictures }) {
    this.input.value = this.shown = path;
    const rows = folders.map((name) => this.row(name, path ? joined(path, name) : name));
    if (above !== null) rows.unshift(this.row("..", above, t("Up")));
    this.list.replaceChildren(...rows);
    this.list.scrollTop = 0;
    this.said.textContent = path ? t("{n} pictures in this folder itself", { n: pictures }) : t("Open to this server");
  }

  row(name, path, title = path) {
    return h("button.folder-row", { type: "button", title, onclick: () => this.look(path) }, name);
  }
}

/** A path one folder deeper, in the server's way of writing it. */
export const joined = (path, name) => {
  const mark = path.includes("\\") && !path.includes("/") ? "\\" : "/";
  return path.endsWith(mark) ? path + name : path + mark + name;
};
