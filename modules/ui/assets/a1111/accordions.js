// A1111's accordions with a checkbox: it stands before the title, so that it is seen and reached in a closed one.

export function startAccordions() {
  window.onUiUpdate(showCheckboxes);
  window.inputAccordionChecked = (id, checked) => {
    const box = checkbox(document.getElementById(id));
    if (box && box.checked !== Boolean(checked)) box.click();
  };
}

const checkbox = (accordion) => accordion?.querySelector(`#${CSS.escape(accordion.id)}-checkbox input`);

function showCheckboxes() {
  for (const accordion of document.querySelectorAll(".input-accordion:not(:has(> .input-accordion-checkbox))")) {
    const box = checkbox(accordion);
    if (!box) continue;      // not drawn yet
    accordion.prepend(box.closest(".input-accordion-checkbox"));
    box.addEventListener("change", () => { if (box.checked) openFold(accordion); });
  }
}

function openFold(accordion) {
  accordion.querySelector(":scope > .label-wrap:not(.open)")?.click();
}
