// The family of the chosen checkpoint ("SD1", "SDXL" …): cards for another one are dimmed.
import { api } from "./api.js";
import { isCheckpoint } from "./use.js";

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
    const found = await familyOf(checkpoint);
    if (checkpoint !== this.checkpoint || found === this.current) return;
    this.current = found;
    this.onChange();
  }
}

/** "" if nobody knows it */
async function familyOf(checkpoint) {
  if (!checkpoint) return "";
  const search = checkpoint.split("/").at(-1).replace(/\.\w+$/, "");
  try {
    const { cards } = await api.list({ kind: "checkpoint", search });
    return cards.find((card) => isCheckpoint(card, checkpoint))?.family ?? "";
  } catch {
    return "";
  }
}
