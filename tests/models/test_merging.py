"""Merges are A1111's to the bit, and a merge with nothing changes nothing."""

from __future__ import annotations

import hashlib
import json
from dataclasses import replace

import pytest
import torch
from safetensors import safe_open
from safetensors.torch import load_file, save_file

from modules.base.errors import Invalid, ModelMismatch
from modules.models.merging import BLOCKS, EMA, FIRST, Recipe, block_of, convert, merge
from modules.models.tensor_file import Entry, opened, write
from tests.golden_data import GOLDEN, assemble_models

CASES = json.loads((GOLDEN / "tensors/merge.json").read_text())


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return assemble_models(tmp_path_factory.mktemp("models"))


def quiet(done, of):
    pass


def merged(recipe, tmp_path):
    merge(recipe, tmp_path / "out.safetensors", quiet)
    return load_file(tmp_path / "out.safetensors")


@pytest.mark.parametrize("case", CASES, ids=lambda case: case["id"])
def test_a_merge_is_a1111s_to_the_bit(case, folder, tmp_path):
    names = [case[place] for place in ("primary", "secondary", "tertiary") if case[place]]
    vae = None if case["bake_in_vae"] == "None" else GOLDEN / "models/VAE" / case["bake_in_vae"]
    recipe = Recipe(
        tuple(folder / f"{name}.safetensors" for name in names), case["method"], case["multiplier"],
        precision="fp16" if case["save_as_half"] else "keep", vae=vae, discard=case["discard_weights"],
    )
    found = merged(recipe, tmp_path)
    assert found.keys() == case["tensors"].keys()
    for name, (dtype, shape, digest) in case["tensors"].items():
        tensor = found[name]
        assert [str(tensor.dtype).removeprefix("torch."), list(tensor.shape)] == [dtype, shape], name
        assert hashlib.sha256(tensor.contiguous().flatten().view(torch.uint8).numpy()).hexdigest()[:16] == digest, name


def some(tmp_path, name="a", width=4, seed=0, **others):
    torch.manual_seed(seed)
    weights = {FIRST: torch.randn(8, width, 3, 3), "model.diffusion_model.middle_block.0.x": torch.randn(5), "betas": torch.randn(3), **others}
    save_file(weights, tmp_path / f"{name}.safetensors", {"made": name})
    return tmp_path / f"{name}.safetensors"


@pytest.mark.parametrize(("share", "like"), [(0.0, "a"), (1.0, "b")])
def test_all_of_one_is_that_one(tmp_path, share, like):
    paths = some(tmp_path, "a"), some(tmp_path, "b", seed=1)
    found = merged(Recipe(paths, "Weighted sum", share), tmp_path)
    wanted = load_file(tmp_path / f"{like}.safetensors")
    assert all(torch.equal(found[name], wanted[name]) for name in found if name != "betas")


def test_what_is_not_a_models_is_left_alone(tmp_path):
    found = merged(Recipe((some(tmp_path, "a"), some(tmp_path, "b", seed=1)), multiplier=0.5), tmp_path)
    assert torch.equal(found["betas"], load_file(tmp_path / "a.safetensors")["betas"])


def test_adding_a_difference_and_taking_it_away_again(tmp_path):
    a, b, c = some(tmp_path, "a"), some(tmp_path, "b", seed=1), some(tmp_path, "c", seed=2)
    there = merged(Recipe((a, b, c), "Add difference", 1.0), tmp_path)
    save_file(there, tmp_path / "there.safetensors")
    back = merged(Recipe((tmp_path / "there.safetensors", c, b), "Add difference", 1.0), tmp_path)
    assert torch.allclose(back[FIRST], load_file(a)[FIRST], atol=1e-6)


def test_a_sum_of_two_is_the_weighted_sum(tmp_path):
    paths = some(tmp_path, "a"), some(tmp_path, "b", seed=1)
    two = merged(Recipe(paths, "Sum of more", more=(0.3,)), tmp_path)
    assert torch.allclose(two[FIRST], merged(Recipe(paths, "Weighted sum", 0.3), tmp_path)[FIRST], atol=1e-6)


def test_a_sum_of_three_has_each_share(tmp_path):
    paths = tuple(some(tmp_path, name, seed=i) for i, name in enumerate("abc"))
    a, b, c = (load_file(path)[FIRST] for path in paths)
    found = merged(Recipe(paths, "Sum of more", more=(0.25, 0.5)), tmp_path)
    assert torch.allclose(found[FIRST], 0.25 * a + 0.25 * b + 0.5 * c, atol=1e-6)


def test_an_inpainting_models_other_channels_stay(tmp_path):
    paths = some(tmp_path, "wide", 9), some(tmp_path, "narrow", 4, seed=1)
    found, wide, narrow = merged(Recipe(paths, multiplier=0.5), tmp_path)[FIRST], *(load_file(path)[FIRST] for path in paths)
    assert torch.equal(found[:, 4:], wide[:, 4:])
    assert torch.allclose(found[:, :4], (wide[:, :4] + narrow) / 2)
    with pytest.raises(ModelMismatch, match=f"{FIRST}.*first") as caught:
        try:
            merged(Recipe(paths[::-1], multiplier=0.5), tmp_path)
        except ModelMismatch as error:
            raise ModelMismatch(f"{error} {error.hint}") from error
    assert "narrow.safetensors and wide.safetensors" in str(caught.value)


