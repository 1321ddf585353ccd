// A dialog with one line.
import { dialogOf, opened, textButton } from "../core/dialog.js";
import { h } from "../core/dom.js";

/** Resolves with what was typed, or null. */
export async function askedText(title, label, button) {
  const input = h("input", { type: "text", autofocus: true, spellcheck: false, maxLength: 1000 });
  let found = null;
  const form = h("form.training-question", {
    onsubmit: (event) => { event.preventDefault(); found = input.value.trim(); element.close(); },
  }, h("label.training-field", {}, h("span.training-label", {}, label), input));
  const element = dialogOf({
    title, kind: "training-dialog", body: form, foot: [textButton(button, () => form.requestSubmit(), ".card-primary")],
  });
  await opened(element);
  return found;
}
