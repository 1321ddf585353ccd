"""Set-up as a user meets it: real processes, real virtual environments, one small wheel instead of gigabytes."""

from __future__ import annotations

import ast
import ctypes
import os
import shutil
import signal
import socket
import stat
import subprocess
import sys
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

import webui
from modules.base import bootstrap
from modules.base.bootstrap import (
    SetupFailed,
    is_satisfied,
    is_stamped,
    listen,
    pins,
    python_of,
    python_version,
    signature,
    stamp_path,
)

ROOT = Path(__file__).resolve().parents[1]
SYSTEM_PYTHON = Path(sys.base_prefix, "bin", "python3") if os.name != "nt" else Path(sys.base_prefix, "python.exe")
REQUIREMENTS = ("requirements.txt", "requirements-test.txt")
POSIX = pytest.mark.skipif(os.name == "nt", reason="POSIX: symbolic links, signals and permissions")

FAKE_SERVE = """
import os, time

def serve(flags, sock):
    import easel_probe
    print("serving", flags.theme, sock.getsockname()[1] > 0, easel_probe.VERSION, os.environ["HF_HUB_OFFLINE"], flush=True)
    time.sleep(float(os.environ.get("SERVE_SECONDS", 0)))
"""
FAKE_GENERATE = '''
def generate(flags, rest):
    print("generating", flags.theme, rest, flush=True)
    return 7
'''
FAKE_PYTEST = "import os, sys; print('testing', sys.argv[1:], os.getcwd()); sys.exit(3)"


def wheel(folder: Path, version: str) -> None:
    """A package of one constant, as pip wants it."""
    info = f"easel_probe-{version}.dist-info"
    with zipfile.ZipFile(folder / f"easel_probe-{version}-py3-none-any.whl", "w") as file:
        file.writestr("easel_probe.py", f"VERSION = {version!r}\n")
        file.writestr(f"{info}/METADATA", f"Metadata-Version: 2.1\nName: easel-probe\nVersion: {version}\n")
        file.writestr(
            f"{info}/WHEEL", "Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
        )
        file.writestr(f"{info}/RECORD", f"easel_probe.py,,\n{info}/METADATA,,\n{info}/WHEEL,,\n{info}/RECORD,,\n")


class Clone:
    """A copy of the tree, with a program that says what it was asked, and a package index of one package."""

    def __init__(self, root: Path, wheels: Path) -> None:
        self.root, self.wheels = root, wheels
        for part in ("base", "settings"):
            shutil.copytree(
                ROOT / "modules" / part, root / "modules" / part, ignore=shutil.ignore_patterns("__pycache__")
            )
        shutil.copy(ROOT / "webui.py", root)
        self.write("modules/__init__.py", "")
        self.write("modules/commands/serve.py", FAKE_SERVE)
        self.write("modules/commands/generate.py", FAKE_GENERATE)
        self.write("pytest.py", FAKE_PYTEST)
        self.write("requirements.txt", "easel-probe==1.0  # all it needs\n")
        self.write("requirements-test.txt", "")
        wheel(wheels, "1.0")

    def write(self, name: str, text: str) -> None:
        path = self.root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")

    @property
    def venv(self) -> Path:
        return self.root / ".venv"

    def environ(self, **extra: str) -> dict[str, str]:
        ours = (*bootstrap.ENVIRONMENT, "COMMANDLINE_ARGS", "PYTHONPATH")
        clean = {name: value for name, value in os.environ.items() if not name.startswith("PIP_") and name not in ours}
        return clean | {"PIP_CONFIG_FILE": os.devnull, "PIP_NO_INDEX": "1", "PIP_FIND_LINKS": str(self.wheels),
                        "PYTHONUTF8": "1"} | extra

    def run(self, *arguments: str, python: Path = SYSTEM_PYTHON, **how) -> subprocess.CompletedProcess[str]:
        how = {"cwd": self.wheels, "env": self.environ()} | how
        return subprocess.run(
            [str(python), str(self.root / "webui.py"), *arguments],
            text=True,
            encoding="utf-8",
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            timeout=120,
            **how,
        )


