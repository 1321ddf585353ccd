// What is to be trained, as the person has it so far: a data set and fields by sd-scripts' names; it survives a reload.
import { SharedDraft } from "../core/shared_draft.js";

const KEY = "training";

export class Draft {
  listeners = [];

  constructor() {
    this.fields = window.easel.remembered(KEY).value?.fields ?? {};
    this.shared = new SharedDraft(KEY, {
      put: ({ fields }) => { this.fields = fields; this.tell(null); }, now: () => ({ fields: this.fields }),
    });
  }

  get(name) { return this.fields[name]; }

  get folder() { return this.fields.train_data_dir ?? ""; }

  /** Set some fields; an empty value leaves a field to the method. */
  set(patch, from = null) {
    for (const [name, value] of Object.entries(patch)) {
      if (value === undefined || value === null || value === "") delete this.fields[name];
      else this.fields[name] = value;
    }
    this.tell(from);
  }

  /** These fields in place of all but the pictures. */
  replace(fields) {
    const own = this.folder ? { train_data_dir: this.folder } : {};
    this.fields = { ...fields, ...own };
    this.tell(null);
  }

  onChange(listener) { this.listeners.push(listener); }

  tell(from) {
    this.shared.changed();
    for (const listener of this.listeners) listener(from);
  }
}
