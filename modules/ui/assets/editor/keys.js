// The editor's keys. They act while it has the focus, or while the pointer is over it and nobody types elsewhere.
import { commandsFor } from "./commands.js";

export class Keys {
  constructor(editor) {
    this.editor = editor;
    this.held = new Set();      // keys that are down, anywhere on the page
    this.byKey = new Map(commandsFor(editor).flatMap((command) => command.keys.map((key) => [key, command])));
    window.addEventListener("keydown", (event) => this.press(event), { capture: true });      // before the page's own
    window.addEventListener("keyup", (event) => this.held.delete(name(event)), { capture: true });
    window.addEventListener("blur", () => this.held.clear());
  }

  get pans() { return this.held.has("f"); }
  get grabs() { return this.held.has(" "); }
  get ctrl() { return this.held.has("control"); }

  press(event) {
    const key = name(event);
    if (key === "control" || !types(event.target)) this.held.add(key);
    if (!this.acts(event.target)) return;
    // no menu bar, no scrolling
    if (["alt", " "].includes(key) && !event.target.closest("button")) event.preventDefault();
    const command = this.byKey.get(combination(event));
    if (
      !command ||
      (key.startsWith("arrow") && event.target !== this.editor.stage) ||
      !(command.able?.(this.editor) ?? true)
    )
      return;
    event.preventDefault();
    event.stopPropagation();
    (command.byKey ?? command.run)(this.editor);
    this.editor.refresh();
  }

  acts(target) {
    if (!this.editor.hasImage || types(target)) return false;
    return this.editor.root.contains(target) || this.editor.hovered;
  }
}

/** A key's name whatever the keyboard's alphabet: the letter it writes, or else the one Latin keyboards have there. */
function name(event) {
  const key = event.key.toLowerCase();
  return /^[^\x00-\x7f]$/.test(key) && event.code.startsWith("Key") ? event.code[3].toLowerCase() : key;
}

function combination(event) {
  const key = name(event);
  const shift = event.shiftKey && /^[a-z]$/.test(key);
  return [(event.ctrlKey || event.metaKey) && "ctrl+", event.altKey && "alt+", shift && "shift+", key]
    .filter(Boolean)
    .join("");
}

const TYPELESS = "[type=range], [type=color], [type=checkbox], [type=radio], [type=button]";
const types = (element) => element.isContentEditable || element.matches?.(`textarea, select, input:not(${TYPELESS})`);
