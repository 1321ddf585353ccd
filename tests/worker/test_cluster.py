"""Workers on several machines, without Ray: what crosses, who joins and leaves, where files go."""

from __future__ import annotations

import json
import os
import sys
from dataclasses import asdict, dataclass
from hashlib import sha256
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from modules.base.errors import Invalid, UnknownName
from modules.engine.messages import READY, Ended, JobSpec, Made, Progress, WorkerDied, WorkerHealth, WorkerReady
from modules.engine.wire import to_line
from modules.imaging.save import save_numbered
from modules.library.catalog import Catalog
from modules.library.library import Library
from modules.library.model_kinds import CHECKPOINT, EMBEDDING, LORA, UPSCALER, VAE
from modules.settings.options import Settings
from modules.store.hashes import HashCache
from modules.store.step_files import KeptAnswer, StepFiles
from modules.worker.cluster.file_lists import FileLists, NeededFile, stands_in
from modules.worker.cluster.frames import Frame, packed_frame, unpacked_frame
from modules.worker.cluster.host import MadeFiles, WorkerHost
from modules.worker.cluster.machine_files import FileStore, MachineFiles
from modules.worker.cluster.machines import ClusterWorkers
from modules.worker.cluster.ray_cluster import ClusterMachine
from modules.worker.cluster.ray_link import Exchange, HostLost, RayLink
from modules.worker.cluster.returned_files import ReturnedFiles
from modules.worker.link import Launch
from modules.worker.pool import WorkerPool
from modules.worker.pool_member import Home
from modules.worker.process import ProcessWorker
from tests.library.headers import safetensors
from tests.worker.heard import Heard

FAKE = (sys.executable, "-m", "tests.worker.fake_worker_process")


def spec(job="a", settings=None, kind="txt2img", **params):
    return JobSpec(job, "local", kind, params, {**asdict(Settings()), **(settings or {})})


# Frames ----------------------------------------------------------------------------------------------


@given(st.dictionaries(st.text(min_size=1), st.binary()), st.dictionaries(st.text(), st.text()))
def test_a_frame_is_the_same_on_the_other_side(files, message):
    line = json.dumps(message).encode() + b"\n"
    assert unpacked_frame(packed_frame(Frame(line, files))) == Frame(line, files)


@pytest.mark.parametrize("content", [b"", b"{}", b"{}\n[]", b'{}\n[["a", 3]]\nxy', b'{}\n[["a", 1]]\nxy', b"{}\nnone\n"])
def test_what_is_no_frame_is_refused(content):
    with pytest.raises(ValueError):
        unpacked_frame(content)


# What a job needs ------------------------------------------------------------------------------------


@pytest.fixture
def home(tmp_path):
    """The server's models, a name a file, and its lists."""
    root, hashes = tmp_path / "models", HashCache(tmp_path / "easel.sqlite")
    for place in (
        "Stable-diffusion/first.safetensors", "Stable-diffusion/art.safetensors", "Stable-diffusion/art.vae.safetensors",
        "Lora/people/ink.safetensors", "Lora/oil.safetensors", "embeddings/bad-hands.safetensors",
        "ESRGAN/4x_sharp.safetensors", "VAE/clear.safetensors",
    ):
        (root / place).parent.mkdir(parents=True, exist_ok=True)
        safetensors(root / place, {"name": place})
    (root / "Stable-diffusion/art.yaml").write_text("model: {}")
    kinds = {CHECKPOINT: "Stable-diffusion", VAE: "VAE", LORA: "Lora", EMBEDDING: "embeddings", UPSCALER: "ESRGAN"}
    catalogs = {
        kind.name: Catalog([root / folder], hashes, kind, others=[root / "Stable-diffusion"] if kind is VAE else [])
        for kind, folder in kinds.items()
    }
    return FileLists(Library(catalogs, root / "VAE-approx"), root, tmp_path / "cache")


def needed(home, job):
    return {file.place.removeprefix("models/") for file in home.of(job)}


