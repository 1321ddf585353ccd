"""Buckets follow sd-scripts' rule: known sizes, and what holds for every picture."""

from __future__ import annotations

import random

import pytest

from modules.imaging.dataset.buckets import BucketRules, bucket_sizes, cover, place_picture

SD1 = BucketRules((512, 512))
SIZES = [(random.Random(n).randint(40, 4000), random.Random(-n - 1).randint(40, 4000)) for n in range(200)]


def test_the_sizes_of_512_are_those_of_sd_scripts():
    wide = {(512, 512), (576, 448), (640, 384), (704, 320), (768, 320), (832, 256), (896, 256), (960, 256), (1024, 256)}
    assert set(bucket_sizes(512 * 512, 256, 1024, 64)) == wide | {size[::-1] for size in wide}


@pytest.mark.parametrize(
    ("size", "bucket", "scaled"),
    [
        ((512, 512), (512, 512), (512, 512)),
        ((1000, 1000), (512, 512), (512, 512)),
        ((1024, 256), (1024, 256), (1024, 256)),        # exactly a bucket
        ((1920, 1080), (640, 384), (683, 384)),
        ((1080, 1920), (384, 640), (384, 683)),
        ((300, 200), (640, 384), (640, 427)),           # enlarged
        ((600, 400), (640, 384), (640, 427)),
    ],
)
def test_known_pictures_go_to_known_buckets(size, bucket, scaled):
    placed = place_picture(size, SD1)
    assert (placed.bucket, placed.scaled) == (bucket, scaled)


@pytest.mark.parametrize(
    ("size", "bucket", "scaled"),
    [((300, 200), (256, 192), (300, 200)), ((2000, 1000), (640, 320), (640, 320)), ((1900, 1000), (576, 320), (608, 320)), ((40, 500), (64, 768), (64, 800))],
)
def test_pictures_that_may_not_grow_are_cut_to_the_step(size, bucket, scaled):
    placed = place_picture(size, BucketRules((512, 512), no_upscale=True))
    assert (placed.bucket, placed.scaled) == (bucket, scaled)


@pytest.mark.parametrize("rules", [SD1, BucketRules((512, 768), no_upscale=True), BucketRules((640, 512), enabled=False)], ids=["usual", "no upscale", "off"])
def test_a_scaled_picture_covers_its_bucket_and_no_more_than_one_side_is_cut_far(rules):
    for size in SIZES:
        placed = place_picture(size, rules)
        across, down = placed.spare
        assert across >= 0 and down >= 0
        assert placed.centre == (across // 2, down // 2)
        assert 0 <= placed.aspect_error < 1
        if rules.enabled and not rules.no_upscale:
            assert min(across, down) == 0 and placed.bucket in rules.sizes()


def test_no_other_bucket_is_nearer_in_shape():
    for width, height in SIZES:
        placed = place_picture((width, height), SD1).bucket
        error = abs(width / height - placed[0] / placed[1])
        assert placed == (width, height) or error == min(abs(width / height - w / h) for w, h in SD1.sizes())


def test_without_buckets_every_picture_is_cut_to_the_resolution():
    placed = place_picture((1000, 500), BucketRules((512, 512), enabled=False))
    assert (placed.bucket, placed.scaled, placed.centre) == ((512, 512), (1024, 512), (256, 0))


def test_halves_are_rounded_up():
    assert cover((3, 2), (1, 1)) == (2, 1)
