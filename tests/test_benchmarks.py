"""The benchmarks run; what they measure is nobody's business here."""

from __future__ import annotations

from functools import partial
from hashlib import sha256
from importlib import import_module
from types import SimpleNamespace

import pytest
import torch

from benchmarks import (
    against_diffusers,
    attacks,
    attention,
    batching,
    control,
    fairness,
    fidelity,
    loading,
    mixed_lora,
    overhead,
    people,
    ray,
    server,
    waiting,
)
from benchmarks.__main__ import LONG, SCENARIOS, Chosen, chosen_scenarios, main
from benchmarks.checkpoints import Kind, Text, Unet
from benchmarks.jobs import planned
from benchmarks.measure import alternating
from modules.commands.assemble import assemble
from modules.pipelines.result import Result
from modules.settings.flags import parse_flags
from modules.store.jobs import JobRecord, JobStore, OutputRecord
from tests import playing
from tests.asynchronous import apart
from tests.golden_data import cases, result

TINY = Kind(Unet(64, (1, 2), (1, 0), context_dim=64), (Text("cond_stage_model.transformer.", width=64, layers=2),), 32)
once = partial(alternating, rounds=1)
pytestmark = pytest.mark.slow      # together they take minutes


@pytest.fixture(autouse=True)
def threads():
    """The scenarios take one thread; others get theirs back."""
    before = torch.get_num_threads()
    yield
    torch.set_num_threads(before)


@pytest.mark.parametrize("name", SCENARIOS + LONG)
def test_a_scenario_says_what_it_measures(name):
    assert import_module(f"benchmarks.{name}").run.__doc__


def test_an_unknown_scenario_is_told_from_the_known(capsys):
    assert main(["overheat"]) == 2
    assert "'overheat'" in (said := capsys.readouterr().out)
    assert all(name in said for name in SCENARIOS + LONG)


def test_arguments_belong_to_the_name_before_them():
    words = "server --people 5 --minutes 0.1 overhead loading 3".split()
    named = {"people": "5", "minutes": "0.1"}
    assert chosen_scenarios(words) == [Chosen("server", [], named), Chosen("overhead"), Chosen("loading", ["3"])]


def test_every_row_of_attacks_is_played_once_on_a_server_of_its_start_and_the_longest_are_begun_first():
    groups = attacks.servers_of(attacks.ROWS)
    played = [row for group in groups for row in group]
    assert sorted(row.id for row in played) == sorted({row.id for row in attacks.ROWS})
    assert all(len({repr(row.start) for row in group}) == 1 for group in groups)
    assert [row.long for row in played] == sorted((row.long for row in played), reverse=True)


def test_a_row_that_failed_once_in_three_passes_was_not_met(tmp_path, capsys):
    always, once = (
        [attacks.Verdict(row, verdict, 1.0, "what it found") for verdict in verdicts]
        for row, verdicts in (("A-1", ("met", "met", "met")), ("B-2", ("met", "FAIL", "met")))
    )
    attacks.report({"A-1": always, "B-2": once}, 3)
    attacks.write_table(tmp_path / "rows.csv", {"A-1": always, "B-2": once})
    assert "1 of 2 rows were met in 3 of 3 passes\n  B-2: met, FAIL, met" in capsys.readouterr().out
    lines = (tmp_path / "rows.csv").read_text().splitlines()
    assert lines[0] == "id,run1,run2,run3,seconds,evidence"
    assert lines[2] == "B-2,met,FAIL,met,1.0,what it found"


def test_a_crowd_of_five_is_served_and_nothing_is_lost(monkeypatch, capsys):
    monkeypatch.setattr(server, "CROWD", 2)
    monkeypatch.setattr(server, "LATE_ROUNDS", 1)
    monkeypatch.setattr(server, "SAMPLE_SECONDS", 0.5)
    monkeypatch.setattr(people, "THINKING", (0.1, 0.5))
    apart(server.run, "5", "0.1")
    said = capsys.readouterr().out
    assert "answers 5xx: 0, goal 0; lost, doubled or otherwise wrong: 0, goal 0" in said
    assert "memory of the worker" in said and "on a fresh connection" in said


