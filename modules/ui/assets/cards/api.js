// The server's cards: what files there are, and what is known about each.
import { t } from "../core/dom.js";
import { Lost, Refused } from "../core/server.js";

const BASE = new URL("../../v1/", import.meta.url);

async function ask(address, method = "GET", body = undefined) {
  let response, reply;
  try {
    response = await fetch(new URL(address, BASE), {
      method,
      headers: { "Content-Type": "application/json", "X-Requested-With": "easel" },
      body: body && JSON.stringify(body),
      cache: "no-store",
    });
    reply = JSON.parse((await response.text()) || "null");
  } catch (error) {
    throw new Lost(String(error));
  }
  if (!response.ok) throw new Refused(reply ?? {}, response.status);
  return reply;
}

const one = (id) => `cards/${encodeURIComponent(id)}`;

export const api = {
  /** → { total, folders, families, cards }; a wish that is empty is none */
  list: (wishes) => ask(`cards?${new URLSearchParams(Object.entries(wishes).filter(([, value]) => value !== "" && value !== null))}`),
  get: (id) => ask(one(id)),
  change: (id, patch) => ask(one(id), "PATCH", patch),
  usePicture: (id, { job, index }) => ask(`${one(id)}/preview`, "PUT", { job, index }),
  refresh: () => ask("cards/refresh", "POST"),
  /** Where a preview lies: the server names it from its own root, which need not be the site's. */
  picture: (url) => new URL(url.replace(/^\/easel\/v1\//, ""), BASE).href,
};

/** What went wrong, in words: { message, hint }. */
export function inWords(error) {
  if (error instanceof Lost) return { message: t("The server did not answer."), hint: t("Is it still running? Nothing you typed is lost.") };
  return { message: error.reply?.message ?? String(error), hint: error.reply?.hint ?? "" };
}