ART = {"Stable-diffusion/art.safetensors", "Stable-diffusion/art.yaml", "Stable-diffusion/art.vae.safetensors"}


@pytest.mark.parametrize(
    ("job", "expected"),
    [
        (spec(settings={"sd_model_checkpoint": "art.safetensors"}), ART),
        (spec(settings={"sd_model_checkpoint": "art"}, prompt="art of ink"), ART),
        (spec(prompt="x"), ART),      # the first of the list
        (spec(settings={"sd_model_checkpoint": "first"}, prompt="<lora:INK:0.5>"), {"Stable-diffusion/first.safetensors", "Lora/people/ink.safetensors"}),
        (spec(settings={"sd_model_checkpoint": "first"}, negative_prompt="(bad-hands:1.2)"), {"Stable-diffusion/first.safetensors", "embeddings/bad-hands.safetensors"}),
        (spec(settings={"sd_model_checkpoint": "first"}, prompt="bad-handshake, oily, <lora:inky:1>"), {"Stable-diffusion/first.safetensors"}),
        (spec(settings={"sd_model_checkpoint": "first", "sd_vae": "clear.safetensors"}), {"Stable-diffusion/first.safetensors", "VAE/clear.safetensors"}),
        (spec(settings={"sd_model_checkpoint": "first"}, hr_upscaler="4x_sharp"), {"Stable-diffusion/first.safetensors", "ESRGAN/4x_sharp.safetensors"}),
        (spec(settings={"sd_model_checkpoint": "first"}, script_args=[10, "first, art", ["x"]]), ART | {"Stable-diffusion/first.safetensors"}),
        (spec(settings={"sd_model_checkpoint": "first"}, script_args=[7, "x,<lora:oil:1>", []]), {"Stable-diffusion/first.safetensors", "Lora/oil.safetensors"}),
    ],
)
def test_a_job_needs_the_files_that_its_texts_name_and_what_goes_with_them(home, job, expected):
    assert needed(home, job) == expected
    assert all(file.sha256 == sha256(file.path.read_bytes()).hexdigest() for file in home.of(job))


def test_what_a_worker_is_told_of_a_file_names_no_folder_of_the_server(home, tmp_path):
    assert str(tmp_path) not in json.dumps([file.told() for file in home.of(spec(prompt="<lora:ink:1>"))])


def test_input_pictures_and_pictures_that_are_done_are_sent_to_places_of_their_own(home, tmp_path):
    name, done = f"{'a' * 64}.png", tmp_path / "elsewhere.png"
    (home.cache / "inputs").mkdir(parents=True)
    (home.cache / "inputs" / name).write_bytes(b"in")
    done.write_bytes(b"out")
    job = JobSpec("j", "local", "img2img", {"init_images": [name]}, {"sd_model_checkpoint": "first"}, done=(3,), paths=(str(done),))
    assert {"cache/inputs/" + name, "cache/done/j/3.png"} <= needed(home, job)


@given(st.text(), st.text(), st.text())
def test_a_name_stands_in_a_text_that_has_it_between_commas(before, name, after):
    if name.casefold().strip():
        assert stands_in(name, f"{before},{name},{after}".casefold()) or name[:1].isspace() or name[-1:].isspace() or name != name.strip()


# A machine's files -----------------------------------------------------------------------------------


def listed(content, place="models/Lora/a.safetensors", kind="lora"):
    return {"place": place, "size": len(content), "sha256": sha256(content).hexdigest(), "kind": kind}


def machine(tmp_path, most=10**9, own=None):
    return MachineFiles(tmp_path / "worker", FileStore(tmp_path / "store", most), lambda: own)


