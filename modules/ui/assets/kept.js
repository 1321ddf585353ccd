// What the browser remembers: per tab (survives a reload), and the newest of any tab (where a new tab starts).
function read(storage, name) {
  try { return JSON.parse(storage().getItem(`easel.${name}`)); } catch { return null; }
}

function write(storage, name, value) {
  try {
    if (value === null) storage().removeItem(`easel.${name}`);
    else storage().setItem(`easel.${name}`, JSON.stringify(value));
  } catch { /* full or forbidden: then nothing is remembered */ }
}

export const tab = {
  get: (name) => read(() => sessionStorage, name),
  set: (name, value) => write(() => sessionStorage, name, value),
};
export const browser = {
  get: (name) => read(() => localStorage, name),
  set: (name, value) => write(() => localStorage, name, value),
};
