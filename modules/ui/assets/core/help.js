// The sentence of help that each control has: screen readers say it with the control, a touch on its name shows it.
const NAMES = ".block:has(.info-text) [data-testid=block-info], .block:has(.info-text) label.checkbox-container";

/** Called again and again: gradio draws a tab once it is opened. */
export function describeControls() {
  for (const told of document.querySelectorAll(".block .info-text:not([id])")) {
    const block = told.closest(".block[id]");
    if (!block) continue;
    told.id = `help-of-${block.id}`;
    for (const control of block.querySelectorAll("input, textarea, [role=listbox]"))
      control.setAttribute("aria-describedby", told.id);
  }
}

/** Fingers cannot rest on a name: a touch shows its help, the next one elsewhere puts it away. */
export function startHelp() {
  document.addEventListener("pointerup", ({ target, pointerType }) => {
    if (pointerType !== "touch") return;
    const named = target.closest?.(NAMES)?.closest(".block");
    for (const block of document.querySelectorAll(".block.told")) if (block !== named) block.classList.remove("told");
    named?.classList.toggle("told");
  });
}