def test_a_file_is_sent_once_and_then_only_linked(tmp_path):
    here, content = machine(tmp_path), b"weights"
    [digest] = here.prepare([listed(content), listed(content, "models/Lora/copy.safetensors")])
    for part in (content[:3], content[3:], b""):
        here.take_part(digest, part)
    assert (tmp_path / "worker/models/Lora/copy.safetensors").read_bytes() == content
    again = MachineFiles(tmp_path / "other", here.store)
    assert again.prepare([listed(content)]) == [] and (tmp_path / "other/models/Lora/a.safetensors").read_bytes() == content
    assert here.kinds == ("lora",)


def test_a_file_that_came_with_another_content_is_refused_and_not_kept(tmp_path):
    here = machine(tmp_path)
    [digest] = here.prepare([listed(b"weights")])
    here.take_part(digest, b"others!")
    with pytest.raises(Invalid):
        here.take_part(digest, b"")
    assert here.prepare([listed(b"weights")]) == [digest] and not list((tmp_path / "store").iterdir())


def test_nobody_s_file_is_refused(tmp_path):
    with pytest.raises(Invalid):
        machine(tmp_path).take_part(sha256(b"x").hexdigest(), b"x")


@pytest.mark.parametrize("place", ["", "../x", "/etc/x", "models/../../x"])
def test_no_file_is_put_outside_a_worker_s_folder(tmp_path, place):
    here = machine(tmp_path)
    [digest] = here.prepare([listed(b"x", place)])
    here.take_part(digest, b"x")
    with pytest.raises(Invalid):
        here.take_part(digest, b"")


def test_a_machine_s_own_file_of_that_content_is_not_sent_whatever_its_name(tmp_path):
    folder = tmp_path / "own"
    folder.mkdir()
    path = safetensors(folder / "mine.safetensors", {"a": "b"})
    own = Library({"lora": Catalog([folder], HashCache(tmp_path / "db"), LORA)})
    here = machine(tmp_path, own=own)
    assert here.prepare([listed(path.read_bytes())]) == []
    assert (tmp_path / "worker/models/Lora/a.safetensors").resolve() == path


def test_the_store_keeps_what_the_last_job_needs_and_as_much_more_as_it_may(tmp_path):
    here, contents = machine(tmp_path, most=25), [bytes([n]) * 10 for n in range(4)]
    for content in contents:
        [digest] = here.prepare([listed(content)])
        here.take_part(digest, content)
        here.take_part(digest, b"")
    kept = {path.name for path in (tmp_path / "store").iterdir()}
    assert sha256(contents[-1]).hexdigest() in kept and len(kept) == 2


def test_a_stored_file_that_is_used_again_keeps_its_time_of_change_by_which_its_hash_is_known(tmp_path):
    here, content = machine(tmp_path, most=25), b"weights"
    [digest] = here.prepare([listed(content)])
    for part in (content, b""):
        here.take_part(digest, part)
    link = tmp_path / "worker/models/Lora/a.safetensors"
    hashes, stored = HashCache(tmp_path / "db"), tmp_path / "store" / digest
    os.utime(stored, (1, 1))
    hashes.sha256(link)
    assert here.prepare([listed(content)]) == [] and hashes.known(link) == digest
    assert stored.stat().st_atime > 1      # it is not the one that goes first


# Files that come back --------------------------------------------------------------------------------


def returned(tmp_path):
    return ReturnedFiles(tmp_path / "outputs", tmp_path / "cache")


SUFFIX = "Add number suffix"
DAY = "outputs/txt2img-images/2026-11-29"


def write(place, job, path, content=b"picture", beside=(), **made):
    told = Made(job.id, made.pop("index", 0), path, **made)
    return place.write(job, told, {path: content, **dict(beside)})


def test_pictures_get_the_server_s_next_number_with_what_stands_beside_them(tmp_path):
    place = returned(tmp_path)
    first = save_numbered(b"old", tmp_path / "outputs/txt2img-images", "9")
    folder = f"outputs/txt2img-images/{first.parent.name}"
    beside = {f"{folder}/00000-7-before-highres-fix.png": b"before", f"{folder}/00001-7.txt": b"text"}
    made = write(place, spec(), f"{folder}/00001-7.png", beside=beside)
    names = {path.name: path.read_bytes() for path in first.parent.iterdir()}
    assert names == {"00000-9.png": b"old", "00001-7-before-highres-fix.png": b"before", "00002-7.png": b"picture", "00002-7.txt": b"text"}
    assert made.path == str(first.parent / "00002-7.png")


