// gradio hears of a click after the listeners of the thumbnail itself, which ask which one is chosen.

/** Mark a thumbnail as chosen before anybody hears of the click, as gradio 3 did. */
export function startGalleries() {
  document.addEventListener("click", ({ target }) => {
    const chosen = target.closest?.(".gradio-gallery .thumbnail-item");
    const all = chosen?.closest(".thumbnails, .grid-container").querySelectorAll(".thumbnail-item") ?? [];
    for (const each of all) each.classList.toggle("selected", each === chosen);
  }, { capture: true });
}
