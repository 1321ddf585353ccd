"""Model files from the terminal: the declared fields as name=value, and the same jobs as the page's."""

from __future__ import annotations

import pytest

from modules.base.errors import Invalid, JobFailed, UnknownName
from modules.commands.assemble import assemble
from modules.commands.generate import carry_out
from modules.commands.make import read_words
from modules.params.merge import Conversion, Extraction, Merge
from modules.settings.flags import parse_flags
from tests.servers import with_tiny_model


@pytest.mark.parametrize(("words", "request_"), [
    (["merge", "a", "b"], Merge(models=("a", "b"))),
    (["merge", "a", "b", "c", "method=Sum of more", "more=0.1, 0.2", "add_recipe=false"],
     Merge(models=("a", "b", "c"), method="Sum of more", more=(0.1, 0.2), add_recipe=False)),
    (["convert", "a", "precision=bf16", "ema=true"], Conversion(model="a", precision="bf16", ema=True)),
    (["extract_lora", "a", "b", "rank=8", "name=x=y"], Extraction(tuned="a", base="b", rank=8, name="x=y")),
])
def test_files_and_fields_make_the_declared_request(words, request_):
    found = read_words(words)
    assert (found.kind, found.request) == (words[0], request_)


@pytest.mark.parametrize(
    ("words", "told"),
    [
        ([], "There are: merge, convert, extract_lora."),
        (["txt2img"], "There are: merge"),
        (["merge", "multiplyer=1"], "Did you mean 'multiplier'?"),
        (["merge", "multiplier=much"], "A number belongs here."),
        (["convert", "precision=int3"], "There are: keep"),
    ],
)
def test_what_makes_no_sense_is_refused_with_what_there_is(words, told):
    with pytest.raises(Invalid) as refused:
        read_words(words)
    assert told in refused.value.hint


@pytest.mark.slow
def test_the_new_files_path_is_printed_and_a_failure_is_said(tmp_path, capsys):
    folder = with_tiny_model(tmp_path)

    def run(*words):
        return carry_out(assemble(parse_flags(["--data-dir", str(folder)], {})), read_words(words))

    assert run("convert", "tiny-sd1", "name=new") == 0
    assert capsys.readouterr().out.strip() == str(folder / "models/Stable-diffusion/new.safetensors")
    with pytest.raises(JobFailed, match="do not differ"):
        run("extract_lora", "tiny-sd1", "tiny-sd1")


def test_what_is_refused_starts_no_worker(tmp_path):
    """A program that ends while a thread of its imports torch may crash."""
    app = assemble(parse_flags(["--data-dir", str(with_tiny_model(tmp_path))], {}))
    with pytest.raises(UnknownName, match="nothing.ckpt"):
        carry_out(app, read_words(["convert", "nothing.ckpt"]))
    assert app.jobs.worker is None
