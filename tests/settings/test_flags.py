from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from modules.base.accounts import account_key
from modules.base.errors import Invalid
from modules.settings.a1111_flags import IGNORED_FLAGS, REFUSED
from modules.settings.flags import ROOT, Flags, flag_fields, known_flags, parse_flags, parse_known, spelled

A1111_NAMES = """--listen --port --server-name --subpath --data-dir --ckpt --ckpt-dir --vae-dir --lora-dir --embeddings-dir
    --hypernetwork-dir --styles-file --ui-settings-file --api --nowebui --autolaunch --no-half --no-half-vae --precision
    --device-id --use-cpu --skip-install --api-auth --gradio-auth --theme""".split()


def read(*arguments: str) -> Flags:
    return parse_flags(arguments, environ={})


def refusal(*arguments: str) -> Invalid:
    with pytest.raises(Invalid) as caught:
        read(*arguments)
    return caught.value


# --- defaults and values ---

def test_no_flags_mean_the_page_on_this_computer_alone():
    assert (read().host, read().port) == ("127.0.0.1", 7860)
    assert read() == Flags()


def test_listen_opens_to_the_network_and_a_server_name_narrows_that_again():
    assert read("--listen").host == "0.0.0.0"
    assert read("--listen", "--server-name", "192.168.0.7").host == "192.168.0.7"


def test_the_flags_that_matter_have_the_names_people_know():
    assert set(A1111_NAMES) <= {spelled(f.name) for f in flag_fields()}


def test_every_switch_is_off_until_given():
    switches = [f.name for f in flag_fields() if f.default is False]
    assert not any(getattr(read(), name) for name in switches)
    assert all(getattr(read(*map(spelled, switches)), name) for name in switches)


def test_use_cpu_takes_several_tasks_in_any_case():
    assert read("--use-cpu", "all", "SD").use_cpu == ("all", "sd")


@pytest.mark.parametrize("text", ["sd", "/sd", "sd/", "/sd/"])
def test_a_subpath_has_one_form_however_it_is_written(text):
    assert read("--subpath", text).subpath == "/sd"


def test_the_environment_comes_first_and_the_command_line_wins():
    flags = parse_flags(["--port", "2"], {"COMMANDLINE_ARGS": "--port 1 --theme dark --styles-file '/a b.csv'"})
    assert (flags.port, flags.theme, flags.styles_file) == (2, "dark", (Path("/a b.csv"),))


def test_flags_cannot_be_changed_after_parsing():
    with pytest.raises(dataclasses.FrozenInstanceError):
        read().port = 1


# --- what is refused ---

@pytest.mark.parametrize("wrong, meant", [
    ("--prot", "--port"), ("--listn", "--listen"), ("--no_half", "--no-half"), ("--gradio-aut", "--gradio-auth"),
    ("--xformer", "--xformers"), ("--autolaunc", "--autolaunch"), ("--medvarm", "--medvram"), ("--hlep", "--help"),
])
def test_a_mistyped_flag_is_refused_and_the_nearest_named(wrong, meant):
    error = refusal(wrong)
    assert wrong in str(error)
    assert error.hint == f"Did you mean {meant}?"


def test_the_beginning_of_a_flag_is_not_that_flag():
    assert refusal("--auto").hint == "Did you mean --autolaunch?"
    assert refusal("--nowebu").hint == "Did you mean --nowebui?"


def test_a_flag_like_no_other_gets_no_wild_guess():
    assert "--help" in refusal("--zzzzqqqq").hint


def test_a_stray_word_is_named():
    assert "'generate'" in str(refusal("--listen", "generate"))


@pytest.mark.parametrize("arguments, said", [
    (["--port", "http"], "'http' is not a port"),
    (["--port", "65536"], "'65536' is not a port"),
    (["--port", "-1"], "--port"),
    (["--port"], "--port"),
    (["--device-id", "cuda"], "'cuda' is not a device number"),
    (["--precision", "double"], "double"),
    (["--theme", "blue"], "blue"),
    (["--use-cpu", "toaster"], "toaster"),
    (["--subpath", "../up"], "'../up'"),
    (["--subpath", "a b"], "'a b'"),
    (["--listen=yes"], "--listen"),
])
def test_a_bad_value_is_refused_by_name(arguments, said):
    error = refusal(*arguments)
    assert said in str(error)
    assert error.hint


def test_a_quote_left_open_in_the_environment_is_said():
    with pytest.raises(Invalid, match="COMMANDLINE_ARGS"):
        parse_flags([], {"COMMANDLINE_ARGS": "--ckpt 'a b"})


def test_files_and_folders_that_are_not_there_are_refused(tmp_path):
    assert str(tmp_path / "none") in str(refusal("--ckpt", str(tmp_path / "none")))
    assert str(tmp_path / "none") in str(refusal("--lora-dir", str(tmp_path / "none")))
    assert "no file" in str(refusal("--ckpt", str(tmp_path)))


# --- accounts ---

def test_accounts_are_pairs_and_a_password_may_hold_colons():
    flags = read("--gradio-auth", "ann:a:b, bob:c", "--api-auth", "ann:d")
    assert flags.gradio_auth == (("ann", "a:b"), ("bob", "c"))
    assert flags.api_auth == (("ann", "d"),)


@pytest.mark.parametrize("text", ["ann", "ann:", ":hunter2", "ann:hunter2,bob", "ann:hunter2,ann:hunter3", "", ","])
@pytest.mark.parametrize("name", ["--gradio-auth", "--api-auth"])
def test_malformed_accounts_are_refused_without_showing_a_password(name, text):
    error = refusal(name, text)
    assert name in str(error)
    assert "hunter" not in f"{error} {error.hint}"


