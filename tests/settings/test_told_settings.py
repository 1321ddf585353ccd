"""A worker's process has the server's settings as they are told, and writes none."""

from __future__ import annotations

from threading import Event

import pytest

from modules.base.errors import Invalid
from modules.commands.worker_process import HostedWorker
from modules.engine.messages import WorkerState
from modules.engine.wire import Submit, from_line, to_line
from modules.settings.file import SettingsFile
from modules.settings.flags import Flags
from modules.settings.options import Settings
from modules.settings.told_settings import ToldSettings
from modules.worker.outbox import Outbox
from tests.golden_data import spec

SPEC = spec({"endpoint": "/sdapi/v1/txt2img", "id": "one", "payload": {"prompt": "a fox"}})


@pytest.fixture
def server(tmp_path):
    found = SettingsFile(tmp_path / "config.json")
    found.declare("tier_times", 3)
    return found


def test_what_a_worker_is_told_is_what_the_server_has(server):
    here = ToldSettings(server.told)
    here.declare("tier_times", 3)
    assert (here.current, here.foreign) == (server.current, server.foreign)
    server.change(tier_times=5, eta_noise_seed_delta=31337, js_modal_lightbox=False)
    server.keep("disabled_extensions", ["one"])
    told = from_line(to_line(Submit(SPEC, settings=server.told))).settings
    here.hear(told)
    assert (here.current, here.foreign) == (server.current, server.foreign)
    server.forget(["tier_times", "eta_noise_seed_delta"])
    here.hear(server.told)
    assert (here.current, here.foreign) == (server.current, server.foreign)


def test_what_a_worker_changes_is_its_own(server, tmp_path):
    server.change(tier_times=5)
    before = (tmp_path / "config.json").read_bytes()
    here = ToldSettings(server.told)
    here.declare("tier_times", 3)
    here.change(tier_times=8, eta_noise_seed_delta=1)
    assert (here.foreign["tier_times"], here.current.eta_noise_seed_delta) == (8, 1)
    here.forget(["tier_times", "eta_noise_seed_delta"])
    assert (here.foreign["tier_times"], here.current) == (3, Settings())
    with pytest.raises(Invalid, match="eta_noise_seed_delta"):
        here.change(eta_noise_seed_delta="much")
    assert (tmp_path / "config.json").read_bytes() == before and server.foreign["tier_times"] == 5


def test_a_workers_process_takes_the_settings_that_come_with_a_job(tmp_path):
    """Its own file, which may be another machine's, is neither read nor written."""
    (tmp_path / "config.json").write_text('{"eta_noise_seed_delta": 1}')
    worker = HostedWorker(Flags(data_dir=tmp_path), {"settings": {"eta_noise_seed_delta": 2}}, Outbox(lambda line: None))
    assert worker.settings.current.eta_noise_seed_delta == 2
    worker.prepare(Submit(SPEC, settings={"eta_noise_seed_delta": 3}))
    assert worker.settings.current.eta_noise_seed_delta == 3
    assert (tmp_path / "config.json").read_text() == '{"eta_noise_seed_delta": 1}'


def test_extensions_of_a_workers_process_hear_of_each_new_checkpoint(tmp_path, monkeypatch):
    worker = HostedWorker(Flags(data_dir=tmp_path), {}, Outbox(lambda line: None))
    told, ready = [], Event()
    monkeypatch.setattr(worker.host, "tell_model_loaded", lambda: told.append(worker.loaded) or ready.set())
    for loaded in ("one.safetensors", "", "one.safetensors", "two.safetensors"):
        worker.emit(WorkerState("", "", loaded))
    assert told == ["one.safetensors", "two.safetensors"] and ready.is_set()
