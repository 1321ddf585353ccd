// What a picture was made from and what was made of it, as a small tree; and pictures that look alike.
import { h, t } from "../core/dom.js";
import { inWords } from "../core/server.js";
import { shelf } from "../core/shelf.js";

const SIMILAR = 12;
const HOW = { hires: "hires fix", extras: "Extras" };      // where the server's name for it is not the page's

/** Nodes by their generation: parents stand above children. A circle is cut. */
export function generations({ nodes, edges }) {
  const level = new Map(nodes.map(({ id }) => [id, 0]));
  for (let pass = 0; pass < nodes.length; pass++) {
    let changed = false;
    for (const [parent, child] of edges) {
      if (!level.has(parent) || !level.has(child) || level.get(child) > level.get(parent)) continue;
      if (level.get(parent) + 1 >= nodes.length) continue;
      level.set(child, level.get(parent) + 1);
      changed = true;
    }
    if (!changed) break;
  }
  const rows = [];
  for (const node of nodes) (rows[level.get(node.id)] ??= []).push(node);
  return rows.filter(Boolean);
}

/** open(id): a picture was clicked */
export async function familyTree(picture, open) {
  try {
    const found = await shelf.family(picture.id);
    if (found.nodes.length < 2) return h("p.hint", {}, t("Made from nothing here, and nothing of it."));
    const how = new Map(found.edges.map(([, child, way]) => [child, way]));
    return h("div.library-tree", {}, generations(found).map((row) => h("div.library-generation", {},
      row.map((node) => member(node, how.get(node.id), node.id === picture.id, open)))));
  } catch (error) {
    return h("p.hint", {}, inWords(error).message);
  }
}

function member(node, way, current, open) {
  const image = node.missing ? h("span.library-missing", {}, "?")
    : h("img", { src: shelf.thumbnail(node), alt: "", loading: "lazy" });
  const button = h("button.library-member", {
    type: "button", disabled: Boolean(node.missing), title: node.missing ? t("Not here any more") : node.name,
    "aria-label": node.name || t("Not here any more"), onclick: () => open(node.id),
  }, image, h("span", {}, t(HOW[way] ?? (way || node.kind || "begun"))));
  if (current) button.setAttribute("aria-current", "true");
  return button;
}

export async function lookalikes(picture, open) {
  try {
    const { pictures, waiting } = await shelf.similar(picture.id, SIMILAR);
    const strip = h("div.library-strip", {}, pictures.map((each) => h("button", {
      type: "button", title: each.name, "aria-label": each.name, onclick: () => open(each.id),
    }, h("img", { src: shelf.thumbnail(each), alt: "", loading: "lazy" }))));
    const said = waiting ? t("{n} pictures have not been looked at yet.", { n: waiting }) : t("Nothing looks like it.");
    return h("div", {}, strip, waiting || !pictures.length ? h("p.hint", {}, said) : null);
  } catch (error) {
    return h("p.hint", {}, inWords(error).message);
  }
}
