// Short questions in a window of their own; each resolves with the answer, or null if there is none.
import { h, iconButton, t } from "../core/dom.js";

/** ask(close) returns the content; `close(answer)` ends it. */
export function asked(title, ask) {
  return new Promise((resolve) => {
    let answer = null;
    const close = (given) => { answer = given; element.close(); };
    const away = iconButton("close", t("Close (Esc)"), () => close(null));
    const element = h("dialog.card-dialog.library-dialog", { "aria-label": title });
    element.append(h("header.card-head", {}, h("h2", {}, title), away), ...ask(close));
    element.addEventListener("keydown", (event) => event.stopPropagation());
    element.addEventListener("close", () => { element.remove(); resolve(answer); });
    document.body.append(element);
    element.showModal();
  });
}

const button = (name, onclick, kind = "") => h(`button.card-button${kind}`, { type: "button", onclick }, name);

/** Yes or no; resolves as true or null. */
export const confirmed = (title, text, yes) => asked(title, (close) => [
  h("div.library-question", {}, h("p", {}, text)),
  h("footer.card-foot", {}, button(t("Cancel"), () => close(null)), button(yes, () => close(true), ".card-primary")),
]);

/** One of several: [{ name, value }]. */
export const oneOf = (title, choices) => asked(title, (close) => [
  h("div.library-choices", {}, choices.map(({ name, value }) => button(name, () => close(value)))),
]);

/** A line of text. more: another button, { name, value }, for what else may be done; below: an element */
export const textFor = (title, { label, value = "", yes, more = null, below = null, changed = () => {} }) =>
  asked(title, (close) => {
    const input = h("input.library-text", {
      type: "text", value, "aria-label": label, maxLength: 1000, autofocus: true, spellcheck: false,
      oninput: () => changed(input.value),
    });
    const form = h("form", {
      onsubmit: (event) => { event.preventDefault(); if (input.value.trim()) close(input.value.trim()); },
    }, h("div.library-question", {}, h("label", {}, h("span", {}, label), input), below),
    h("footer.card-foot", {}, more ? button(more.name, () => close(more.value)) : null,
      button(t("Cancel"), () => close(null)),
      h("button.card-button.card-primary", { type: "submit" }, yes)));
    return [form];
  });