@pytest.mark.parametrize(
    ("settings", "name", "expected"),
    [
        ({}, "00000-7", ["00000-7", "00001-7"]),
        ({"save_images_add_number": False, "save_images_replace_action": SUFFIX}, "red fox", ["red fox", "red fox-1"]),
        ({"save_images_add_number": False, "save_images_replace_action": SUFFIX}, "12345-fox", ["12345-fox", "12345-fox-1"]),
        ({"save_images_add_number": False}, "00000", ["00000", "00001"]),
        ({"save_images_add_number": False, "save_images_replace_action": "Replace"}, "fox", ["fox", "fox"]),
    ],
)
def test_a_name_is_numbered_or_not_as_the_server_s_own_worker_would(tmp_path, settings, name, expected):
    place = returned(tmp_path)
    paths = [write(place, spec(f"job{n}", settings), f"{DAY}/{name}.png").path for n in range(2)]
    assert [path.rpartition("/")[2].removesuffix(".png") for path in paths] == expected


def test_grids_have_numbers_of_their_own(tmp_path):
    place = returned(tmp_path)
    paths = [write(place, spec(f"job{n}"), "outputs/txt2img-grids/grid-0000.png", kind="grid", index=4).path for n in range(2)]
    assert [path.rpartition("/")[2] for path in paths] == ["grid-0000.png", "grid-0001.png"]


def test_a_picture_that_comes_twice_is_written_once(tmp_path):
    place = returned(tmp_path)
    assert write(place, spec(), f"{DAY}/00000-7.png").path == write(place, spec(), f"{DAY}/00000-7.png").path
    assert len(list((tmp_path / DAY).iterdir())) == 1


def test_what_is_not_saved_goes_to_the_cache(tmp_path):
    made = write(returned(tmp_path), spec(), "cache/x-0.png", saved=False, facts={"returned": []})
    assert made.path == str(tmp_path / "cache/x-0.png")


@pytest.mark.parametrize("path", ["outputs/../../x.png", "/etc/x.png", "config.json", "models/x.safetensors", "outputs"])
def test_a_worker_can_write_nowhere_else(tmp_path, path):
    with pytest.raises(Invalid):
        write(returned(tmp_path / "server"), spec(), path)
    assert not list(tmp_path.rglob("x.*"))


# Steps of pictures in the making ---------------------------------------------------------------------

PROGRESS = to_line(Progress("a", 0, 3, 20, 0.15))


def moved(machine, server, line=PROGRESS):
    """Carry what a machine sends with a message to the server."""
    frame = unpacked_frame(packed_frame(machine.with_files(line)))
    returned(server).keep_steps("a", 0, frame.files)
    return frame


def test_what_a_machine_keeps_of_a_picture_is_the_server_s_too_and_is_sent_once(tmp_path):
    machine, server = MadeFiles(tmp_path / "machine"), StepFiles(tmp_path / "server/cache")
    answers = [KeptAnswer(str(n), bytes([n]) * 100) for n in range(3)]
    machine.steps.begin("a", 0, [KeptAnswer("key", b""), answers[0]])
    for answer in (*answers[1:], None):
        assert moved(machine, tmp_path / "server").files and not moved(machine, tmp_path / "server").files
        assert server.read("a", 0, "key") == machine.steps.read("a", 0, "key")
        if answer:
            machine.steps.append("a", 0, [answer])
    assert server.read("a", 0, "key") == answers and not server.read("a", 0, "other")


