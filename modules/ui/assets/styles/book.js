// The server's /easel/v1/styles endpoints; each change answers with all styles.
import { addressOf, ask, dataUrl, query } from "../core/server.js";

export const book = {
  list: () => ask("styles"),
  save: (style) => ask("styles", "POST", style),
  remove: (names) => ask("styles/delete", "POST", { names }),
  order: (names) => ask("styles/order", "POST", { names }),
  add: async (file) => ask("styles/import", "POST", { name: file.name, content: await dataUrl(file) }),
  apply: (prompts, styles) => ask("styles/apply", "POST", { ...prompts, styles }),
  usePicture: (name, { job, index }) => ask("styles/preview", "POST", { name, job, index }),
  picture: ({ name, preview }) => (preview ? addressOf(`styles/preview?${query({ name, v: preview })}`) : ""),
};