@pytest.fixture
def clone(tmp_path: Path) -> Clone:
    root, wheels = tmp_path / "Ünïcode söme path", tmp_path / "wheels"
    wheels.mkdir()
    return Clone(root, wheels)


@pytest.fixture(scope="module")
def installed_once(tmp_path_factory: pytest.TempPathFactory) -> tuple[Clone, str]:
    """A clone whose first start is done, and what that start said."""
    folder = tmp_path_factory.mktemp("first")
    (folder / "wheels").mkdir()
    clone = Clone(folder / "Ünïcode söme path", folder / "wheels")
    said = clone.run("--port", "0", "--theme", "dark")
    assert said.returncode == 0, said.stdout
    return clone, said.stdout


@pytest.fixture
def installed(installed_once: tuple[Clone, str]) -> Iterator[Clone]:
    clone = installed_once[0]
    kept = {path: path.read_bytes() for path in [*clone.venv.glob("*.stamp"), *map(clone.root.joinpath, REQUIREMENTS)]}
    yield clone
    for path, content in kept.items():
        path.write_bytes(content)


# --- an old Python ---

@pytest.mark.parametrize("version", [(2, 7, 18), (3, 6, 15), (3, 10, 19)])
def test_an_old_python_is_told_what_it_is_and_what_is_needed(version):
    said = webui.too_old(version)
    assert ".".join(map(str, version)) in said
    assert "3.11" in said


@pytest.mark.parametrize("version", [(3, 11, 0), (3, 13, 7), (4, 0, 0)])
def test_a_newer_python_will_do(version):
    assert webui.too_old(version) == ""


def test_the_entry_and_the_bootstrap_agree_on_the_oldest_python():
    assert webui.OLDEST == bootstrap.OLDEST


def test_old_pythons_can_read_the_entry():
    tree = ast.parse((ROOT / "webui.py").read_text(encoding="utf-8"), feature_version=(3, 6))
    imports = [node for node in tree.body if isinstance(node, (ast.Import, ast.ImportFrom))]
    assert [ast.unparse(node) for node in imports] == ["import os", "import sys", "from pathlib import Path"]


@pytest.mark.parametrize("name", ["python3.6", "python3.7", "python3.8", "python3.9", "python3.10"])
def test_old_pythons_that_are_here_say_so_themselves(name):
    python = shutil.which(name)
    if not python or subprocess.run([python, "-c", ""], capture_output=True).returncode:
        pytest.skip(f"no {name} on this machine")
    ended = subprocess.run([python, str(ROOT / "webui.py")], capture_output=True, text=True)
    assert ended.returncode == 1
    assert ended.stderr.startswith("Easel needs Python 3.11 or newer; this is " + name.removeprefix("python"))


# --- the command line, before anything is installed ---

def test_help_needs_no_installation(clone):
    ended = clone.run("--help")
    assert ended.returncode == 0
    assert "--listen" in ended.stdout
    assert not clone.venv.exists()


def test_an_unknown_flag_ends_with_a_suggestion_before_any_installation(clone):
    ended = clone.run("--prot", "80")
    assert ended.returncode == 2
    assert ended.stdout == "There is no flag --prot.\nDid you mean --port?\n"
    assert not clone.venv.exists()


def test_an_unknown_command_ends_with_a_suggestion(clone):
    ended = clone.run("genrate", "a fox")
    assert ended.returncode == 2
    assert "'genrate'" in ended.stdout and "'generate'" in ended.stdout


def test_a_busy_port_is_named_before_any_installation(clone):
    with listen("127.0.0.1", 0) as taken:
        port = str(taken.getsockname()[1])
        ended = clone.run("--port", port)
    assert ended.returncode == 1
    assert port in ended.stdout and "--port" in ended.stdout
    assert "Traceback" not in ended.stdout
    assert not clone.venv.exists()


# --- the port ---

def test_a_listening_socket_keeps_the_port_and_takes_connections():
    with listen("127.0.0.1", 0) as sock:
        port = sock.getsockname()[1]
        with pytest.raises(SetupFailed, match=str(port)):
            listen("127.0.0.1", port)
        with socket.create_connection(("127.0.0.1", port), timeout=5):
            pass


