"""Merges are A1111's to the bit, and a merge with nothing changes nothing."""

from __future__ import annotations

import hashlib
import json
from threading import Event, Thread

import pytest
import torch
from safetensors import safe_open
from safetensors.torch import load_file, save_file

from modules.base.errors import Invalid, ModelCorrupt, ModelMismatch
from modules.base.files import new_file
from modules.library.catalog import FIRST_CONVOLUTION
from modules.models.merging import Recipe, discarding, merge
from modules.models.merging.mixing import block_index
from modules.models.merging.sources import averaged
from modules.params.merge import BLOCKS, Merge
from tests.golden_data import GOLDEN, assemble_models

CASES = json.loads((GOLDEN / "tensors/merge.json").read_text())


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return assemble_models(tmp_path_factory.mktemp("models"))


def quiet(done, of):
    pass


def recipe(sources, method="Weighted sum", multiplier=0.3, vae=None, hashes=(), **fields):
    return Recipe(Merge(method=method, multiplier=multiplier, **fields), sources, vae, hashes)


def merge_to(asked, path, told=quiet):
    with new_file(path, "test") as out:
        merge(asked, out, told)


def merged(asked, tmp_path):
    (tmp_path / "out.safetensors").unlink(missing_ok=True)
    merge_to(asked, tmp_path / "out.safetensors", quiet)
    return load_file(tmp_path / "out.safetensors")


def metadata(path):
    with safe_open(path, "pt") as file:
        return file.metadata()


def recorded(case, folder):
    names = [case[place] for place in ("primary", "secondary", "tertiary") if case[place]]
    vae = None if case["bake_in_vae"] == "None" else GOLDEN / "models/VAE" / case["bake_in_vae"]
    return recipe(
        tuple(folder / f"{name}.safetensors" for name in names), case["method"], case["multiplier"],
        precision="fp16" if case["save_as_half"] else "keep", vae=vae, discard=case["discard_weights"], config="Don't",
    )


@pytest.mark.slow
@pytest.mark.parametrize("case", CASES, ids=lambda case: case["id"])
def test_a_merge_is_a1111s_to_the_bit(case, folder, tmp_path):
    merge_to(recorded(case, folder), tmp_path / case["output_name"], quiet)
    found = load_file(tmp_path / case["output_name"])
    assert found.keys() == case["tensors"].keys()
    for name, (dtype, shape, digest) in case["tensors"].items():
        tensor = found[name]
        assert [str(tensor.dtype).removeprefix("torch."), list(tensor.shape)] == [dtype, shape], name
        assert hashlib.sha256(tensor.contiguous().flatten().view(torch.uint8).numpy()).hexdigest()[:16] == digest, name
    assert_told_as_a1111_tells_it(case, metadata(tmp_path / case["output_name"]))


def assert_told_as_a1111_tells_it(case, found):
    told, models = json.loads(found["sd_merge_recipe"]), json.loads(found["sd_merge_models"])
    hashes = {name: value for name, value in told.items() if name.endswith("_hash")}
    # A1111 had not computed them yet
    late = {name: value for name, value in hashes.items() if case["merge_recipe"][name] is None}
    assert sorted(found) == case["metadata_keys"]
    assert told == case["merge_recipe"] | late
    assert set(models) == set(filter(None, hashes.values()))


def some(tmp_path, name="a", width=4, seed=0, **others):
    torch.manual_seed(seed)
    weights = {
        FIRST_CONVOLUTION: torch.randn(8, width, 3, 3),
        "model.diffusion_model.middle_block.0.x": torch.randn(5),
        "betas": torch.randn(3),
        **others,
    }
    save_file(weights, tmp_path / f"{name}.safetensors", {"made": name})
    return tmp_path / f"{name}.safetensors"


def test_a_merge_knows_what_its_sources_were_merged_of(tmp_path):
    a, b = some(tmp_path, "a"), some(tmp_path, "b", seed=1)
    merge_to(recipe((a, b)), tmp_path / "child.safetensors", quiet)
    merge_to(recipe((tmp_path / "child.safetensors",), "No interpolation"), tmp_path / "grandchild.safetensors", quiet)
    models = json.loads(metadata(tmp_path / "grandchild.safetensors")["sd_merge_models"])
    assert sorted(model["name"] for model in models.values()) == ["a.safetensors", "b.safetensors", "child.safetensors"]


def test_known_hashes_are_not_computed_again(tmp_path):
    merge_to(recipe((some(tmp_path, "a"),), "No interpolation", hashes=("known",)), tmp_path / "out.safetensors", quiet)
    assert "known" in json.loads(metadata(tmp_path / "out.safetensors")["sd_merge_models"])


