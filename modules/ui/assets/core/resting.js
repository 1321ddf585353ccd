// A page at rest costs nothing. gradio's sign of waiting counts the seconds with each frame, and the one of an
// application's start goes on counting once it is gone: sixty frames a second, for ever, and for each tab opened once
// more. Runs before gradio.
"use strict";

{
  const frame = window.requestAnimationFrame.bind(window);
  const COUNTING = /^\(\)=>\{\w+\(\w+,\(performance\.now\(\)-/;
  const isWaiting = () => document.querySelector('[data-testid="status-tracker"]:not(.hide)');

  window.requestAnimationFrame = (step) => (COUNTING.test(step) && !isWaiting() ? 0 : frame(step));
}
