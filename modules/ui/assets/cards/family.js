// The family of the chosen checkpoint ("SD1", "SDXL" …): cards for another one are dimmed.
import { facts } from "../core/dom.js";
import { server } from "../core/server.js";
import { isCheckpoint } from "./use.js";

const AGAIN = 1500;      // ms until the next look, while the server is still reading the folders

/** A family as people call it. */
export const spoken = (family) => facts.families[family] ?? family;

export class Family {
  /** onChange is told when the chosen checkpoint is of another family than the last. */
  constructor(form, onChange) {
    Object.assign(this, { form, onChange, current: "", checkpoint: null });
  }

  /** Look which checkpoint is chosen now. */
  async follow() {
    const checkpoint = this.form.get("sd_model_checkpoint");
    if (checkpoint === this.checkpoint) return;
    this.checkpoint = checkpoint;
    const { found, scanning } = await familyOf(checkpoint);
    if (checkpoint !== this.checkpoint) return;
    if (!found && scanning) setTimeout(() => { this.checkpoint = null; this.follow(); }, AGAIN);
    if (found === this.current) return;
    this.current = found;
    this.onChange();
  }
}

/** found: "" if nobody knows it; scanning: as long as the server is still reading the folders */
async function familyOf(checkpoint) {
  if (!checkpoint) return { found: "" };
  const search = checkpoint.split("/").at(-1).replace(/\.\w+$/, "");
  try {
    const { cards, scanning } = await server.cards({ kind: "checkpoint", search });
    return { found: cards.find((card) => isCheckpoint(card, checkpoint))?.family ?? "", scanning };
  } catch {
    return { found: "" };
  }
}
