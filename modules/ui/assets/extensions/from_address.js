// An extension from the address of its repository.
import { h, t } from "../core/dom.js";
import { asking } from "./asking.js";

export class FromAddress {
  constructor(page) {
    this.page = page;
    this.url = h("input", {
      type: "url", id: "extensions_install_url", placeholder: "https://…",
      maxLength: 4096, spellcheck: false, autocomplete: "off",
    });
    this.button = h("button.card-button.card-primary", { type: "submit" }, t("Install"));
    const submit = (event) => { event.preventDefault(); this.install(); };
    this.element = h("form.extensions-part", { onsubmit: submit },
      h("label.extensions-field", {}, t("URL for extension's git repository"), this.url),
      h("div.extensions-bar", {}, this.button),
    );
  }

  show({ keeping }) { this.button.disabled = this.url.disabled = Boolean(keeping.why_not); }

  async install() {
    const url = this.url.value.trim();
    if (!url) return;
    const done = await this.page.attempt(t("Installing from {url}…", { url }), () => asking.install(url));
    if (!done) return;
    this.url.value = "";
    await this.page.refresh();
    this.page.open("installed");
    this.page.tell(t("Installed {name}; it is used from the next start. Look at its code's facts first.", done));
  }
}