def test_the_next_machine_begins_the_file_anew_and_what_comes_after_a_gap_is_left_out(tmp_path):
    server, files = StepFiles(tmp_path / "server/cache"), returned(tmp_path / "server")
    first = [KeptAnswer("key", b""), *(KeptAnswer(str(n), b"x" * 50) for n in range(4))]
    for kept in (first, first[:2]):
        machine = MadeFiles(tmp_path / f"machine of {len(kept)}")
        machine.steps.begin("a", 0, kept)
        moved(machine, tmp_path / "server")
        assert server.read("a", 0, "key") == kept[1:]
    files.keep_steps("a", 0, {"cache/steps/9999": b"late", "cache/steps/../x": b"no number"})
    assert server.read("a", 0, "key") == first[1:2] and len([*(tmp_path / "server").rglob("*.*")]) == 1


def test_a_job_that_goes_on_elsewhere_is_sent_its_steps_until_its_picture_is_there(tmp_path, home):
    server = StepFiles(home.cache)
    server.begin("a", 2, [KeptAnswer("key", b"")])
    server.begin("b", 2, [KeptAnswer("key", b"")])
    [listed_file] = home.steps(spec("a"))
    assert listed_file.place == f"cache/steps/{listed_file.path.name}" and listed_file.path in server.of_job("a")
    assert listed_file in home.of(spec("a", prompt=""))
    write(ReturnedFiles(tmp_path / "outputs", home.cache), spec("a"), f"{DAY}/00000-7.png", index=2)
    assert [*home.steps(spec("a"))] == [] and len([*home.steps(spec("b"))]) == 1


# Links -----------------------------------------------------------------------------------------------


class NearHost:
    """A `WorkerHost` in this process, as a link sees one elsewhere; it can be lost."""

    def __init__(self, files=None):
        self.host, self.lost = WorkerHost(b"{}\n", files, FAKE), False
        self.sent = []

    def check(self):
        if self.lost:
            raise HostLost("no answer")

    def tell(self, line):
        self.check()
        self.host.tell(line)

    def prepare(self, listed):
        self.check()
        return self.host.prepare(listed)

    def send(self, digest, parts):
        for part in (*parts, b""):
            self.check()
            self.sent.append(part)
            self.host.take_part(digest, part)

    def said(self):
        for frame in self.host.said():
            self.check()
            yield frame
        self.check()

    def kill(self):
        self.host.kill()


class Shop(Heard):
    """A worker behind a link, and everything it told."""

    def __init__(self, exchange=None, files=None):
        self.hosts = []

        def connect(launch, told, clock):
            self.hosts.append(NearHost(files))
            return RayLink(self.hosts[-1], launch, clock(), exchange)

        super().__init__(lambda emit: ProcessWorker(Launch((), lambda told: b""), emit, connect=connect))
        self.worker.start()


@pytest.fixture
def shops():
    made = []

    def begin(*how):
        made.append(Shop(*how))
        return made[-1]

    yield begin
    for each in made:
        each.worker.stop()


def fake(job, prompt="", pictures=1, **more):
    return JobSpec(job, "local", "txt2img", {"prompt": prompt, "pictures": pictures, **more}, {})


def test_a_worker_behind_a_link_tells_what_one_beside_the_server_tells(shops):
    shop = shops()
    shop.worker.submit(fake("a", pictures=3))
    shop.until(lambda: shop.of(Ended))
    assert [made.index for made in shop.of(Made)] == [0, 1, 2] and shop.of(Ended) == [Ended("a", "done")]


def test_a_process_that_crashes_is_its_job_s_fault_a_machine_that_is_lost_nobody_s(shops):
    shop = shops()
    shop.worker.submit(fake("poison", "crash"))
    shop.until(lambda: shop.of(WorkerDied))
    assert (shop.of(WorkerDied)[0].lost, shop.of(WorkerDied)[0].blamed) == (("poison",), ("poison",))
    shop.until(lambda: len(shop.of(WorkerReady)) == 2)
    shop.worker.submit(fake("unlucky", "hang"))
    shop.until(lambda: shop.worker.child and shop.worker.child.in_hand.get("device"))
    shop.hosts[-1].lost = True
    shop.hosts[-1].kill()
    shop.until(lambda: len(shop.of(WorkerDied)) == 2)
    assert (shop.of(WorkerDied)[1].lost, shop.of(WorkerDied)[1].blamed) == (("unlucky",), ())


