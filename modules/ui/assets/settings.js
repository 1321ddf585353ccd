// The Settings tab: find a setting by typing.
import { byId, h, t } from "./dom.js";

export function startSettings() {
  const place = byId("settings_search");
  if (!place || place.querySelector("input")) return;
  const box = h("input", { type: "search", placeholder: t("Find a setting"), "aria-label": t("Find a setting"), oninput: () => filter(box.value) });
  place.replaceChildren(box);
}

function filter(wanted) {
  const words = wanted.toLowerCase().split(/\s+/).filter(Boolean);
  for (const section of document.querySelectorAll(".settings-section")) {
    let any = false;
    for (const row of section.querySelectorAll(".setting")) {
      const fits = words.every((word) => row.textContent.toLowerCase().includes(word));
      row.classList.toggle("unfit", !fits);
      any ||= fits;
    }
    section.classList.toggle("unfit", !any);
  }
}
