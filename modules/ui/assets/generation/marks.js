// Marks on controls: which one was refused, and which took another number than was typed.
import { bringIntoView, byId, t } from "../core/dom.js";
import { notice } from "../core/notices.js";

const WRITTEN = 150;      // ms until gradio has put a number between its ends

/** Mark the control of a refused field, and no other one, and bring it into view; null or undefined is none. */
export function markField(id) {
  for (const control of document.querySelectorAll(".refused-field")) {
    control.classList.remove("refused-field");
    control.querySelector("[aria-invalid]")?.removeAttribute("aria-invalid");
  }
  const control = id && byId(id), input = control?.querySelector("input:not([type=range]), textarea");
  if (!input?.offsetParent) return;
  control.classList.add("refused-field");
  input.setAttribute("aria-invalid", "true");
  bringIntoView(control);
  input.focus({ preventScroll: true });
}

/** A number beyond a slider's ends becomes the nearest one there is: that is said. */
export function startMarks() {
  document.addEventListener("change", ({ target }) => {
    if (!target.matches?.("[data-testid=number-input]")) return;
    const typed = target.value, block = target.closest(".block");
    setTimeout(() => {
      const { value, min, max } = target;
      if (Number(value) === Number(typed) && typed !== "") return;
      const name = block?.querySelector("[data-testid=block-info]")?.textContent.trim() ?? "";
      notice("number", t("{name} goes from {min} to {max}: {value} is used.", { name, min, max, value }));
    }, WRITTEN);
  }, true);
}
