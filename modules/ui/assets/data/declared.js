// What the page's own forms know of a field: its label, kind, limits and choices.
import { facts } from "../core/dom.js";

/** Fields of a tab's form that generation data hold, by name, in the form's order. */
export function declaredFields(tab) {
  const drawn = new Map(
    (window.easel.page?.components ?? []).map(({ type, props }) => [props.elem_id, { ...props, type }]),
  );
  const known = facts.forms[tab]?.ids ?? {};
  const found = Object.entries(known).map(([name, id]) => [name, drawn.get(id)]);
  return new Map(found.filter(([, props]) => KINDS[props?.type]).map(([name, props]) => [name, described(props)]));
}

const KINDS = {
  slider: "number", number: "number", dropdown: "choice", radio: "choice", checkbox: "check", textbox: "text",
};

function described({ type, label, info, minimum, maximum, step, choices, multiselect, lines }) {
  return {
    kind: multiselect ? "text" : KINDS[type], label: label ?? "", help: info ?? "", minimum, maximum, step,
    lines: lines ?? 1, choices: (choices ?? []).map((each) => (Array.isArray(each) ? each : [each, each])),
  };
}

/** A field that no form has drawn: what its value shows. */
export const undeclared = (name, value) => ({
  kind: typeof value === "number" ? "number" : typeof value === "boolean" ? "check" : "text",
  label: facts.labels[name] ?? name, help: "", lines: 1, choices: [],
});