def test_a_mistyped_flag_does_not_show_its_value():
    error = refusal("--gradio-auht=ann:hunter2")
    assert "hunter2" not in f"{error} {error.hint}"
    error = refusal("--gradio-auht", "ann:hunter2")
    assert "hunter2" not in f"{error} {error.hint}"


def test_no_password_shows_in_the_repr_or_in_the_public_flags():
    flags = read("--gradio-auth", "ann:hunter2", "--api-auth", "bob:hunter3", "--port", "5")
    assert "hunter" not in repr(flags)
    assert "hunter" not in repr(flags.public())
    assert flags.public()["port"] == 5


NAME = st.text("abcXYZäß花09_-", min_size=1, max_size=20)


def differ(people: dict[str, str]) -> bool:
    return len({account_key(name) for name in people}) == len(people)


PASSWORD = st.text(st.characters(exclude_characters=",", exclude_categories=["Z", "C"]), min_size=1, max_size=20)


@pytest.mark.slow
@given(st.dictionaries(NAME, PASSWORD, min_size=1, max_size=5).filter(differ))
def test_any_names_and_passwords_without_commas_come_back(people):
    text = ",".join(f"{name}:{password}" for name, password in people.items())
    assert dict(read(f"--gradio-auth={text}").gradio_auth) == people


# --- A1111's other flags ---

def entries(table: dict[str, str]) -> list[tuple[str, str]]:
    return [(entry, explain) for explain, words in table.items() for entry in words.split()]


@pytest.mark.parametrize("entry, effect", entries(IGNORED_FLAGS))
def test_a_flag_without_effect_here_is_accepted_and_noted(entry, effect):
    name, _, value = entry.partition("=")
    flags = read(name, *(["value"] if value else []), "--port", "5")
    assert flags.notes == (f"{name} {effect}",)
    assert flags.port == 5


@pytest.mark.parametrize("entry, hint", entries(REFUSED))
def test_a_flag_that_would_protect_is_refused_rather_than_ignored(entry, hint):
    name, _, value = entry.partition("=")
    error = refusal(name, *(["value"] if value else []))
    assert name in str(error)
    assert error.hint == hint


def test_no_flag_is_declared_twice():
    names = list(known_flags())
    assert len(names) == len(set(names))


def test_help_explains_every_flag_that_has_an_effect(capsys):
    with pytest.raises(SystemExit) as stop:
        read("--help")
    shown = capsys.readouterr().out
    assert stop.value.code == 0
    assert all(spelled(f.name) in shown for f in flag_fields())
    assert "--medvram" not in shown


# --- commands with arguments of their own ---

def test_what_is_no_flag_is_left_in_its_order():
    flags, rest = parse_known(["a red fox", "--port", "5", "--steps", "20", "--seed", "-1", "--help"], {})
    assert flags.port == 5
    assert rest == ["a red fox", "--steps", "20", "--seed", "-1", "--help"]


@pytest.mark.slow
@given(st.lists(st.text(min_size=1).filter(lambda text: not text.startswith("-")), max_size=4))
def test_prompts_pass_untouched(words):
    assert parse_known([*words, "--no-half"], {})[1] == words


# --- paths ---

def test_everything_is_beside_the_program_by_default():
    paths = read().paths
    assert paths.models == ROOT / "models"
    assert paths.outputs == ROOT / "outputs"
    assert paths.database == ROOT / "easel.sqlite"
    assert (ROOT / "webui.py").is_file()


def test_a_data_folder_moves_what_users_own_but_not_the_program(tmp_path):
    paths = read("--data-dir", str(tmp_path)).paths
    assert (paths.configs, paths.root) == (ROOT / "configs", ROOT)
    assert paths.models == tmp_path / "models"
    assert (paths.settings_file, paths.styles_files) == (tmp_path / "config.json", (tmp_path / "styles.csv",))


def test_relative_paths_start_at_the_current_folder(tmp_path, monkeypatch):
    (tmp_path / "Ünïcode söme path").mkdir()
    monkeypatch.chdir(tmp_path)
    assert read("--lora-dir", "Ünïcode söme path").lora_dir == tmp_path / "Ünïcode söme path"


def test_a_models_folder_moves_the_models_alone(tmp_path):
    paths = read("--models-dir", str(tmp_path)).paths
    assert paths.models == tmp_path and paths.vae_approximations == tmp_path / "VAE-approx"
    assert paths.outputs == ROOT / "outputs"


# --- who is let in from elsewhere ---

def test_proxies_hosts_and_origins_are_read_in_one_form():
    flags = read("--trusted-proxy", "10.0.0.7, 192.168.1.9/24", "--allowed-hosts", "Easel.example",
                 "--cors-allow-origins", "https://A.example:443/, http://localhost:5173")
    assert flags.trusted_proxy == ("10.0.0.7/32", "192.168.1.0/24") and flags.allowed_hosts == ("easel.example",)
    assert flags.cors_allow_origins == ("https://a.example", "http://localhost:5173")


@pytest.mark.parametrize(
    "arguments",
    [
        ("--trusted-proxy", "proxy.example"),
        ("--allowed-hosts", "http://a.example"),
        ("--cors-allow-origins", "a.example"),
        ("--cors-allow-origins", "https://a.example/page"),
        ("--cors-allow-origins-regex", "("),
    ],
)
def test_what_is_no_address_name_origin_or_pattern_is_refused(arguments):
    assert arguments[1].strip("/") in str(refusal(*arguments))


def test_all_of_the_web_may_only_come_where_there_are_accounts():
    assert "--gradio-auth" in refusal("--cors-allow-origins", "*").hint
    assert read("--cors-allow-origins", "*", "--api-auth", "a:b").cors_allow_origins == ("*",)