def test_a_closed_port_can_be_taken_again_at_once():
    with listen("127.0.0.1", 0) as sock:
        port = sock.getsockname()[1]
    with listen("127.0.0.1", port) as again:
        assert again.getsockname()[1] == port


@pytest.mark.parametrize("host", ["203.0.113.1", "no such host"])
def test_an_address_of_another_computer_is_refused_in_words(host):
    with pytest.raises(SetupFailed) as caught:
        listen(host, 0)
    assert host in str(caught.value)
    assert "--server-name" in caught.value.hint


# --- requirements and stamps ---

@pytest.mark.parametrize("version", [(3, 11), (3, 12), (3, 13)])
@pytest.mark.parametrize("name", REQUIREMENTS)
def test_our_requirements_are_all_pinned(name, version):
    assert pins((ROOT / name).read_text(encoding="utf-8"), version)


def test_a_marker_chooses_the_pin():
    text = 'numpy==2.4.6; python_version >= "3.11"\nnumpy==2.2.6; python_version < "3.11"\n'
    assert pins(text, (3, 10)) == {"numpy": "2.2.6"}
    assert pins(text, (3, 11)) == {"numpy": "2.4.6"}


@pytest.mark.parametrize("line", ["numpy>=2", "-r other.txt", "./local", "numpy", 'numpy==2; os_name == "nt"'])
def test_a_line_that_is_no_pin_is_left_to_pip(line, tmp_path):
    with pytest.raises(ValueError, match=r".+"):
        pins(line, (3, 11))
    (tmp_path / "requirements.txt").write_text(line)
    assert not is_satisfied(tmp_path / "requirements.txt")


def test_only_the_exact_version_satisfies(tmp_path):
    file = tmp_path / "requirements.txt"
    file.write_text(f"pytest=={pytest.__version__}\n")
    assert is_satisfied(file)
    file.write_text("pytest==0.0.1\n")
    assert not is_satisfied(file)
    file.write_text("no-such-package-anywhere==1\n")
    assert not is_satisfied(file)


def test_a_stamp_vouches_for_one_list_and_one_python(tmp_path):
    file = tmp_path / "requirements.txt"
    file.write_text("a==1\n")
    stamp_path(tmp_path, file).write_text(signature(file, (3, 11)))
    assert is_stamped(tmp_path, file, (3, 11))
    assert not is_stamped(tmp_path, file, (3, 12))
    assert not is_stamped(tmp_path, file, None)
    file.write_text("a==2\n")
    assert not is_stamped(tmp_path, file, (3, 11))


def test_the_running_python_tells_its_version_and_a_missing_one_none(tmp_path):
    assert python_version(Path(sys.executable)) == sys.version_info[:2]
    assert python_version(tmp_path / "python") is None


def test_what_the_user_has_set_stays():
    environ = {"HF_HUB_OFFLINE": "0", "PYTHONHOME": "/elsewhere"}
    bootstrap.settle(environ)
    assert environ["HF_HUB_OFFLINE"] == "0"
    assert environ["GRADIO_ANALYTICS_ENABLED"] == "False"
    assert "PYTHONHOME" not in environ


def test_a_python_without_venv_is_told_the_package_to_install(clone):
    hidden = ("import runpy, sys; sys.modules['ensurepip'] = None; del sys.argv[0]; "
              "runpy.run_path(sys.argv[0], run_name='__main__')")
    ended = subprocess.run([SYSTEM_PYTHON, "-c", hidden, clone.root / "webui.py", "--port", "0"], capture_output=True,
                           text=True, env=clone.environ())
    assert ended.returncode == 1
    assert "apt install python{}.{}-venv".format(*sys.version_info) in ended.stderr
    assert "Traceback" not in ended.stderr
    assert not clone.venv.exists()


@pytest.mark.parametrize(
    ("attention", "gpu", "more"),
    [
        ("xformers", "/usr/bin/nvidia-smi", ["requirements-gpu.txt"]),
        ("xformers", None, []),
        ("Automatic", "/usr/bin/nvidia-smi", []),
    ],
)
def test_xformers_is_installed_where_it_is_asked_for_and_can_work(monkeypatch, attention, gpu, more):
    monkeypatch.setattr(shutil, "which", lambda name: gpu)
    assert webui.for_gpu(attention) == more
    assert all((Path(webui.__file__).parent / name).is_file() for name in more)


