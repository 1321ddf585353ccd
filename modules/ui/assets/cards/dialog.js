// What is known about one card, and may be changed.
import { h, iconButton, t } from "../core/dom.js";
import { inWords, server } from "../core/server.js";
import { picture } from "./card.js";
import { factsOf } from "./facts.js";
import { fieldsFor } from "./fields.js";
import { tagCloud } from "./tags.js";

const MOST_SHOWN = 200_000;                            // characters of metadata; longer is no reading
const KEYBOARD = matchMedia("(hover: hover)");        // elsewhere a focus would call up the keyboard of the screen

export class Dialog {
  /**
   * newest(): the picture that is shown, { job, index }, or null; changed(): resolves once the list shows what the
   * card is now.
   */
  constructor({ families, newest, changed }) {
    Object.assign(this, { families, newest, changed });
    this.title = h("h2");
    this.body = h("div.card-body");
    this.trouble = h("p.card-trouble", { role: "alert" });
    this.save = h("button.card-button.card-primary", { type: "submit" }, t("Save"));
    const cancel = h("button.card-button", { type: "button", onclick: () => this.element.close() }, t("Cancel"));
    const close = iconButton("close", t("Close (Esc)"), () => this.element.close());
    this.form = h("form", { method: "dialog" }, h("header.card-head", {}, this.title, close), this.body,
      h("footer.card-foot", {}, this.trouble, cancel, this.save));
    this.element = h("dialog.card-dialog", {}, this.form);
    this.element.setAttribute("aria-label", t("Edit"));
    this.form.addEventListener("submit", (event) => { event.preventDefault(); this.send(); });
    this.element.addEventListener("cancel", (event) => this.hold(event));
  }

  /** Resolves when it is closed. */
  async open(card) {
    document.body.append(this.element);
    this.show(card, [h("p.card-waiting", {}, t("Reading the file…"))], []);
    this.element.showModal();
    const closed = new Promise((resolve) => this.element.addEventListener("close", resolve, { once: true }));
    this.load(card);
    await closed;
    this.card = null;
    this.element.remove();
  }

  async load(card) {
    try {
      const found = await server.card(card.id);
      if (this.card === card) this.fill(found);
    } catch (error) {
      if (this.card === card) { this.body.replaceChildren(); this.complain(error); }
    }
  }

  show(card, content, fields) {
    Object.assign(this, { card, fields });
    this.title.textContent = card.title || card.name;
    this.body.replaceChildren(...content);
    this.save.disabled = !fields.length;
    this.complain(null);
  }

  fill(card) {
    const fields = fieldsFor(card, this.families());
    const activation = fields.find(({ name }) => name === "activation");
    const rows = fields.flatMap((field) =>
      field === activation ? [field.row, tagCloud(card.tags ?? [], activation.input)] : [field.row],
    );
    this.show(
      card,
      [h("div.card-aside", {}, this.preview(card), factsOf(card)), h("div.card-fields", {}, rows, metadata(card))],
      fields,
    );
    if (KEYBOARD.matches) fields[0].input.focus();
  }

  preview(card) {
    const ready = this.newest();
    const use = h(
      "button.card-button",
      { type: "button", disabled: !ready, onclick: () => this.usePicture(card) },
      t("Use the shown picture"),
    );
    use.title = ready ? "" : t("Make or choose a picture first.");
    this.frame = picture(card);
    return h("div.card-preview", {}, this.frame, use);
  }

  async usePicture(card) {
    await this.attempt(async () => {
      await server.usePicture(card.id, this.newest());
      const fresh = picture(await server.card(card.id));
      this.frame.replaceWith(fresh);
      this.frame = fresh;
    });
  }

  get patch() {
    return Object.fromEntries(
      this.fields.filter((field) => field.changed()).map((field) => [field.name, field.value()]),
    );
  }

  async send() {
    const { patch } = this;
    const saved = await this.attempt(() => Object.keys(patch).length ? server.changeCard(this.card.id, patch) : null);
    if (saved) this.element.close();
  }

  /** Do it, and say so if it fails; true if it did not. */
  async attempt(deed) {
    const { card } = this;
    this.complain(null);
    this.save.disabled = true;
    try {
      await deed();
      await this.changed();      // closed at once, it would uncover a card that says the former things
      return this.card === card;
    } catch (error) {
      if (this.card === card) this.complain(error);
      return false;
    } finally {
      this.save.disabled = false;
    }
  }

  /** Esc loses nothing that was written. */
  hold(event) {
    if (!this.fields.some((field) => field.changed())) return;
    event.preventDefault();
    this.trouble.textContent = t("There are changes: save them, or press Cancel to drop them.");
  }

  complain(error) {
    const { message, hint } = error ? inWords(error) : {};
    this.trouble.textContent = [message, hint].filter(Boolean).join(" ");
  }
}

/** The file's own metadata, folded; written out when it is looked at. */
function metadata({ metadata: found }) {
  if (!found || !Object.keys(found).length) return null;
  const text = h("pre.card-metadata");
  const fold = h("details", {}, h("summary", {}, t("Metadata of the file")), text);
  fold.addEventListener("toggle", () => { text.textContent ||= JSON.stringify(found, null, 2).slice(0, MOST_SHOWN); });
  return fold;
}
