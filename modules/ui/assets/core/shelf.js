// The server's /easel/v1/library endpoints. `which` pictures: { pictures: ids }, or { q, in } for all that fit.
import { addressOf, ask, query } from "./server.js";

const one = (id) => `library/pictures/${encodeURIComponent(id)}`;
const album = (id) => `library/albums/${encodeURIComponent(id)}`;

/** A picture as other endpoints name it. */
const refOf = ({ id }) => `library:${id}`;

/** A picture as the editor of its data takes it. */
export const forEditor = (picture) =>
  ({ picture: refOf(picture), name: picture.name, url: shelf.thumbnail(picture) });

export const shelf = {
  list: (wishes) => ask(`library?${query(wishes)}`),            // → { total, revision, pictures, notes }
  sections: (wishes) => ask(`library/sections?${query(wishes)}`),      // → [{ name, count, title }]
  facets: (wishes) => ask(`library/facets?${query(wishes)}`),
  suggest: (q, at) => ask(`library/suggest?${new URLSearchParams({ q, at })}`),
  picture: (id) => ask(one(id)),
  family: (id) => ask(`${one(id)}/family`),
  similar: (id, limit, by) => ask(`${one(id)}/similar?limit=${limit}&by=${by}`),
  embed: (picture) => ask("library/embeddings", "POST", { picture }),
  duplicates: () => ask("library/duplicates"),
  file: ({ id }) => addressOf(`${one(id)}/file`),
  thumbnail: ({ id, version }) => addressOf(`${one(id)}/thumbnail?v=${version}`),
  change: (which, patch) => ask("library/pictures", "PATCH", { ...which, ...patch }),
  albums: () => ask("library/albums"),
  addAlbum: (name) => ask("library/albums", "POST", { name }),
  renameAlbum: (id, name) => ask(album(id), "PATCH", { name }),
  removeAlbum: (id) => ask(album(id), "DELETE"),
  folders: () => ask("library/folders"),
  chooseFolder: (path) => ask(`library/folders/choose?${new URLSearchParams({ path })}`),
  addFolder: (path, readOnly) => ask("library/folders", "POST", { path, read_only: readOnly }),
  removeFolder: (id) => ask(`library/folders/${encodeURIComponent(id)}`, "DELETE"),
  refresh: () => ask("library/refresh", "POST"),
  move: (which, folder) => ask("library/move", "POST", { ...which, folder }),
  rename: (which, pattern, preview) => ask("library/rename", "POST", { ...which, pattern, preview }),
  trash: (which) => ask("library/trash", "POST", which),
  restore: (which) => ask("library/restore", "POST", which),
  emptyTrash: () => ask("library/trash/empty", "POST"),
  again: (id) => ask(`${one(id)}/again`, "POST"),
  compareAgain: (id, job) => ask(`${one(id)}/again/${encodeURIComponent(job)}`),
  zip: addressOf("library/zip"),
  contactSheet: addressOf("library/contact-sheet"),
  events: () => addressOf("library/events"),
};