@dataclass(frozen=True)
class OneModel:
    """Lists that name the same file for every job; reading it waits until it may be read."""

    path: Path

    def of(self, job):
        return [NeededFile("models/Lora/a.safetensors", 7, sha256(b"weights").hexdigest(), "lora", self.path)]


def test_a_job_goes_after_its_files_and_each_file_once(shops, tmp_path):
    (tmp_path / "a").write_bytes(b"weights")
    exchange = Exchange(OneModel(tmp_path / "a"), returned(tmp_path / "server"))
    shop = shops(exchange, machine(tmp_path))
    for job in ("one", "two"):
        shop.worker.submit(fake(job, pictures=0))
        shop.until(lambda job=job: Ended(job, "done") in shop.events)
    assert shop.worker.child.courier.specs == {}      # nothing is kept of what has ended
    assert shop.hosts[0].sent == [b"weights", b""] and str(tmp_path / "a") in exchange.there
    assert (tmp_path / "worker/models/Lora/a.safetensors").read_bytes() == b"weights"


def test_a_job_whose_file_has_gone_fails_and_the_next_is_made(shops, tmp_path):
    exchange = Exchange(OneModel(tmp_path / "gone"), returned(tmp_path / "server"))
    shop = shops(exchange, machine(tmp_path))
    shop.worker.submit(fake("one", pictures=0))
    shop.until(lambda: shop.of(Ended))
    assert shop.of(Ended)[0].state == "failed"
    (tmp_path / "gone").write_bytes(b"weights")
    shop.worker.submit(fake("two", pictures=0))
    shop.until(lambda: Ended("two", "done") in shop.events)


def test_a_job_is_interrupted_while_its_files_travel(shops, tmp_path):
    fifo = tmp_path / "slow"
    os.mkfifo(fifo)
    writer = os.open(fifo, os.O_RDWR)      # reading waits until it writes
    shop = shops(Exchange(OneModel(fifo), returned(tmp_path / "server")), machine(tmp_path))
    shop.worker.submit(fake("one"))
    shop.until(lambda: shop.worker.child)
    shop.worker.interrupt("one")
    shop.until(lambda: shop.of(Ended))
    os.write(writer, b"weights")
    os.close(writer)
    assert shop.of(Ended) == [Ended("one", "interrupted")] and not shop.of(Made)


# Machines that join and leave ------------------------------------------------------------------------


class Given:
    """A worker that only notes what it is given."""

    def __init__(self, emit):
        self.emit, self.given, self.stopped = emit, [], False

    def start(self):
        self.emit(WorkerHealth("", READY))
        self.emit(WorkerReady("", {"device": "x"}, 4))

    def submit(self, spec):
        self.given.append(spec.id)

    def interrupt(self, job): ...
    def skip(self, job): ...
    def keep_loaded(self, checkpoint): ...
    def try_again(self): ...
    def stop(self):
        self.stopped = True


class FakeCluster:
    def __init__(self, *machines):
        self.here = list(machines)

    def connect(self): ...
    def machines(self):
        return list(self.here)

    def close(self): ...


def test_of_machines_with_one_name_each_worker_can_be_drained(cluster):
    cluster.cluster.here = [ClusterMachine(each, "studio", 2, 0, True) for each in "12"]
    cluster.look()
    names = [each.name for each in cluster.listed()]
    assert names == ["studio, 1", "studio, 2", "studio, 3", "studio, 4"]
    for number, name in enumerate(names, 1):
        cluster.drain(name, True)
        assert [each.draining for each in cluster.listed()] == [True] * number + [False] * (4 - number)
    cluster.cluster.here = cluster.cluster.here[1:]
    cluster.look()
    cluster.cluster.here.append(ClusterMachine("3", "studio", 1, 0, True))
    cluster.look()
    assert [each.name for each in cluster.listed()] == ["studio, 3", "studio, 4", "studio, 1"]


