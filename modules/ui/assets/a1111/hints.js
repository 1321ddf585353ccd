// Tooltips: `titles` is a table of texts of the page, to which scripts add theirs.

const CARRIERS = "span, button, select, p";

export function startHints() {
  window.titles ??= {};
  window.onUiUpdate(showHints);
}

function showHints() {
  if (!Object.keys(window.titles).length) return;
  for (const element of window.gradioApp().querySelectorAll(CARRIERS)) {
    const text = element.textContent.trim();
    if (!element.title && Object.hasOwn(window.titles, text)) element.title = window.titles[text];
  }
}
