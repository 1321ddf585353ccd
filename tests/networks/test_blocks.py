"""Block weights mean what users of the block-weight extension mean by them."""

from __future__ import annotations

import pytest

from modules.base.errors import Invalid
from modules.networks.blocks import BLOCK_LAYOUTS, block_of, block_weights

SEVENTEEN = "BASE IN01 IN02 IN04 IN05 IN07 IN08 M00 OUT03 OUT04 OUT05 OUT06 OUT07 OUT08 OUT09 OUT10 OUT11"


def test_block_names_are_those_of_the_ldm_layout(ldm_names):
    """LDM writes the number into the name itself."""
    for theirs, ours in ldm_names.items():
        kind, _, rest = theirs.partition(".")
        number = rest.split(".")[0]
        expected = {"input_blocks": f"IN{number:0>2}", "output_blocks": f"OUT{number:0>2}", "middle_block": "M00"}.get(
            kind, ""
        )
        assert block_of(f"unet.{ours}") == expected


def test_text_encoders_are_the_base():
    assert (
        block_of("text_encoder.encoder.layers.0.mlp.fc1.weight")
        == block_of("text_encoder_2.text_projection.weight")
        == "BASE"
    )


@pytest.mark.parametrize("count", [12, 17, 20, 26])
def test_numbers_go_to_blocks_in_order(count):
    weights = block_weights(",".join(str(i / 4) for i in range(count)))
    blocks = next(blocks for blocks in BLOCK_LAYOUTS if len(blocks) == count)
    paths = {
        "BASE": "text_encoder.x.weight",
        "IN04": "unet.down_blocks.1.attentions.0.x.weight",
        "M00": "unet.mid_block.x.weight",
        "OUT03": "unet.up_blocks.1.resnets.0.x.weight",
    }
    assert [weights(path) for path in paths.values()] == [blocks.index(block) / 4 for block in paths]


def test_seventeen_are_sd1s_blocks_with_attention():
    assert " ".join(BLOCK_LAYOUTS[1]) == SEVENTEEN


def test_a_preset_and_what_is_in_no_block():
    weights = block_weights("OUTD")
    assert weights("unet.up_blocks.1.attentions.0.proj_in.weight") == 1
    assert weights("unet.up_blocks.3.attentions.0.proj_in.weight") == 0
    assert weights("unet.up_blocks.0.resnets.0.conv1.weight") == 0      # OUT00 has no number among seventeen
    assert weights("unet.time_embedding.linear_1.weight") == 1


@pytest.mark.parametrize("spec", ["", "1,2,3", "OUTX", ",".join(["x"] * 17)])
def test_other_specs_are_refused(spec):
    with pytest.raises(Invalid, match="lbw="):
        block_weights(spec)