def test_blocks_have_weights_of_their_own(tmp_path):
    weights = [0.0] * len(BLOCKS)
    weights[BLOCKS.index("M00")] = 1.0
    paths = some(tmp_path, "a"), some(tmp_path, "b", seed=1)
    found, a, b = merged(Recipe(paths, block_weights=tuple(weights)), tmp_path), *map(load_file, paths)
    middle = "model.diffusion_model.middle_block.0.x"
    assert torch.equal(found[middle], b[middle]) and torch.equal(found[FIRST], a[FIRST])


@pytest.mark.parametrize(("name", "block"), [
    ("model.diffusion_model.input_blocks.11.0.x", "IN11"), ("model.diffusion_model.middle_block.1.x", "M00"),
    ("model.diffusion_model.output_blocks.3.1.x", "OUT03"), ("model.diffusion_model.time_embed.0.weight", "BASE"), ("cond_stage_model.x", "BASE"),
])
def test_a_weights_block_is_told_by_its_name(name, block):
    assert BLOCKS[block_of(name)] == block


def test_discarded_names_are_gone_and_metadata_tells_the_recipe(tmp_path):
    path = some(tmp_path, "a")
    merge(Recipe((path,), "No interpolation", discard="betas|time", metadata={"note": {"x": 1}}), tmp_path / "out.safetensors", quiet)
    with safe_open(tmp_path / "out.safetensors", "pt") as file:
        assert "betas" not in file.keys() and FIRST in file.keys()  # noqa: SIM118
        told = file.metadata()
    assert (told["made"], told["note"], json.loads(told["sd_merge_recipe"])["interp_method"]) == ("a", '{"x": 1}', "No interpolation")


@pytest.mark.parametrize(("wrong", "named"), [
    ({"method": "Magic"}, "Magic"), ({"sources": ()}, "needs 2"), ({"discard": "("}, "pattern"), ({"precision": "int3"}, "int3"),
    ({"block_weights": (1.0,)}, "block weights"), ({"method": "Sum of more"}, "share"),
])
def test_a_recipe_that_makes_no_sense_is_refused(tmp_path, wrong, named):
    path = some(tmp_path, "a")
    with pytest.raises(Invalid, match=named):
        merge(replace(Recipe((path, path)), **wrong), tmp_path / "out.safetensors", quiet)
    assert not (tmp_path / "out.safetensors").exists()


def test_one_tensor_is_in_memory_at_a_time(tmp_path):
    """Each is let go before the next is made."""
    alive, most = set(), 0

    class Counted(torch.Tensor):
        pass

    def make(name):
        nonlocal most
        tensor = torch.zeros(4)
        alive.add(id(tensor))
        import weakref

        weakref.finalize(tensor, alive.discard, id(tensor))
        most = max(most, len(alive))
        return tensor

    write(tmp_path / "x.safetensors", {f"t{i}": Entry(torch.float32, (4,)) for i in range(20)}, make, {}, quiet)
    assert most <= 2      # the one being made, and the one just written


def test_a_stopped_merge_leaves_nothing(tmp_path):
    def stop(done, of):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        merge(Recipe((some(tmp_path, "a"),), "No interpolation"), tmp_path / "out.safetensors", stop)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.safetensors"]


@pytest.mark.parametrize("precision", ["keep", "fp16", "bf16", "fp32"])
def test_conversion_keeps_every_weight(tmp_path, precision):
    path = some(tmp_path, "a")
    convert(path, tmp_path / "out.safetensors", precision, False, quiet)
    for name, tensor in load_file(tmp_path / "out.safetensors").items():
        assert torch.equal(tensor.float(), load_file(path)[name].to(tensor.dtype).float())


def test_ema_weights_can_be_taken_or_dropped(tmp_path):
    ema = {EMA + "diffusion_modelmiddle_block0x": torch.full((5,), 7.0)}
    path = some(tmp_path, "a", **ema)
    for take, value in ((True, ema[EMA + "diffusion_modelmiddle_block0x"]), (False, load_file(path)["model.diffusion_model.middle_block.0.x"])):
        convert(path, tmp_path / "out.safetensors", "keep", take, quiet)
        found = load_file(tmp_path / "out.safetensors")
        assert not any(name.startswith(EMA) for name in found)
        assert torch.equal(found["model.diffusion_model.middle_block.0.x"], value)


def test_old_files_become_safetensors(tmp_path):
    torch.save({"state_dict": load_file(some(tmp_path, "a"))}, tmp_path / "old.ckpt")
    convert(tmp_path / "old.ckpt", tmp_path / "new.safetensors", "keep", False, quiet)
    with opened(tmp_path / "new.safetensors") as new, opened(tmp_path / "old.ckpt") as old:
        assert new.entries == old.entries
