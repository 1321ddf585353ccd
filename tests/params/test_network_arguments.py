"""Arguments of networks that Easel does not train with are refused before a training begins."""

from __future__ import annotations

import pytest

from modules.base.errors import Invalid
from modules.params.network_arguments import check_network_arguments
from modules.params.training import Training


def plan(*arguments: str, module: str = "lycoris.kohya", **more) -> Training:
    return Training(network_module=module, network_args=arguments, **more)


@pytest.mark.parametrize("asked", [
    plan("algo=loha", "preset=full", "train_norm=False", "bypass_mode=False", "conv_dim=8", "factor=6", "dora_wd=True"),
    plan("algo=LoKr", "preset=attn-mlp", module="lycoris.locon"),
    plan("conv_dim=8", "block_dims=4,4", module="networks.lora", network_weights="a lora"),
])
def test_what_is_trained_with_is_taken(asked):
    check_network_arguments(asked)


@pytest.mark.parametrize(("asked", "words", "field"), [
    (plan("algo=ia3"), "kind 'ia3'", "network_args"),
    (plan("preset=ia3"), "preset 'ia3'", "network_args"),
    (plan("train_norm=True"), "train_norm", "network_args"),
    (plan("bypass_mode"), "bypass_mode", "network_args"),
    (plan("block_size=8"), "'block_size' of LyCORIS", "network_args"),
    (plan("algo=lora", network_weights="a lora"), "network_weights", "network_weights"),
    (plan("algo=lora", module="networks.lora"), "no argument 'algo'", "network_args"),
    (plan(module="networks.dylora"), "networks.dylora", "network_module"),
])
def test_what_is_not_is_named(asked, words, field):
    with pytest.raises(Invalid, match=words) as refused:
        check_network_arguments(asked)
    assert refused.value.field == field