def told(folder, account="ann", pictures=2):
    """A ledger of one job, and the records and files that belong to it."""
    ledger = people.Ledger()
    job = ledger.asked(account, pictures)
    job.answered = True
    store = JobStore(folder / "easel.sqlite")
    store.add(JobRecord("j", account, "txt2img", {}, {}, True))
    for index in range(pictures):
        path = folder / "outputs" / account / "txt2img-images" / f"{index}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"%d" % index)
        store.add_output("j", OutputRecord(index, str(path), "", {"seed": job.seeds[index]}, True))
    store.set_state("j", "done")
    return ledger, job, path


def test_the_ledger_of_a_server_that_kept_its_word_has_no_differences(tmp_path):
    ledger, job, last = told(tmp_path)
    job.seen.append(sha256(last.read_bytes()).hexdigest())
    assert server.differences(ledger, tmp_path) == []


def test_the_ledger_finds_what_is_lost_doubled_or_not_as_it_was_shown(tmp_path):
    ledger, job, last = told(tmp_path)
    job.seen.append("0" * 64)
    last.unlink()
    lost = ledger.asked("ann", 1)
    lost.answered = True
    twice = OutputRecord(2, str(last.with_name("0.png")), "", {"seed": job.seeds[0]}, True)
    JobStore(tmp_path / "easel.sqlite").add_output("j", twice)
    said = "\n".join(server.differences(ledger, tmp_path))
    for part in (f"seed {lost.seeds[0]} is lost", f"one more picture of seed {job.seeds[0]}", "is recorded and is not there",
                 "two pictures have one file", "was shown, and is no file"):
        assert part in said


def brief(steps=1, **fields):
    return planned(**fields, steps=steps)


def test_overhead_runs(monkeypatch, capsys):
    monkeypatch.setattr(overhead, "STEPS", 1)
    monkeypatch.setattr(overhead, "alternating", once)
    overhead.run()
    assert "easel ÷ bare calls" in capsys.readouterr().out


def test_looking_at_a_job_runs(tmp_path):
    """Its pictures are recorded as the database has them now."""
    app = assemble(parse_flags(["--data-dir", str(tmp_path)], {}))
    assert waiting.look_cost(app, 3) > 0
    assert len(app.jobs.get("job-3").outputs) == 3


def test_batching_runs(monkeypatch, capsys):
    """Two pictures together are those that were made alone."""
    monkeypatch.setattr(batching, "GOALS", {torch.float32: ""})
    monkeypatch.setattr(batching, "ROWS", (1, 2))
    monkeypatch.setattr(batching, "mixed", lambda: [brief(seed=1), brief(seed=2)])
    monkeypatch.setattr(batching, "alternating", lambda sides, rounds: once(sides))
    batching.run()
    said = capsys.readouterr().out
    assert "a pixel: 0 of" in said or "a pixel: 1 of" in said


def test_control_runs(monkeypatch, capsys):
    """A controlled picture beside one without is the one that was made alone."""
    monkeypatch.setattr(control, "STEPS", 1)
    monkeypatch.setattr(control, "PICTURES", 2)
    monkeypatch.setattr(control, "alternating", lambda sides, rounds=1: once(sides))
    control.run()
    said = capsys.readouterr().out
    assert "a pixel: 0 of" in said or "a pixel: 1 of" in said


def test_mixed_lora_runs(monkeypatch, capsys):
    """Four pictures, each with a LoRA of its own, share a call and are those that were made alone."""
    monkeypatch.setattr(mixed_lora, "JOBS", {4: ""})
    monkeypatch.setattr(mixed_lora, "STEPS", 1)
    monkeypatch.setattr(mixed_lora, "alternating", lambda sides, rounds: once(sides))
    mixed_lora.run()
    said = capsys.readouterr().out
    assert "a pixel: 0 of" in said or "a pixel: 1 of" in said


