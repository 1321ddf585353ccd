// What the browser remembers: per tab (survives a reload), and the newest of any tab (where a new tab starts).
export const { tab, browser } = window.easel.kept;
