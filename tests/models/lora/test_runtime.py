"""Networks beside the weights say what they say merged into them."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch

from modules.base.errors import ModelMismatch
from modules.engine.engine import Engine, ImageTask
from modules.models.checkpoint.loader import load_checkpoint
from modules.models.device import tile
from modules.models.lora.adapters import Adapters
from modules.models.unet import predict_batch
from modules.sampling.questions import Cond, Predict
from modules.sampling.weights import NetworkUse, Weights
from modules.worker.job_kinds import plan_job
from tests.golden_data import inputs, spec
from tests.playing import golden_device, results

pytestmark = pytest.mark.slow      # nearly each draws with a model

LOW_RANK = ["lora_linear", "locon", "locon_tucker", "lora_ab_keys", "lora_bundle", "lora_te_only", "lora_unet_only"]
OTHERS = ["loha", "loha_tucker", "lokr", "dora", "ia3", "full_norm", "oft_lycoris", "boft", "glora"]
TOKENS = (77, 154)      # of a question's two conditionings: not all rows are in one call of the UNet


@pytest.fixture
def model(tiny):
    found = load_checkpoint(tiny)
    found.to(torch.device("cpu"), *[torch.float64] * 3)
    return found


@pytest.fixture
def adapters(model, files):
    return Adapters(model, files)


@pytest.fixture
def use(files):
    loras = files.library.loras
    return lambda name, **how: NetworkUse(loras.hashed(loras.named(name)).sha256, **how)


def asked(seed, *networks, side=8):
    """A question about noise, with a conditioning of each length."""
    random = torch.Generator().manual_seed(seed)
    x = torch.randn(4, side, side, generator=random)
    conds = tuple(Cond(torch.randn(tokens, 64, generator=random)) for tokens in TOKENS)
    return Predict(Weights("x", networks=networks), x, 2.0, 300.0 + seed, conds, 0)


def merged(adapters, model, ask):
    adapters.bring(ask.weights)
    [answer] = predict_batch(model, [ask])
    adapters.bring(Weights("x"))
    return answer


def unmerged(adapters, model, asks):
    adapters.bring(Weights("x"))
    return predict_batch(model, asks, adapters.unmerged.under({ask.weights.networks for ask in asks}))


def hooks(model):
    return [hook for module in model.unet.modules() for hook in module._forward_hooks.values()]


def apart(some, others):
    return max(float((a - b).abs().max()) for a, b in zip(some, others, strict=True))


@pytest.mark.parametrize("tiling", [False, True])
@torch.inference_mode()
def test_each_row_is_answered_as_if_its_networks_were_merged(model, adapters, use, tiling):
    tile(model.unet, tiling)
    both = use("locon", unet=0.5), use("lora_linear", unet=-0.4)
    asks = [
        asked(i, *([use(name, unet=0.8)] if name else both)) for i, name in enumerate([*LOW_RANK, "", *LOW_RANK[:3]])
    ] + [asked(20)]
    alone = [merged(adapters, model, ask) for ask in asks]
    for mixed, single in zip(unmerged(adapters, model, asks), alone, strict=True):
        assert apart(mixed, single) < 1e-5      # the UNet computes in float64, its answers are float32


@torch.inference_mode()
def test_it_does_make_a_difference(model, adapters, use):
    with_, without = unmerged(adapters, model, [asked(1, use("locon")), replace(asked(1), weights=Weights("x"))])
    assert apart(with_, without) > 1e-2


@torch.inference_mode()
def test_block_weights_and_ranks_count(model, adapters, use):
    asks = [asked(1, use("locon", blocks="OUTD")), asked(1, use("locon", rank=1)), asked(1, use("locon", unet=0.0))]
    alone = [merged(adapters, model, ask) for ask in asks]
    for mixed, single in zip(unmerged(adapters, model, asks), alone, strict=True):
        assert apart(mixed, single) < 1e-5


@pytest.mark.parametrize("name", LOW_RANK)
def test_low_rank_networks_can_be_mixed(adapters, use, name):
    assert adapters.mixable(use(name))


@pytest.mark.parametrize("name", OTHERS)
def test_others_cannot(adapters, use, name):
    assert not adapters.mixable(use(name))
    assert not adapters.mixable(use("locon"), use(name))


def test_without_networks_one_can_always(adapters):
    assert adapters.mixable()


@torch.inference_mode()
def test_nothing_is_left_behind(model, adapters, use):
    before = [parameter.clone() for parameter in model.unet.parameters()]
    unmerged(adapters, model, [asked(1, use("locon")), asked(2)])
    assert not hooks(model)
    assert all(torch.equal(a, b) for a, b in zip(before, model.unet.parameters(), strict=True))


@torch.inference_mode()
def test_nor_is_it_after_an_error(model, adapters, use):
    misshapen = replace(asked(2), conds=(Cond(torch.randn(77, 3)),))
    with pytest.raises(RuntimeError):
        unmerged(adapters, model, [misshapen])
    ask = asked(1, use("locon"))
    with pytest.raises(RuntimeError):
        unmerged(adapters, model, [replace(ask, conds=misshapen.conds)])
    assert not hooks(model)


@torch.inference_mode()
def test_reading_a_prompt_leaves_the_unet_alone(model, adapters, use):
    before = [parameter.data_ptr() for parameter in model.unet.parameters()]
    text = [parameter.clone() for parameter in model.texts[0].module.parameters()]
    adapters.bring_texts(Weights("x", networks=(use("locon"),)))
    assert before == [parameter.data_ptr() for parameter in model.unet.parameters()]
    assert not all(torch.equal(a, b) for a, b in zip(text, model.texts[0].module.parameters(), strict=True))


@torch.inference_mode()
def test_after_a_network_that_does_not_fit_the_one_before_can_be_removed(model, adapters, use, monkeypatch):
    before = [parameter.clone() for parameter in model.unet.parameters()]
    adapters.bring(Weights("x", networks=(use("locon"),)))
    with monkeypatch.context() as patching, pytest.raises(ModelMismatch):
        patching.setattr(adapters, "network", broken)
        adapters.bring(Weights("x", networks=(use("lora_linear"),)))
    adapters.bring(Weights("x"))
    assert all(torch.equal(a, b) for a, b in zip(before, model.unet.parameters(), strict=True))


def broken(*_):
    raise ModelMismatch("It does not fit.")


TAGS = (
    "<lora:locon:1>",
    "<lora:lora_linear:0.7>",
    "<lora:locon_tucker:0.8>",
    "<lora:locon:0.5><lora:lora_unet_only:0.5>",
    "",
    "<lora:loha:1>",
)


def drawn(device, max_rows):
    """A picture with each of the networks, through an engine whose calls have at most so many rows;
    and how many questions its calls had.
    """
    counts = []

    def answer(questions):
        counts.append(len(questions) if isinstance(questions[0], Predict) else 0)
        return device.answer(questions)

    engine = Engine(answer, lambda picture: None, max_rows, device.batch_weights)
    pictures = [ImageTask(task(device, i, tags), str(i), 0, "me", i) for i, tags in enumerate(TAGS)]
    return [result.pixels.astype(int) for result in results(engine, pictures)], counts


def task(device, i, tags):
    payload = {
        "prompt": f"a red fox {tags}",
        "seed": i,
        "steps": 4,
        "width": 64,
        "height": 64,
        "sampler_name": "Euler a",
    }
    job = spec({"id": str(i), "endpoint": "/sdapi/v1/txt2img", "payload": payload})
    recipe = plan_job(job, device.library, inputs())
    return recipe.plans[0].task()


def test_company_with_other_networks_does_not_change_a_picture(tmp_path):
    device = golden_device(tmp_path)
    alone, separate = drawn(device, max_rows=2)
    mixed, together = drawn(device, max_rows=16)
    assert max(separate) == 1
    assert max(together) == 5      # LoHa has calls of its own
    assert all(np.abs(a - b).max() <= 1 for a, b in zip(alone, mixed, strict=True))
    assert min(np.abs(a - mixed[4]).max() for a in mixed[:4]) > 1


@pytest.mark.parametrize("together", [1, 18])
def test_each_file_is_read_once_however_many_are_in_use(adapters, use, monkeypatch, together):
    """To decide whether a set can be mixed, and then to mix it: as one set of 18, and as 18 sets that take turns."""
    reads, read = [], adapters.files.network
    monkeypatch.setattr(adapters.files, "network", lambda *how: reads.append(how) or read(*how))
    uses = [use("locon", rank=rank) for rank in range(1, 19)]
    sets = [uses[start:start + together] for start in range(0, 18, together)]
    for _ in range(3):
        for each in sets:
            assert adapters.mixable(*each)
            adapters.unmerged.under({tuple(each)})
    assert len(reads) == 18
