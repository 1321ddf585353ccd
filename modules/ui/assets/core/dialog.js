// A dialog of the page: a head with its title, what is in it, and a foot.
import { h, iconButton, t } from "./dom.js";

/** Esc closes it, unless `holds()` says that something would be lost. */
export function dialogOf({ title, kind, body, foot, holds = () => false }) {
  const element = h(`dialog.card-dialog.${kind}`, { "aria-label": title });
  const close = iconButton("close", t("Close (Esc)"), () => element.close());
  element.append(h("header.card-head", {}, h("h2", {}, title), close), body, h("footer.card-foot", {}, foot));
  element.addEventListener("keydown", (event) => event.stopPropagation());
  element.addEventListener("cancel", (event) => { if (holds()) event.preventDefault(); });
  return element;
}

/** Show it; resolves when it is closed. */
export function opened(element) {
  document.body.append(element);
  element.showModal();
  return new Promise((resolve) => element.addEventListener("close", () => { element.remove(); resolve(); },
    { once: true }));
}

export const textButton = (name, onclick, kind = "") =>
  h(`button.card-button${kind}`, { type: "button", onclick }, name);

/** A button that asks once more before it does what cannot be undone. */
export function dangerousButton(name, sure, deed) {
  const button = textButton(name, () => {
    if (button.classList.toggle("sure")) return button.replaceChildren(sure);
    button.replaceChildren(name);
    deed();
  });
  button.addEventListener("blur", () => { button.classList.remove("sure"); button.replaceChildren(name); });
  return button;
}
