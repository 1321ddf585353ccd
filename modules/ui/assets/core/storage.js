// What the browser remembers: per tab (survives a reload), and the newest of any tab (where a new tab starts); and its
// own name among a person's devices.
export const { tab, browser, device } = window.easel.kept;
