// The tabs of cards under the prompts: networks, embeddings and checkpoints, used by a click. Their scripts come once
// one is opened.
import { facts } from "../core/dom.js";
import { Family } from "./family.js";
import { Use } from "./use.js";

/** Fill the card tabs of a tab, each when it is first opened.
 *
 * form: the tab's values, as in generation/form.js; newest(): the picture that is shown, { job, index }, or null.
 */
export async function startCards(tab, { form, newest }) {
  const pages = new Map();
  const use = new Use(tab, form);
  const family = new Family(form, () => {
    for (const page of pages.values()) page.list.wish({ model_family: family.current });
  });
  form.onChange(() => {
    if (pages.size) family.follow();
    for (const page of pages.values()) page.grid.mark();
  });
  window.onUiUpdate(() => {
    for (const place of document.querySelectorAll(`.networks[data-tab="${tab}"]:empty`)) open(place);
  });
  if (facts.extensions) await import("./page.js");      // drawn as soon as its tab is

  async function open(place) {
    const { CardPage } = await import("./page.js");
    if (place.firstElementChild) return;      // asked for again meanwhile
    const { kind } = place.dataset;
    const fresh = !pages.has(kind);
    if (fresh) pages.set(kind, new CardPage(place.dataset, { use, family: () => family.current, newest }));
    const page = pages.get(kind);
    place.replaceChildren(page.element);
    page.draw();
    if (!fresh) return;
    await family.follow();
    page.list.wish({ model_family: family.current });
  }
}
