// The tabs of cards under the prompts: networks, embeddings and checkpoints, used by a click.
import { Family } from "./family.js";
import { Panel } from "./panel.js";
import { Use } from "./use.js";

/** Fill the card tabs of a tab, each when it is first opened.
 *
 * form: the tab's values, as in generation/form.js; newest(): the picture that is shown, { job, index }, or null.
 */
export function startCards(tab, { form, newest }) {
  const panels = new Map();
  const use = new Use(tab, form);
  const family = new Family(form, () => { for (const panel of panels.values()) panel.list.wish({ model_family: family.current }); });
  form.onChange(() => {
    if (panels.size) family.follow();
    for (const panel of panels.values()) panel.grid.mark();
  });
  window.onUiUpdate(() => {
    for (const place of document.querySelectorAll(`.networks[data-tab="${tab}"]:empty`)) open(place);
  });

  async function open(place) {
    const { kind } = place.dataset;
    const fresh = !panels.has(kind);
    if (fresh) panels.set(kind, new Panel(place.dataset, { use, family: () => family.current, newest }));
    const panel = panels.get(kind);
    place.replaceChildren(panel.element);
    panel.draw();
    if (!fresh) return;
    await family.follow();
    panel.list.wish({ model_family: family.current });
  }
}
