"""For whom an extension's code runs: the job's account, or that of the request; never somebody else's."""

from __future__ import annotations

import shutil
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from threading import get_ident
from types import SimpleNamespace

import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient
from PIL import Image

from modules.api.extension_routes import ExtensionApp, ExtensionRoutes
from modules.base.accounts import LOCAL_OWNER, Account, Role
from modules.base.errors import Forbidden, Invalid, StopAsked
from modules.commands.worker_process import style_files_of
from modules.plugins.host import IN_USE, UNUSABLE, CallFailed, Host, surface
from modules.settings.file import SettingsFile
from modules.settings.flags import Flags
from modules.settings.options import Settings
from modules.surface.asking import asking_account
from modules.surface.binding import NotHere
from modules.worker.hooks.job_options import JobOptions

OURS = Path(__file__).parent / "extensions"
STYLES = "name,prompt,negative_prompt\n{name},{text},\n"


class JobOf:
    """A job whose hooks are called in the thread that makes it."""

    def __init__(self, owner: str, role: str = "member") -> None:
        self.spec = SimpleNamespace(owner=owner, role=role)
        self.thread = get_ident()
        self.settings = Settings()
        self.opts = JobOptions(self, {})
        self.state = SimpleNamespace(job=f"{owner}'s", job_count=7)


@pytest.fixture
def host(tmp_path):
    shutil.copytree(OURS, tmp_path / "extensions")
    found = Host(tmp_path / "extensions")
    flags = Flags(data_dir=tmp_path)
    for folder, owner in ((tmp_path, "own"), (tmp_path / "configs/accounts/anna", "anna")):
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "styles.csv").write_text(STYLES.format(name="mine", text=f"style of {owner}"), "utf-8")
    program = SimpleNamespace(
        flags=flags, settings=SettingsFile(tmp_path / "config.json"), data_of=lambda owner: style_files_of(flags.paths, owner)
    )
    found.load(program)
    yield found
    found.unload()


def elsewhere(function):
    """Return what a function returns in another thread."""
    with ThreadPoolExecutor(1) as pool:
        return pool.submit(function).result()


def test_the_account_is_the_jobs_in_its_own_thread_alone(host):
    assert asking_account().is_local
    host.job_in_hand = JobOf("anna")
    assert asking_account() == Account("anna", Role.MEMBER)
    with pytest.raises(NotHere, match="not known whose"):
        elsewhere(asking_account)
    host.job_in_hand = JobOf(LOCAL_OWNER, "administrator")
    assert elsewhere(asking_account).is_local


def test_a_route_of_an_extension_answers_for_who_asks(host):
    app = ExtensionApp("tier-a")
    app.add_api_route("/whose", lambda: asking_account().name)
    host.shared = lambda: True
    api = FastAPI()
    api.router.default = ExtensionRoutes((app,), api.router.default)

    async def door(scope, receive, send):
        names = dict(scope.get("headers", []))
        await api({**scope, "account": Account(names[b"account"].decode(), Role.MEMBER)}, receive, send)

    client = TestClient(door)
    assert [client.get("/whose", headers={"account": name}).json() for name in ("anna", "ben")] == ["anna", "ben"]
    with pytest.raises(NotHere):
        asking_account()


def test_styles_are_the_accounts(host):
    styles = surface("shared").prompt_styles
    assert styles.apply_styles_to_prompt("a fox", ["mine"]) == "a fox, style of own"
    host.job_in_hand = JobOf("anna")
    assert styles.apply_styles_to_prompt("a fox", ["mine"]) == "a fox, style of anna"


def test_a_picture_is_saved_below_the_outputs_of_its_account(host, tmp_path):
    save, picture = partial(surface("images").save_image, save_to_dirs=False), Image.new("RGB", (8, 8))
    assert Path(save(picture, "outputs/mine", "one")[0]).parent == tmp_path / "outputs/mine"
    host.job_in_hand = JobOf("anna")
    assert Path(save(picture, "outputs/mine", "one")[0]).parent == tmp_path / "outputs/anna/mine"
    assert Path(save(picture, "outputs/../../ben", "one")[0]).is_relative_to(tmp_path / "outputs/anna")
    for elsewhere_in in (tmp_path / "outputs/ben", tmp_path / "outputs/mine", tmp_path):
        with pytest.raises((Forbidden, Invalid)):
            save(picture, str(elsewhere_in), "one")


def test_what_goes_on_is_seen_by_others_only_where_one_person_alone_is_there(host):
    state = surface("shared").state
    assert state.job_count == 0
    host.job_in_hand = JobOf("anna")
    assert (state.job, elsewhere(lambda: state.job)) == ("anna's", "")
    host.job_in_hand = JobOf(LOCAL_OWNER)
    assert elsewhere(lambda: state.job_count) == 7
    host.shared = lambda: True
    assert elsewhere(lambda: state.job_count) == 0


def test_pictures_are_made_in_hooks_alone(host):
    """An event of the page has no job; one that another thread has in hand is somebody else's."""
    processing = surface("processing")
    host.job_in_hand = JobOf("anna")

    def event():
        p = processing.StableDiffusionProcessingImg2Img(prompt="a fox")
        assert p.initial_noise_multiplier == 1.0 and not hasattr(p, "sd_model")
        return processing.process_images(p)

    with pytest.raises(NotHere, match="No picture is being made here"):
        elsewhere(event)


def test_what_a_request_may_not_have_is_no_failure_of_the_extension(host):
    def refuses():
        raise Invalid("There is no such sampler.")

    def ends():
        raise StopAsked

    for _ in range(4):
        with pytest.raises(CallFailed, match="There is no such sampler"):
            host.call("tier-a", "process", refuses)
        with pytest.raises(StopAsked):
            host.call("tier-a", "process", ends)
    assert host.state_of("tier-a").state == IN_USE
    for _ in range(3):
        host.told_call("tier-a", "process", lambda: 1 // 0)
    assert host.state_of("tier-a").state == UNUSABLE


def test_failures_while_an_extension_is_loaded_count_on_a_shared_server_too(host):
    host.shared = lambda: True
    for _ in range(5):
        host.told_call("tier-a", "infotext_pasted", lambda: 1 // 0)
    assert host.state_of("tier-a").state == IN_USE
    for _ in range(3):
        host.told_call("tier-a", "ui_tabs", lambda: 1 // 0)
    assert host.state_of("tier-a").state == UNUSABLE
