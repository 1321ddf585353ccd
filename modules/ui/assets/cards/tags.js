// The captions that a network was trained on, the most frequent first. A click puts one into a text, or takes it out.
import { h, t } from "../core/dom.js";

const FIRST = 40;      // shown at once

/** tags: [[tag, how many pictures], …]; null if there are none */
export function tagCloud(tags, input) {
  if (!tags.length) return null;
  const chips = tags.map(([tag, count]) => chip(String(tag), count, input));
  const mark = () => { for (const { show } of chips) show(); };
  input.addEventListener("input", mark);
  mark();
  const name = t("Tags of its training pictures");
  const shelf = h(
    "div.card-tags",
    { role: "group", "aria-label": name },
    chips.slice(0, FIRST).map(({ button }) => button),
  );
  if (chips.length > FIRST) shelf.append(more(chips.slice(FIRST)));
  return h("div.card-field", {}, h("span", {}, name), shelf);
}

function chip(tag, count, input) {
  const button = h(
    "button.card-tag",
    { type: "button", onclick: () => toggle(input, tag) },
    `${tag} `,
    h("span", {}, String(count)),
  );
  return { button, show: () => button.setAttribute("aria-pressed", elements(input.value).includes(tag)) };
}

function more(chips) {
  const show = () => button.replaceWith(...chips.map((each) => each.button));
  const button = h("button.card-tag", { type: "button", onclick: show }, t("{n} more", { n: chips.length }));
  return button;
}

function toggle(input, tag) {
  const parts = elements(input.value);
  input.value = (parts.includes(tag) ? parts.filter((part) => part !== tag) : [...parts, tag]).join(", ");
  input.dispatchEvent(new Event("input"));
}

const elements = (text) => text.split(",").map((part) => part.trim()).filter(Boolean);
