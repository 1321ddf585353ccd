"""Ranks and rates by block, as sd-scripts numbers its blocks."""

from __future__ import annotations

import pytest

from modules.base.errors import Invalid
from modules.training.lora_blocks import LoraBlocks, block_factors, kohya_block


@pytest.mark.parametrize(("name", "block"), [
    ("lora_unet_down_blocks_0_resnets_0_conv1", 1), ("lora_unet_down_blocks_0_attentions_1_proj_in", 2),
    ("lora_unet_down_blocks_2_downsamplers_0_conv", 9), ("lora_unet_mid_block_attentions_0_proj_in", 12),
    ("lora_unet_up_blocks_0_resnets_0_conv1", 13), ("lora_unet_up_blocks_1_upsamplers_0_conv", 18),
    ("lora_unet_up_blocks_3_attentions_2_proj_out", 24), ("lora_te_text_model_encoder_layers_0_mlp_fc1", -1),
    ("lora_unet_input_blocks_0_0", 1), ("lora_unet_input_blocks_8_1_proj_in", 9), ("lora_unet_middle_block_1_proj_in", 11),
    ("lora_unet_output_blocks_5_1_proj_in", 18),
])
def test_blocks_have_sd_scripts_numbers(name, block):
    assert kohya_block(f"{name}_x") == block


@pytest.mark.parametrize(("text", "factors"), [
    ("", [1, 1, 1]), ("0.5,0", [0.5, 0, 1]), ("1,2,3,4", [1, 2, 3]), ("sine", [0, 0.5**0.5, 1]), ("cosine", [1, 0.5**0.5, 0]),
    ("linear", [0, 0.5, 1]), ("reverse_linear+0.1", [1.1, 0.6, 0.1]), ("zeros+0.2", [0.2, 0.2, 0.2]),
])
def test_factors_are_a_list_filled_with_one_or_a_curve(text, factors):
    assert block_factors(text, 3) == pytest.approx(factors)


def test_a_block_below_the_threshold_is_left_out_and_a_short_list_is_refused():
    blocks = LoraBlocks.read({"down_lr_weight": "0.2,0.05", "block_lr_zero_threshold": "0.1", "block_dims": "2,3"})
    assert blocks.rate("lora_unet_down_blocks_0_resnets_0_conv1") == 0          # of input block 1
    assert blocks.rate("lora_unet_mid_block_resnets_0_conv1") == 1
    assert blocks.size("lora_unet_down_blocks_0_resnets_0_conv1", False, (8, 4.0)) == (3, 3.0)
    with pytest.raises(Invalid, match="block_dims"):
        blocks.size("lora_unet_mid_block_attentions_0_proj_in", False, (8, 4.0))
    with pytest.raises(Invalid, match="no list of factors"):
        block_factors("steep", 3)
