// The Settings tab: find a setting by typing, or go to a section.
import { byId, h, t } from "./dom.js";

const STILL = matchMedia("(prefers-reduced-motion: reduce)");

export function startSettings() {
  const place = byId("settings_search");
  if (!place || place.querySelector("input")) return;
  const box = h("input", { type: "search", placeholder: t("Find a setting"), "aria-label": t("Find a setting"), oninput: () => filter(box.value) });
  place.replaceChildren(box);
  const sections = [...document.querySelectorAll(".settings-section")];
  byId("settings_sections").style.setProperty("--sections", sections.length);
  byId("settings_sections").replaceChildren(h("nav", { "aria-label": t("Sections") }, sections.map((section) => link(section, box))));
}

/** Goes to a section; what was searched for no longer hides it. */
function link(section, box) {
  const go = () => {
    box.value = "";
    filter("");
    section.scrollIntoView({ behavior: STILL.matches ? "auto" : "smooth", block: "start" });
  };
  return h("button.link", { type: "button", onclick: go }, section.querySelector("h2").textContent);
}

function filter(wanted) {
  const words = wanted.toLowerCase().split(/\s+/).filter(Boolean);
  for (const section of document.querySelectorAll(".settings-section")) {
    let any = false;
    for (const row of section.querySelectorAll(".setting")) {
      const fits = words.every((word) => row.querySelector(".block").textContent.toLowerCase().includes(word));
      row.classList.toggle("unfit", !fits);
      any ||= fits;
    }
    section.classList.toggle("unfit", !any);
  }
}
