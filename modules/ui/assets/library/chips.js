// Tags or albums of pictures: each removable, and a box that adds.
import { h, t } from "../core/dom.js";

/** offers: names that may be meant; deeds: { add(name), remove(name), open(name)? } */
export function chips(title, names, offers, deeds) {
  const id = `library_${title.toLowerCase()}_offers`;
  const box = h("input.library-add", {
    type: "text", placeholder: t("Add…"), "aria-label": t("Add to {what}", { what: t(title) }),
    autocomplete: "off", maxLength: 100,
  });
  box.setAttribute("list", id);
  box.addEventListener("keydown", (event) => {
    event.stopPropagation();
    const name = box.value.trim();
    if (event.key !== "Enter" || !name) return;
    event.preventDefault();
    box.value = "";
    deeds.add(name);
  });
  const known = h("datalist", { id }, offers.filter((name) => !names.includes(name))
    .map((name) => h("option", { value: name })));
  return h("div.library-chips", { role: "group", "aria-label": t(title) }, h("h3", {}, t(title)),
    names.map((name) => chip(name, deeds)), box, known);
}

function chip(name, deeds) {
  const open = h("button", { type: "button", title: t("Show all"), onclick: () => deeds.open?.(name) }, name);
  const remove = h("button", {
    type: "button", title: t("Remove"), "aria-label": t("Remove {name}", { name }), onclick: () => deeds.remove(name),
  }, "×");
  return h("span.library-chip", {}, open, remove);
}