# --- starts ---

@pytest.mark.slow
def test_the_first_start_installs_in_view_then_serves(installed_once):
    clone, said = installed_once
    assert "Making .venv" in said
    assert "Installing requirements.txt" in said
    assert "Successfully installed easel-probe-1.0" in said
    assert said.endswith("serving dark True 1.0 1\n")
    assert is_stamped(clone.venv, clone.root / "requirements.txt", python_version(python_of(clone.venv)))


@pytest.mark.slow
def test_a_later_start_says_nothing_and_needs_no_package_index(installed):
    ended = installed.run("serve", "--port", "0", env=installed.environ(PIP_FIND_LINKS=os.devnull))
    assert ended.stdout == "serving None True 1.0 1\n"


@pytest.mark.slow
def test_the_pythons_own_environment_is_taken_as_it_is(installed):
    stamp_path(installed.venv, installed.root / "requirements.txt").unlink()
    ended = installed.run(
        "--port", "0", python=python_of(installed.venv), env=installed.environ(PIP_FIND_LINKS=os.devnull)
    )
    assert ended.stdout == "serving None True 1.0 1\n"


@pytest.mark.slow
def test_an_environment_without_a_stamp_is_adopted(installed):
    stamp_path(installed.venv, installed.root / "requirements.txt").unlink()
    ended = installed.run("--port", "0")
    assert "Requirement already satisfied" in ended.stdout
    assert "Making" not in ended.stdout
    assert installed.run("--port", "0").stdout == "serving None True 1.0 1\n"


@pytest.mark.slow
def test_flags_without_effect_are_noted_once(installed):
    ended = installed.run("--port", "0", "--opt-channelslast")
    assert ended.stdout == "--opt-channelslast is not needed here.\nserving None True 1.0 1\n"


@pytest.mark.slow
def test_generate_gets_its_own_arguments_and_its_exit_code_is_ours(installed):
    ended = installed.run("generate", "ein Füchslein", "--theme", "light", "--steps", "3")
    assert ended.stdout == "generating light ['ein Füchslein', '--steps', '3']\n"
    assert ended.returncode == 7


@pytest.mark.slow
def test_test_runs_pytest_in_the_tree_and_passes_its_exit_code_on(installed):
    installed.run("test")
    ended = installed.run("test", "-k", "a name", "--skip-install")
    assert ended.stdout == f"testing ['-k', 'a name'] {installed.root}\n"
    assert ended.returncode == 3


@pytest.mark.slow
def test_a_failed_install_leaves_no_stamp_and_the_next_start_resumes(installed):
    installed.write("requirements.txt", "easel-probe==2.0\n")
    failed = installed.run("--port", "0")
    assert failed.returncode == 1
    assert "pip could not install requirements.txt" in failed.stdout
    assert "Traceback" not in failed.stdout
    assert not stamp_path(installed.venv, installed.root / "requirements.txt").exists()
    wheel(installed.wheels, "2.0")
    assert installed.run("--port", "0").stdout.endswith("serving None True 2.0 1\n")
    installed.write("requirements.txt", "easel-probe==1.0\n")
    assert installed.run("--port", "0").stdout.endswith("serving None True 1.0 1\n")


def test_a_path_that_no_environment_can_have_is_refused_in_words(tmp_path):
    with pytest.raises(SetupFailed) as caught:
        bootstrap.create(tmp_path / f"a{os.pathsep}b", clear=False)
    assert repr(os.pathsep) in caught.value.hint


