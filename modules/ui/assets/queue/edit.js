// A job's request back into the form it came from.
import { t } from "../core/dom.js";
import { notice } from "../core/notices.js";
import { server } from "../core/server.js";
import { fillIn } from "../generation/paste.js";
import { receiveInputs, shown } from "../generation/send_to.js";

const TITLES = { extras: "Extras" };      // of tabs whose title is not the kind's name

export async function editAgain({ id, kind }) {
  const found = await server.queuedRequest(id);
  const tab = await shown(t(TITLES[kind] ?? kind), kind);
  if (found.inputs) await receiveInputs(tab, id, found);
  fillIn(found, tab.form);
  notice("queue", t("The form is as it was asked for then."), 3);
}
