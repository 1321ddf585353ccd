// Wildcards of a tab: what its prompts would become, and the files of wildcards.
import { dialogOf, opened, textButton } from "../core/dialog.js";
import { h, t } from "../core/dom.js";
import { WildcardFilesEditor } from "./editor.js";
import { Samples } from "./samples.js";

export class WildcardsDialog {
  /** form: the tab's */
  constructor(form) {
    this.samples = new Samples(form);
    this.files = new WildcardFilesEditor({ insert: (name) => insert(form, name) });
    this.tabs = [
      this.tab(t("What the prompt becomes"), this.samples.element, () => this.samples.open()),
      this.tab(t("Files"), this.files.element, () => this.files.list()),
    ];
    const body = h("div.wildcard-body", {}, h("div.wildcard-tabs", { role: "tablist" },
      this.tabs.map(({ button }) => button)), this.samples.element, this.files.element);
    this.element = dialogOf({
      title: t("Wildcards"), kind: "styles-dialog", body, holds: () => !this.files.free(),
      foot: [h("span.card-trouble"), textButton(t("Done"), () => this.close(), ".card-primary")],
    });
  }

  tab(name, page, start) {
    const button = h("button", { type: "button", role: "tab", onclick: () => this.choose(page) }, name);
    page.setAttribute("role", "tabpanel");
    return { button, page, start };
  }

  async open() {
    const closed = opened(this.element);
    this.choose(this.samples.element);
    await closed;
  }

  choose(chosen) {
    for (const { button, page, start } of this.tabs) {
      page.hidden = page !== chosen;
      button.setAttribute("aria-selected", String(page === chosen));
      if (page === chosen) start();
    }
  }

  close() {
    if (this.files.free()) this.element.close();
  }
}

async function insert(form, name) {
  const { prompt } = await form.now();
  form.fill({ prompt: prompt.trim() ? `${prompt.trimEnd()} __${name}__` : `__${name}__` });
}
