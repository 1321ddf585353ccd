"""LoRA and its kin: files that change a model's weights, read as values."""
