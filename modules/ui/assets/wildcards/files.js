// The server's endpoints for files of wildcards, and for what prompts become.
import { ask, query } from "../core/server.js";

export const wildcardFiles = {
  list: (search) => ask(`wildcards?${query({ search })}`),
  read: ({ folder, path }) => ask(`wildcards/file?${query({ folder, path })}`),
  write: (file) => ask("wildcards", "POST", file),
  rename: ({ folder, path }, to) => ask("wildcards/rename", "POST", { folder, path, to }),
  remove: ({ folder, path }) => ask("wildcards/delete", "POST", { folder, path }),
  samples: (wishes) => ask("prompts/samples", "POST", wishes),
};