@pytest.mark.parametrize(("choice", "like"), [("A, B or C", "b"), ("B", "b"), ("C", "c"), ("Don't", None)])
def test_the_chosen_models_yaml_goes_with_the_result(tmp_path, choice, like):
    paths = tuple(some(tmp_path, name) for name in "abc")
    for path in paths[1:]:
        path.with_suffix(".yaml").write_text(path.stem)
    merge_to(recipe(paths, "Add difference", config=choice), tmp_path / "out.safetensors", quiet)
    config = tmp_path / "out.yaml"
    assert (config.read_text() if config.exists() else None) == like


@pytest.mark.parametrize(("share", "like"), [(0.0, "a"), (1.0, "b")])
def test_all_of_one_is_that_one(tmp_path, share, like):
    paths = some(tmp_path, "a"), some(tmp_path, "b", seed=1)
    found = merged(recipe(paths, "Weighted sum", share), tmp_path)
    wanted = load_file(tmp_path / f"{like}.safetensors")
    assert all(torch.equal(found[name], wanted[name]) for name in found if name != "betas")


def test_what_is_not_a_models_is_left_alone(tmp_path):
    found = merged(recipe((some(tmp_path, "a"), some(tmp_path, "b", seed=1)), multiplier=0.5), tmp_path)
    assert torch.equal(found["betas"], load_file(tmp_path / "a.safetensors")["betas"])


def test_adding_a_difference_and_taking_it_away_again(tmp_path):
    a, b, c = some(tmp_path, "a"), some(tmp_path, "b", seed=1), some(tmp_path, "c", seed=2)
    there = merged(recipe((a, b, c), "Add difference", 1.0), tmp_path)
    save_file(there, tmp_path / "there.safetensors")
    back = merged(recipe((tmp_path / "there.safetensors", c, b), "Add difference", 1.0), tmp_path)
    assert torch.allclose(back[FIRST_CONVOLUTION], load_file(a)[FIRST_CONVOLUTION], atol=1e-6)


def test_a_sum_of_two_is_the_weighted_sum(tmp_path):
    paths = some(tmp_path, "a"), some(tmp_path, "b", seed=1)
    two = merged(recipe(paths, "Sum of more", more=(0.3,)), tmp_path)
    assert torch.allclose(
        two[FIRST_CONVOLUTION], merged(recipe(paths, "Weighted sum", 0.3), tmp_path)[FIRST_CONVOLUTION], atol=1e-6
    )


def test_a_sum_of_three_has_each_share(tmp_path):
    paths = tuple(some(tmp_path, name, seed=i) for i, name in enumerate("abc"))
    a, b, c = (load_file(path)[FIRST_CONVOLUTION] for path in paths)
    found = merged(recipe(paths, "Sum of more", more=(0.25, 0.5)), tmp_path)
    assert torch.allclose(found[FIRST_CONVOLUTION], 0.25 * a + 0.25 * b + 0.5 * c, atol=1e-6)


def test_an_inpainting_models_other_channels_stay(tmp_path):
    paths = some(tmp_path, "wide", 9), some(tmp_path, "narrow", 4, seed=1)
    found, wide, narrow = (
        merged(recipe(paths, multiplier=0.5), tmp_path)[FIRST_CONVOLUTION],
        *(load_file(path)[FIRST_CONVOLUTION] for path in paths),
    )
    assert torch.equal(found[:, 4:], wide[:, 4:])
    assert torch.allclose(found[:, :4], (wide[:, :4] + narrow) / 2)
    with pytest.raises(ModelMismatch, match=f"{FIRST_CONVOLUTION}.*first") as caught:
        try:
            merged(recipe(paths[::-1], multiplier=0.5), tmp_path)
        except ModelMismatch as error:
            raise ModelMismatch(f"{error} {error.hint}") from error
    assert "narrow.safetensors and wide.safetensors" in str(caught.value)


def test_the_averages_of_an_inpainting_model_are_mixed_as_its_weights_are(tmp_path):
    wide, narrow = (
        {averaged(FIRST_CONVOLUTION): torch.full((8, width, 3, 3), value)} for width, value in ((9, 1.0), (4, 3.0))
    )
    found = merged(
        recipe((some(tmp_path, "wide", 9, **wide), some(tmp_path, "narrow", **narrow)), multiplier=0.5), tmp_path
    )[averaged(FIRST_CONVOLUTION)]
    assert torch.equal(found[0, :, 0, 0], torch.tensor([2.0] * 4 + [1.0] * 5))


def test_a_difference_can_be_added_to_an_inpainting_model(tmp_path):
    paths = some(tmp_path, "wide", 9), some(tmp_path, "b", 4, seed=1), some(tmp_path, "c", 4, seed=2)
    found = merged(recipe(paths, "Add difference", 0.5), tmp_path)[FIRST_CONVOLUTION]
    wide, b, c = (load_file(path)[FIRST_CONVOLUTION] for path in paths)
    assert torch.equal(found, torch.cat([wide[:, :4] + 0.5 * (b - c), wide[:, 4:]], dim=1))


