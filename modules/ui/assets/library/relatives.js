// What a picture was made from and what was made of it, as a small tree; and pictures that look alike.
import { h, t } from "../core/dom.js";
import { inWords, reasonOf, server } from "../core/server.js";
import { shelf } from "../core/shelf.js";
import { browser } from "../core/storage.js";

const SIMILAR = 12;
const LOOKING = 3000;      // ms between two looks at how far the search for content is
// How a picture was made, in the page's words.
const HOW = {
  txt2img: "txt2img", img2img: "img2img", inpaint: "Inpaint", hires: "hires fix", extras: "Extras", grid: "Grid",
  "face restoration": "face restoration", "colour correction": "colour correction", other: "other picture",
};

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
    return h("div.library-tree", {}, generations(found).map((row) => h("div.library-generation", {},
      row.map((node) => member(node, node.id === picture.id, open)))));
  } catch (error) {
    return h("p.hint", {}, inWords(error).message);
  }
}

function member(node, current, open) {
  const image = node.missing ? h("span.library-missing", {}, "?")
    : h("img", { src: shelf.thumbnail(node), alt: "", loading: "lazy" });
  const button = h("button.library-member", {
    type: "button", disabled: Boolean(node.missing), title: node.missing ? t("Not here any more") : node.name,
    "aria-label": node.name || t("Not here any more"), onclick: () => open(node.id),
  }, image, h("span", {}, t(HOW[node.how || node.kind] ?? node.how)));
  if (current) button.setAttribute("aria-current", "true");
  return button;
}

/** Pictures that look like one, or show the same: a choice that stays. */
export async function lookalikes(picture, open) {
  const body = h("div"), kinds = h("div.library-kinds", { role: "group", "aria-label": t("Similar in") });
  const show = async (by, job = null) => {
    browser.set("library.similar", by);
    for (const each of kinds.children) each.setAttribute("aria-pressed", each.name === by);
    const found = by === "content" ? alikeInContent(picture, open, (begun) => show(by, begun), job)
      : alikeInLooks(picture, open, () => show(by));
    body.replaceChildren(await found);
  };
  kinds.append(...[["looks", t("Looks")], ["content", t("Content")]].map(([name, title]) =>
    h("button.library-kind", { type: "button", name, onclick: () => show(name) }, title)));
  await show(browser.get("library.similar") ?? "looks");
  return h("div", {}, kinds, body);
}

/** The server looks at the others in the background: as long as somebody waits here, it is asked anew. */
async function alikeInLooks(picture, open, again) {
  try {
    const { pictures, waiting } = await shelf.similar(picture.id, SIMILAR, "looks");
    const found = strip(pictures, waiting, t("Nothing looks like it."), open);
    if (waiting) setTimeout(() => { if (found.isConnected) again(); }, LOOKING);
    return found;
  } catch (error) {
    return h("p.hint", {}, inWords(error).message);
  }
}

/**
 * What has not been looked at is, in the background, as long as somebody waits for it here. job: the last one that was
 * begun for that; once it has failed or was cancelled no other is.
 */
async function alikeInContent(picture, open, again, job) {
  try {
    const { state, error } = job ? await server.job(job) : {};
    if (state === "failed") return h("p.hint", {}, [error.message, error.hint].filter(Boolean).join(" "));
    const { pictures, waiting } = await shelf.similar(picture.id, SIMILAR, "content");
    const found = strip(pictures, waiting, t("Nothing shows the same."), open);
    if (waiting && state !== "interrupted") {
      const begun = await shelf.embed(picture.id);
      setTimeout(() => { if (found.isConnected) again(begun.job); }, LOOKING);
    }
    return found;
  } catch (error) {
    return h("p.hint", {}, reasonOf(error));
  }
}

function strip(pictures, waiting, none, open) {
  const buttons = pictures.map((each) => h("button", {
    type: "button", title: each.name, "aria-label": each.name, onclick: () => open(each.id),
  }, h("img", { src: shelf.thumbnail(each), alt: "", loading: "lazy" })));
  const said = waiting ? t("Pictures that have not been looked at yet: {n}", { n: waiting }) : none;
  return h("div", {}, h("div.library-strip", {}, buttons),
    waiting || !pictures.length ? h("p.hint", {}, said) : null);
}
