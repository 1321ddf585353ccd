// A box of several lines grows with its text by the style sheet; this is for browsers that cannot do that yet.
const MOST = 0.6;      // of the window's height

function grow({ target }) {
  if (!target.matches?.('textarea[data-testid="textbox"]')) return;
  target.style.height = "auto";
  target.style.height = `${Math.min(target.scrollHeight + 2, innerHeight * MOST)}px`;
}

if (!CSS.supports("field-sizing", "content")) document.addEventListener("input", grow);