@pytest.mark.parametrize("widths", [(9, 8), (4, 9), (9, 4, 9), (9, 9, 4)])
def test_channels_that_mean_different_things_are_not_mixed(tmp_path, widths):
    paths = tuple(some(tmp_path, f"m{i}", width) for i, width in enumerate(widths))
    with pytest.raises(ModelMismatch, match=rf"{FIRST_CONVOLUTION} is \(8, {widths[0]}, 3, 3\) and \(8, "):
        merged(recipe(paths, "Add difference" if len(paths) > 2 else "Weighted sum"), tmp_path)
    assert not (tmp_path / "out.safetensors").exists()


def test_a_vae_of_another_shape_is_refused_before_anything_is_written(tmp_path):
    path, vae = some(tmp_path, "a", **{"first_stage_model.decoder.x": torch.zeros(4)}), tmp_path / "odd.vae.safetensors"
    save_file({"decoder.x": torch.zeros(5)}, vae)
    with pytest.raises(
        ModelMismatch, match=r"odd.vae.safetensors do not go together: first_stage_model.decoder.x is \(4,\) and \(5,\)"
    ):
        merge_to(recipe((path,), "No interpolation", vae=vae), tmp_path / "out.safetensors", pytest.fail)


@pytest.mark.parametrize("inside", ["decoder.mid_block.x", "decoder.y"])
def test_a_vae_that_replaces_nothing_is_refused(tmp_path, inside):
    """One in diffusers' names, say: else it would seem to be in the result."""
    save_file({inside: torch.ones(4)}, tmp_path / "odd.vae.safetensors")
    asked = recipe(
        (some(tmp_path, "a", **{"first_stage_model.decoder.x": torch.zeros(4)}),),
        "No interpolation",
        vae=tmp_path / "odd.vae.safetensors",
    )
    with pytest.raises(ModelMismatch, match=r"odd.vae.safetensors replaces nothing in a.safetensors"):
        merged(asked, tmp_path)


@pytest.mark.parametrize("share", [0.3, 0.35, 0.9])
def test_whole_numbers_are_never_mixed(tmp_path, share):
    positions = {"conditioner.embedders.0.transformer.text_model.embeddings.position_ids": torch.arange(77)[None]}
    found = merged(
        recipe((some(tmp_path, "a", **positions), some(tmp_path, "b", **positions)), multiplier=share), tmp_path
    )
    assert all(torch.equal(found[name], tensor) for name, tensor in positions.items())


def test_what_only_one_has_is_in_the_result_as_it_is(tmp_path):
    a, b = (
        some(tmp_path, "a", **{"model.a": torch.ones(3)}),
        some(tmp_path, "b", **{"model.b": torch.full((3,), 2.0), "b": torch.ones(1)}),
    )
    found = merged(recipe((a, b), multiplier=0.5), tmp_path)
    assert (
        torch.equal(found["model.a"], torch.ones(3))
        and torch.equal(found["model.b"], torch.full((3,), 2.0))
        and "b" not in found
    )


def test_the_wider_precision_wins_unless_one_is_asked_for(tmp_path):
    half, single = {"model.x": torch.ones(3).half()}, {"model.x": torch.ones(3)}
    a, b, c = some(tmp_path, "a", **half), some(tmp_path, "b", **half), some(tmp_path, "c", **single)
    assert merged(recipe((a, c)), tmp_path)["model.x"].dtype == torch.float32
    assert merged(recipe((a, b, c), "Add difference"), tmp_path)["model.x"].dtype == torch.float32
    found = merged(recipe((a, c), precision="bf16"), tmp_path)
    assert {name: tensor.dtype for name, tensor in found.items() if tensor.dtype != torch.bfloat16} == {
        "betas": torch.float32
    }


def test_a_noise_schedule_keeps_its_precision_where_models_are_mixed(tmp_path):
    """As in A1111, which halves what it mixes, and everything where it mixes nothing."""
    paths = some(tmp_path, "a"), some(tmp_path, "b", seed=1)
    mixed, alone = (
        merged(recipe(paths, precision="fp16"), tmp_path),
        merged(recipe(paths, "No interpolation", precision="fp16"), tmp_path),
    )
    assert torch.equal(mixed["betas"], load_file(paths[0])["betas"])
    assert (mixed[FIRST_CONVOLUTION].dtype, alone["betas"].dtype) == (torch.float16, torch.float16)


