// A box of several lines grows with its text by the style sheet; this is for browsers that cannot do that yet.
const MOST = 0.6;      // of the window's height

function grow(box) {
  if (!box.matches('textarea[data-testid="textbox"]')) return;
  box.style.height = "auto";
  box.style.height = `${Math.min(box.scrollHeight + 2, innerHeight * MOST)}px`;
}

/** Also with a text that scripts put in, of which no event tells. */
function growWhenFilled() {
  const { prototype } = HTMLTextAreaElement, value = Object.getOwnPropertyDescriptor(prototype, "value");
  Object.defineProperty(prototype, "value", {
    ...value,
    set(text) {
      value.set.call(this, text);
      grow(this);
    },
  });
}

if (!CSS.supports("field-sizing", "content")) {
  document.addEventListener("input", ({ target }) => { if (target.matches) grow(target); });
  growWhenFilled();
}
