// Data of several pictures side by side, and what would have to be changed to get one from the other.
import { h, t } from "../core/dom.js";

/** pictures: [{ url, name }]; found: the server's reply; use(preset) */
export function comparison(pictures, { rows, preset }, use) {
  const only = h("input", { type: "checkbox", checked: true, onchange: () => draw() });
  const body = h("tbody"), head = h("tr", {}, h("th"), pictures.map(({ url, name }) =>
    h("th", {}, h("img", { src: url, alt: "" }), name)));
  const draw = () => {
    const shown = rows.filter(({ differs }) => differs || !only.checked);
    const said = (value) => h("td", {}, value === null || value === "" ? "–" : String(value));
    const lines = shown.map(({ label, values, differs }) => h(differs ? "tr.differs" : "tr", {},
      h("th", {}, t(label)), values.map(said)));
    const same = h("tr", {}, h("td", { colSpan: pictures.length + 1 }, t("Their data are the same.")));
    body.replaceChildren(...(lines.length ? lines : [same]));
  };
  draw();
  const send = { type: "button", onclick: () => use(preset) };
  const plot = preset?.script_name
    ? [h("button.card-button", send, t("Send the differences to X/Y/Z plot"))]
    : [];
  return h("section.data-batch", { "aria-label": t("Comparison") },
    h("div.data-more", {}, h("label.data-check", {}, only, t("Only what differs")), ...plot),
    ...(preset?.notes ?? []).map((note) => h("p.data-note", {}, note)),
    h("div.data-wide-table", {}, h("table.data-table", {}, h("thead", {}, head), body)));
}