def test_the_oldest_files_names_are_those_of_today(tmp_path):
    old, new = "cond_stage_model.transformer.encoder.x", "cond_stage_model.transformer.text_model.encoder.x"
    paths = some(tmp_path, "a", **{old: torch.zeros(2)}), some(tmp_path, "b", **{new: torch.ones(2)})
    found = merged(recipe(paths, multiplier=0.25), tmp_path)
    assert old not in found and torch.equal(found[new], torch.full((2,), 0.25))


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(ModelCorrupt, match="gone.safetensors"):
        merge_to(recipe((some(tmp_path, "a"), tmp_path / "gone.safetensors")), tmp_path / "out.safetensors", quiet)


def test_blocks_have_weights_of_their_own(tmp_path):
    weights = [0.0] * len(BLOCKS)
    weights[BLOCKS.index("M00")] = 1.0
    paths = some(tmp_path, "a"), some(tmp_path, "b", seed=1)
    found, a, b = merged(recipe(paths, block_weights=tuple(weights)), tmp_path), *map(load_file, paths)
    middle = "model.diffusion_model.middle_block.0.x"
    assert torch.equal(found[middle], b[middle]) and torch.equal(found[FIRST_CONVOLUTION], a[FIRST_CONVOLUTION])


@pytest.mark.parametrize(
    ("name", "block"),
    [
        ("model.diffusion_model.input_blocks.11.0.x", "IN11"),
        ("model.diffusion_model.middle_block.1.x", "M00"),
        ("model.diffusion_model.output_blocks.3.1.x", "OUT03"),
        ("model.diffusion_model.time_embed.0.weight", "BASE"),
        ("cond_stage_model.x", "BASE"),
    ],
)
def test_a_weights_block_is_told_by_its_name(name, block):
    assert BLOCKS[block_index(name)] == block


def test_discarded_names_are_gone_and_metadata_tells_the_recipe(tmp_path):
    path = some(tmp_path, "a")
    merge_to(
        recipe((path,), "No interpolation", discard="betas|time", metadata={"note": {"x": 1}}),
        tmp_path / "out.safetensors",
        quiet,
    )
    with safe_open(tmp_path / "out.safetensors", "pt") as file:
        assert "betas" not in file.keys() and FIRST_CONVOLUTION in file.keys()  # noqa: SIM118
        told = file.metadata()
    assert (told["made"], told["note"], json.loads(told["sd_merge_recipe"])["interp_method"]) == (
        "a",
        '{"x": 1}',
        "No interpolation",
    )


def test_a_pattern_that_leaves_nothing_is_refused(tmp_path):
    with pytest.raises(Invalid, match="Nothing of a.safetensors is left"):
        merged(recipe((some(tmp_path, "a"),), "No interpolation", discard=".*"), tmp_path)


@pytest.mark.slow
def test_a_pattern_that_takes_for_ever_is_given_up_while_others_work_on(tmp_path, monkeypatch):
    """Python's regular expressions hold all threads of a process while they search."""
    monkeypatch.setattr(discarding, "PATIENCE", 1.0)
    counted, done = [], Event()
    counting = Thread(target=lambda: [counted.append(done.wait(0.02)) for _ in iter(done.is_set, True)])
    counting.start()
    with pytest.raises(Invalid, match="takes too long"):
        merged(recipe((some(tmp_path, "a"),), "No interpolation", discard=r"(\w*\.?\w*)*!"), tmp_path)
    done.set()
    counting.join()
    assert len(counted) > 10 and not (tmp_path / "out.safetensors").exists()


@pytest.mark.parametrize(
    ("wrong", "named"),
    [
        ({"method": "Magic"}, "Magic"),
        ({"sources": ()}, "needs 2"),
        ({"discard": "("}, "pattern"),
        ({"precision": "int3"}, "int3"),
        ({"block_weights": (1.0,)}, "block weights"),
        ({"method": "Sum of more"}, "share"),
        ({"config": "mine"}, "mine"),
        ({"hashes": ("x",)}, "hash"),
        ({"method": "Sum of more", "more": (0.5,), "block_weights": (0.0,) * 26}, "no block weights"),
        ({"multiplier": float("nan")}, "finite"),
        ({"method": "Sum of more", "more": (float("inf"),)}, "finite"),
    ],
)
def test_a_recipe_that_makes_no_sense_is_refused(tmp_path, wrong, named):
    path = some(tmp_path, "a")
    with pytest.raises(Invalid, match=named):
        merge_to(recipe(**{"sources": (path, path)} | wrong), tmp_path / "out.safetensors", quiet)
    assert not (tmp_path / "out.safetensors").exists()


def test_a_stopped_merge_leaves_nothing(tmp_path):
    def stop(done, of):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        merge_to(recipe((some(tmp_path, "a"),), "No interpolation"), tmp_path / "out.safetensors", stop)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.safetensors"]