def hear_ctrl_c() -> None:
    """A shell lets what it starts in the background ignore SIGINT, and so would our child."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)


@POSIX
@pytest.mark.slow
def test_an_install_that_is_interrupted_ends_quietly_and_leaves_no_stamp(installed):
    installed.write("requirements.txt", "easel-probe==3.0\n")
    with listen("127.0.0.1", 0) as silent:      # a package index that never answers
        index = f"http://127.0.0.1:{silent.getsockname()[1]}/"
        environ = installed.environ(PIP_INDEX_URL=index, PIP_FIND_LINKS="", PIP_NO_INDEX="0")
        start = subprocess.Popen(
            [SYSTEM_PYTHON, installed.root / "webui.py", "--port", "0"],
            text=True,
            encoding="utf-8",
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            env=environ,
            preexec_fn=hear_ctrl_c,
        )
        assert start.stdout.readline().startswith("Installing requirements.txt")
        silent.accept()[0].close()              # pip has asked; it asks again and again
        start.send_signal(signal.SIGINT)
        said, _ = start.communicate(timeout=30)
    assert start.returncode == 130
    assert said.endswith("Stopped.\n") and "Traceback" not in said
    assert not stamp_path(installed.venv, installed.root / "requirements.txt").exists()


def test_skip_install_installs_nothing(clone):
    ended = clone.run("generate", "--skip-install", "a fox")
    assert ended.stdout == "generating None ['a fox']\n"
    assert not clone.venv.exists()


@POSIX
@pytest.mark.slow
def test_an_environment_whose_python_is_gone_is_made_again(installed):
    for name in installed.venv.joinpath("bin").glob("python*"):
        name.unlink()
        name.symlink_to("/nowhere/python3")
    ended = installed.run("--port", "0")
    assert "making it again" in ended.stdout
    assert ended.stdout.endswith("serving None True 1.0 1\n")


@POSIX
@pytest.mark.slow
def test_an_environment_of_another_python_version_is_made_again(installed):
    stamp = stamp_path(installed.venv, installed.root / "requirements.txt")
    stamp.write_text("3.2" + stamp.read_text()[4:])
    ended = installed.run("--port", "0")
    assert "making it again" in ended.stdout
    assert ended.stdout.endswith("serving None True 1.0 1\n")


@POSIX
@pytest.mark.slow
@pytest.mark.parametrize("lost", ["pip", "pip*"])
def test_an_environment_that_was_left_without_a_whole_pip_is_mended(installed, lost):
    for folder in installed.venv.glob(f"lib/python*/site-packages/{lost}"):
        shutil.rmtree(folder)
    stamp_path(installed.venv, installed.root / "requirements.txt").unlink()
    assert installed.run("--port", "0").stdout.endswith("serving None True 1.0 1\n")


@POSIX
@pytest.mark.slow
def test_ctrl_c_ends_it_without_a_traceback(installed):
    server = subprocess.Popen(
        [SYSTEM_PYTHON, installed.root / "webui.py", "--port", "0"],
        text=True,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env=installed.environ(SERVE_SECONDS="60"),
        preexec_fn=hear_ctrl_c,
    )
    assert server.stdout.readline().startswith("serving")
    server.send_signal(signal.SIGINT)
    assert server.communicate(timeout=30) == ("", "\nStopped.\n")
    assert server.returncode == 130


# --- a folder that may not be written to ---

def bound_by_permissions() -> Callable[[], None] | None:
    """For a child of root: what makes it obey file permissions (Linux: drop CAP_DAC_OVERRIDE, 1,
    from the bounding set).
    """
    return (lambda: ctypes.CDLL(None).prctl(24, 1, 0, 0, 0)) if os.geteuid() == 0 else None


@POSIX
@pytest.mark.parametrize("arguments", [["--port", "0"], ["generate", "a fox"], ["test"]])
def test_a_folder_that_may_not_be_written_to_is_named(clone, arguments):
    clone.root.chmod(stat.S_IRUSR | stat.S_IXUSR)
    touch = ["touch", str(clone.root / "a file")]
    if subprocess.run(touch, preexec_fn=bound_by_permissions(), stderr=subprocess.DEVNULL).returncode == 0:
        pytest.skip("permissions bind nobody here")
    ended = clone.run(*arguments, preexec_fn=bound_by_permissions())
    clone.root.chmod(stat.S_IRWXU)
    assert ended.returncode == 1
    assert ended.stdout.startswith(f"Easel may not write to {clone.root}.\n")
    assert ("--data-dir" in ended.stdout) is (arguments != ["test"])
    assert "Traceback" not in ended.stdout
