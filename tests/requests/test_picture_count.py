"""A job says how many pictures it will have before it begins."""

from __future__ import annotations

import pytest

from modules.base.accounts import LOCAL_ACCOUNT
from modules.commands.assemble import assemble
from modules.params.plots import XyzPlot
from modules.params.scripts import PromptsFromFile
from modules.params.txt2img import Txt2Img
from modules.requests.again import run_again
from modules.requests.submit import Submission, submit
from modules.settings.flags import parse_flags


@pytest.fixture
def app(tmp_path):
    return assemble(parse_flags(["--nowebui", "--data-dir", str(tmp_path)], {}))


@pytest.mark.parametrize(("script", "arguments", "batches", "pictures"), [
    ("", None, 3, 3),
    ("X/Y/Z plot", XyzPlot(x_type="Steps", x_values="1-5", y_type="Seed", y_values="1, 2"), 1, 10),
    ("Prompt matrix", None, 1, 4),
    ("Prompts from file or textbox", PromptsFromFile(text="a\n--prompt b --n_iter 2\n"), 3, 5),
])
def test_a_waiting_job_says_how_many_pictures_there_will_be(app, script, arguments, batches, pictures):
    given = tuple(vars(arguments).values()) if arguments else ()
    request = Txt2Img(prompt="a|b|c", n_iter=batches, script_name=script, script_args=given)
    job = submit(app, Submission("txt2img", request), LOCAL_ACCOUNT).job
    again = run_again(app, app.jobs.get(job), LOCAL_ACCOUNT, new_seed=False)
    assert [app.jobs.get(each).asked for each in (job, again)] == [pictures, pictures]
    assert app.jobs.unfinished.live[job].pictures == pictures