ONE, TWO = ClusterMachine("1", "one", 1, 0, True), ClusterMachine("2", "two", 2, 0, True)


@pytest.fixture
def cluster():
    events, there = [], FakeCluster()
    pool = WorkerPool([], events.append)
    found = ClusterWorkers(there, pool, lambda: None, lambda machine, exchange, emit: Given(emit))
    found.events = events
    return found


def ready_of(cluster):
    return [event for event in cluster.events if isinstance(event, WorkerReady)][-1]


def test_machines_that_join_bring_their_slots_and_those_that_leave_take_them_and_give_their_jobs_back(cluster):
    cluster.cluster.here = [ONE, TWO]
    cluster.look()
    assert (ready_of(cluster).workers, ready_of(cluster).at_once) == (3, 12)
    for job in "abc":
        cluster.submit(JobSpec(job, "local", "txt2img", {"prompt": ""}, {"sd_model_checkpoint": job}))
    gone = {job for member in cluster.joined["2"].members for job in member.jobs}
    workers = [member.worker for member in cluster.joined["2"].members]
    cluster.cluster.here = [ONE]
    cluster.look()
    died = [event for event in cluster.events if isinstance(event, WorkerDied)]
    assert {job for event in died for job in event.lost} == gone and len(gone) == 2
    assert not any(event.blamed for event in died) and all(worker.stopped for worker in workers)
    assert ready_of(cluster).workers == 1
    workers[0].emit(Made("a", 0, "/late"))      # from a machine that was only cut off
    assert not [event for event in cluster.events if isinstance(event, Made)]


def test_a_job_waits_for_the_first_machine_and_can_be_cancelled_until_then(cluster):
    for job in "ab":
        cluster.submit(fake(job))
    cluster.interrupt("a")
    assert cluster.events == [Ended("a", "interrupted")]
    cluster.cluster.here = [ONE]
    cluster.look()
    assert cluster.members[0].worker.given == ["b"]


def test_a_machine_that_drains_is_given_nothing_until_it_is_opened_again(cluster):
    cluster.cluster.here = [ONE]
    cluster.look()
    [member] = cluster.members
    [told] = cluster.listed()
    assert (told.name, told.device, told.phase, told.draining) == ("one, 1", "x", READY, False)
    cluster.drain(told.name, True)
    cluster.submit(fake("a"))
    assert member.worker.given == [] and cluster.listed()[0].draining
    cluster.drain(told.name, False)
    assert member.worker.given == ["a"] and (cluster.listed()[0].jobs, cluster.listed()[0].draining) == (1, False)
    with pytest.raises(UnknownName):
        cluster.drain("two", True)


def test_a_job_on_the_server_s_own_files_goes_to_who_sees_them(tmp_path):
    pool, far, near = WorkerPool([], lambda event: None), Home("far", False, lambda model: True), Home("near")
    members = {home.name: pool.add(home, Given) for home in (far, near)}
    pool.submit(JobSpec("merge", "local", "merge", {}, {}))
    pool.submit(JobSpec("folder", "local", "img2img", {"batch": {"folder": str(tmp_path)}}, {}))
    assert members["near"].worker.given == ["merge", "folder"] and members["far"].worker.given == []


def test_a_model_is_rather_loaded_where_it_lies_on_the_disk_than_sent():
    pool = WorkerPool([], lambda event: None)
    homes = Home("without", False, lambda model: False), Home("with", False, lambda model: model == "m")
    members = {home.name: pool.add(home, Given) for home in homes}
    for job in "ab":
        pool.submit(JobSpec(job, "local", "txt2img", {"prompt": "x"}, {"sd_model_checkpoint": "m"}))
    assert members["with"].worker.given == ["a", "b"]
