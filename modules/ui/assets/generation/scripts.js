// A1111's scripts: only the chosen one's arguments are shown, and a text file may fill the list of prompts.
import { byId, h, t } from "../core/dom.js";
import { notice } from "../core/notices.js";

export function startScripts({ tab, form }) {
  const place = byId(`${tab}_script_container`);
  const chooser = h("input", { type: "file", accept: "text/*", hidden: true, onchange: () => load(chooser.files[0]) });

  function look({ script_name }) {
    for (const hint of place.querySelectorAll("[data-script]")) {
      hint.closest(".script").classList.toggle("chosen", hint.dataset.script === script_name);
    }
  }

  /** A file's lines instead of those that were there. */
  async function load(file) {
    chooser.value = "";
    if (!file) return;
    const box = place.querySelector(".script.chosen textarea");
    const text = await file.text();
    if (text.length > box.maxLength)
      return notice("script", t("{name} is too long for a list of prompts.", { name: file.name }));
    form.fill({ [box.closest(".block").id]: text });
  }

  place.addEventListener("click", (event) => { if (event.target.closest(".load-text")) chooser.click(); });
  place.addEventListener("drop", (event) => {
    const [file] = event.dataTransfer.files;
    if (file?.type.startsWith("text/") && event.target.closest(".script:has(.load-text)")) load(file);
  });
  place.append(chooser);
  form.onChange(look);
  look(form.values);
}