def test_attention_runs_and_every_backend_answers_alike(monkeypatch, capsys):
    monkeypatch.setattr(attention, "ROWS", (2,))
    monkeypatch.setattr(attention, "alternating", lambda sides, clock: once(sides))
    attention.run()
    said = capsys.readouterr().out
    assert len(offs := [float(line.split()[-1]) for line in said.splitlines() if "off by" in line]) >= 7
    assert max(offs) < 1e-3 or torch.cuda.is_available()


def test_fairness_runs(monkeypatch):
    # the crowd is still at work when the late one comes
    monkeypatch.setattr(fairness, "planned", partial(brief, 10))
    assert fairness.waited(fairness.ready_device(fairness.random_model()), 2) > 0


def test_loading_opens_what_it_wrote(monkeypatch, capsys):
    monkeypatch.setattr(loading, "KINDS", {"tiny": TINY})
    monkeypatch.setattr(loading, "alternating", lambda sides, rounds: once(sides))
    monkeypatch.setattr(loading, "elsewhere", lambda function, *arguments: function(*arguments))
    loading.run()
    said = capsys.readouterr().out
    assert "load ÷ readinto" in said
    assert "peak memory ÷ file" in said


def test_loading_says_what_there_is_too_little_of(tmp_path):
    assert "memory" in loading.too_little(2**60, tmp_path)
    assert loading.too_little(0, tmp_path) == "" or loading.psutil.virtual_memory().available < loading.SPARE


def a1111s_own(_, job):
    """What A1111 made of a case, as if we had."""
    known = result({"id": job.id})
    recipe = SimpleNamespace(infotext=lambda i, told: known["infotexts"][i])
    return [Result(playing.pixels_of({"id": job.id}, name).astype("uint8")) for name in known["images"]], recipe


def test_a1111_is_faithful_to_itself(monkeypatch):
    monkeypatch.setattr(fidelity, "made", a1111s_own)
    found = fidelity.family(None, "samplers", cases("samplers"))
    assert all(each.close and each.infotext and each.largest == 0 for each in found.played)
    count = len(found.played) - 1      # DPM adaptive is an exception
    assert f"| **all** | {count} | {count} | 0 | 0.000 | {count} |" in fidelity.page([found])


def test_a_case_that_cannot_be_made_is_reported(monkeypatch):
    def fails(*_):
        raise ValueError("no such luck")

    monkeypatch.setattr(fidelity, "made", fails)
    written = fidelity.page([fidelity.family(None, "clipskip", cases("clipskip"))])
    assert "## What differs" in written
    assert written.count("ValueError: no such luck") == len(cases("clipskip"))


def test_no_recorded_case_is_lost(monkeypatch):
    monkeypatch.setattr(fidelity, "made", a1111s_own)
    for name in ("hires", "seeds", "ti"):
        found = fidelity.family(None, name, cases(name))
        apart = [case for case in cases(name) if fidelity.incomparable(case)]
        assert len(found.played) + len(found.waiting) + len(found.failed) + len(apart) == len(cases(name))


def test_against_diffusers_runs(monkeypatch, capsys):
    monkeypatch.setattr(
        against_diffusers, "alternating", lambda sides: once({"easel": sides["easel"], "diffusers": sides["easel"]})
    )
    monkeypatch.setattr(against_diffusers, "planned", brief)
    against_diffusers.run()
    assert "diffusers ÷ easel" in capsys.readouterr().out


def test_a_job_s_model_is_found_in_memory_more_often_than_in_turn():
    jobs = ray.trace()
    assert ray.hits(jobs, 4, affinity=True) > 2 * ray.hits(jobs, 4, affinity=False)
    assert ray.hits(["a", "b"] * 50, 2, affinity=True) == 0.98      # each model's first job loads it
