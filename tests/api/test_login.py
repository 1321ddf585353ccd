"""Logging in by the page, by password and by token, and what ends it."""

from __future__ import annotations

import base64
import io
import re
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from queue import Queue

import httpx
import pytest
from argon2 import PasswordHasher
from PIL import Image

from modules.api.login import ACCOUNT_PAGES
from modules.app.login_throttle import FREE_TRIES
from modules.app.setup_link import SetupLink
from modules.base.accounts import Role
from modules.store.accounts import AccountStore
from tests.servers import serving, settled, with_tiny_model

PASSWORD = "correct horse"
HASHED = PasswordHasher(time_cost=1, memory_cost=8, parallelism=1).hash(PASSWORD)      # checked in no time
PEOPLE = {"ann": Role.ADMINISTRATOR, "bob": Role.MEMBER, "gus": Role.GUEST}
HTML = {"Accept": "text/html,*/*;q=0.8"}


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    """A server with an administrator, a member and a guest, whom the database knows."""
    data = with_tiny_model(tmp_path_factory.mktemp("people"))
    store = AccountStore(data / "easel.sqlite")
    for name, role in PEOPLE.items():
        store.add(name, role, HASHED)
    with serving(data) as client:
        yield client


@pytest.fixture
def add(server):
    """Adds an account of that name; another process does, as it were, which the server notices."""

    def added(name, role=Role.MEMBER):
        other_process(server).add(name, role, HASHED)
        until(lambda: server.app.authenticator.account(name))
        return name

    return added


def other_process(client):
    return AccountStore(client.app.flags.paths.database)


def until(met):
    limit = time.monotonic() + 60
    while not met():
        assert time.monotonic() < limit
        time.sleep(0.05)


@contextmanager
def browser(client, name="", password=PASSWORD):
    """A client with cookies; logged in if there is a name."""
    with httpx.Client(base_url=client.base_url, timeout=60, headers={"Sec-Fetch-Mode": "cors"}) as found:
        if name:
            assert found.post("/login", json={"name": name, "password": password}).status_code == 200
        yield found


def who(client, **how):
    reply = client.get("/easel/v1/account", **how)
    return reply.json()["name"] if reply.status_code == 200 else reply.status_code


def bearer(token):
    return {"Authorization": f"Bearer {token}"}


def token_of(client, name, label="phone"):
    reply = client.post("/easel/v1/account/tokens", json={"label": label}, auth=(name, PASSWORD))
    assert reply.status_code == 201
    return reply.json()["token"]


@pytest.mark.parametrize("path", sorted(ACCOUNT_PAGES.glob("*.html")), ids=lambda path: path.name)
def test_no_form_can_put_a_password_into_an_address(path):
    """Not even where no script runs."""
    forms = re.findall(r"<form[^>]*>", path.read_text("utf-8"))
    assert all('method="post"' in form for form in forms)


class TestSession:
    @pytest.mark.slow
    def test_begins_with_the_right_password_alone(self, server):
        with browser(server, "bob") as bob:
            assert who(bob) == "bob"
        with browser(server) as nobody:
            assert nobody.post("/login", json={"name": "bob", "password": "wrong"}).status_code == 401
            assert who(nobody) == 401

    def test_is_in_a_cookie_that_scripts_and_other_sites_do_not_see(self, server):
        reply = server.post("/login", json={"name": "BOB", "password": PASSWORD})
        server.cookies.clear()
        cookie = reply.headers["set-cookie"]
        assert reply.json() == {"name": "bob", "role": "member"}
        assert "HttpOnly" in cookie and "SameSite=lax" in cookie and "Path=/" in cookie and "Secure" not in cookie

    def test_may_not_be_used_by_foreign_pages(self, server):
        with browser(server, "bob") as bob:
            for headers in ({"Origin": "http://evil.example"}, {"Origin": "null"}, {"Sec-Fetch-Site": "cross-site"}):
                for path in ("/logout", "/easel/v1/account/tokens", "/sdapi/v1/interrupt"):
                    assert bob.post(path, json={}, headers=headers).status_code == 403
            assert who(bob) == "bob"

    def test_ends_at_logout_and_no_other_does(self, server):
        with browser(server, "bob") as here, browser(server, "bob") as there:
            cookie = dict(here.cookies)
            assert here.post("/logout", json={}).status_code == 204
            assert who(here) == 401 and who(there) == "bob"
            assert who(server, headers={"Cookie": f"easel_session={cookie['easel_session']}"}) == 401

    @pytest.mark.slow
    def test_is_listed_and_can_be_ended_from_another(self, server, add):
        name = add("sue")
        with browser(server, name) as here, browser(server, name) as there:
            listed = here.get("/easel/v1/account/sessions").json()
            assert sorted(each["current"] for each in listed) == [False, True]
            other = next(each["id"] for each in listed if not each["current"])
            assert here.delete(f"/easel/v1/account/credentials/{other}").status_code == 204
            assert who(there) == 401 and who(here) == name

    def test_of_somebody_else_is_none_that_can_be_ended(self, server):
        with browser(server, "bob") as bob, browser(server, "ann") as ann:
            (found, *_) = [each["id"] for each in ann.get("/easel/v1/account/sessions").json() if each["current"]]
            missing = bob.delete("/easel/v1/account/credentials/0123")
            theirs = bob.delete(f"/easel/v1/account/credentials/{found}")
            assert theirs.status_code == missing.status_code == 404
            assert theirs.json()["detail"].replace(found, "0123") == missing.json()["detail"]
            assert who(ann) == "ann"

    @pytest.mark.parametrize("cookie", ["", "easel_session", "easel_session=", "easel_session=x; =; ;;", "a" * 9000])
    def test_is_nothing_that_could_be_made_up(self, server, cookie):
        assert who(server, headers={"Cookie": cookie}) == 401


class TestToken:
    def test_is_as_good_as_its_account(self, server):
        token = token_of(server, "bob")
        assert who(server, headers=bearer(token)) == who(server, auth=("bob", token)) == "bob"
        assert who(server, auth=("ann", token)) == 401
        assert server.get("/easel/v1/accounts", headers=bearer(token)).status_code == 403

    @pytest.mark.slow
    def test_is_told_once_and_revoked_at_once(self, server, add):
        name = add("tom")
        token = token_of(server, name, "script")
        (listed,) = server.get("/easel/v1/account/tokens", auth=(name, PASSWORD)).json()
        assert listed["label"] == "script" and token not in str(listed)
        assert server.delete(f"/easel/v1/account/credentials/{listed['id']}", auth=(name, PASSWORD)).status_code == 204
        assert who(server, headers=bearer(token)) == 401

    @pytest.mark.parametrize("value", ["x", "easel_", "easel_" + "A" * 43, "a b", "\u00e4".encode().decode("latin-1")])
    def test_is_nothing_that_could_be_made_up(self, server, value):
        assert who(server, headers={"Authorization": f"Bearer {value}".encode("latin-1")}) == 401

    def test_is_no_session_and_a_session_no_token(self, server):
        token = token_of(server, "bob")
        with browser(server, "bob") as bob:
            secret = bob.cookies["easel_session"]
        assert who(server, headers={"Cookie": f"easel_session={token}"}) == who(server, headers=bearer(secret)) == 401


ENDINGS = {
    "by the administrator's new password": lambda client, name: client.patch(
        f"/easel/v1/accounts/{name}", json={"password": "another one"}, auth=("ann", PASSWORD)),
    "by being disabled": lambda client, name: client.patch(
        f"/easel/v1/accounts/{name}", json={"disabled": True}, auth=("ann", PASSWORD)),
    "by deletion": lambda client, name: client.delete(f"/easel/v1/accounts/{name}", auth=("ann", PASSWORD)),
    "by a new password of one's own": lambda client, name: client.post(
        "/easel/v1/account/password", json={"current": PASSWORD, "password": "another one"}, auth=(name, PASSWORD)),
    "in the terminal": lambda client, name: other_process(client).set_disabled(name, True),
}


@pytest.mark.slow
@pytest.mark.parametrize("how", ENDINGS)
def test_everything_of_an_account_ends(server, add, how):
    """Sessions, tokens, remembered passwords and open streams."""
    name = add(f"eve{sorted(ENDINGS).index(how)}")
    token = token_of(server, name)
    body = {"kind": "txt2img", "fields": {"steps": 150, "width": 256, "height": 256}}
    job = server.post("/easel/v1/jobs", json=body, auth=(name, PASSWORD)).json()["job"]
    with browser(server, name) as session, ThreadPoolExecutor(3) as threads:
        ways = [{"auth": (name, PASSWORD)}, {"headers": bearer(token)}, {"headers": {"Cookie": cookie_of(session)}}]
        begun = Queue()
        streams = [threads.submit(listen, server, job, way, begun) for way in ways]
        assert [begun.get(timeout=60) for _ in ways] == [200, 200, 200]
        ENDINGS[how](server, name)
        assert all("data:" in stream.result(60) for stream in streams)
        assert [who(server, **way) for way in ways] == [401, 401, 401]
    server.app.jobs.interrupt(job)
    settled_in_store(server, job)


def cookie_of(session):
    return "; ".join(f"{name}={value}" for name, value in session.cookies.items())


def listen(client, job, way, begun):
    """What a stream said until it ended; `begun` hears its status once it has said something."""
    said = ""
    with httpx.Client(base_url=client.base_url, timeout=120) as own, own.stream(
        "GET", f"/easel/v1/jobs/{job}/events", **way
    ) as stream:
        for part in stream.iter_text():
            if not said:
                begun.put(stream.status_code)
            said += part
    return said


def settled_in_store(client, job):
    until(lambda: client.app.jobs.store.get(job).ended)


class TestGuessing:
    """The right password too, from where somebody guesses."""

    @pytest.mark.slow
    def test_is_slowed_for_the_name_that_is_guessed_alone(self, server, add):
        name, other = add("zoe"), add("zac")
        with browser(server, name) as session:
            other_process(server).set_role(name, Role.GUEST)      # nothing is remembered of the passwords any more
            until(lambda: session.get("/easel/v1/account").json()["role"] == "guest")
            replies = [server.post("/login", json={"name": name, "password": f"wrong {n}"}) for n in range(10)]
            statuses = [reply.status_code for reply in replies]
            assert statuses == [401] * FREE_TRIES + [429] * (10 - FREE_TRIES)
            assert all(int(reply.headers["retry-after"]) >= 1 for reply in replies[FREE_TRIES:])
            assert replies[-1].json()["error"] == "rate_limited"
            assert who(session) == name and who(server, auth=(other, PASSWORD)) == other
            until(lambda: server.post("/login", json={"name": name, "password": PASSWORD}).status_code == 200)
            server.cookies.clear()

    @pytest.mark.slow
    def test_by_many_at_once_is_no_way_around(self, server, add):
        name = add("yan")
        with ThreadPoolExecutor(20) as threads:
            statuses = list(threads.map(lambda n: who(server, auth=(name, f"wrong {n}")), range(40)))
        assert statuses.count(401) <= FREE_TRIES and set(statuses) == {401, 429}

    @pytest.mark.parametrize("name", ["nobody-of-that-name", "", "local", "a" * 500, "../ann", "ann\0"])
    def test_a_name_that_is_none_is_told_the_same(self, server, name):
        reply = server.post("/login", json={"name": name, "password": "wrong"})
        assert (reply.status_code, reply.json()["detail"]) == (401, "Name or password is wrong.")

    def test_of_a_name_that_is_there_is_told_that(self, server, add):
        reply = server.post("/login", json={"name": add("win"), "password": "wrong"})
        assert (reply.status_code, reply.json()["detail"]) == (401, "Name or password is wrong.")

    @pytest.mark.slow
    def test_is_in_the_audit_log_without_what_was_typed(self, server, add):
        name = add("xen")
        for typed in (name, "my-secret-password-in-the-wrong-box"):
            server.post("/login", json={"name": typed, "password": "wrong-secret"})
        lines = server.get("/easel/v1/audit", auth=("ann", PASSWORD)).json()
        assert [(line["account"], line["action"]) for line in lines[:2]] == [
            ("", "gave a wrong password"), (name, "gave a wrong password")]
        assert "secret" not in str(lines)


class TestAdministrator:
    def test_alone_sees_and_changes_accounts(self, server):
        for name in ("bob", "gus"):
            for method, path in (("GET", ""), ("POST", ""), ("PATCH", "/ann"), ("DELETE", "/ann")):
                reply = server.request(method, f"/easel/v1/accounts{path}", json={"name": "new"}, auth=(name, PASSWORD))
                assert reply.status_code == 403
            assert server.get("/easel/v1/audit", auth=(name, PASSWORD)).status_code == 403
            assert server.get("/accounts", auth=(name, PASSWORD)).status_code == 403

    def test_finds_in_the_audit_log_what_was_done_to_the_server_and_not_what_was_typed(self, server):
        def post(path, **body):
            reply = server.post(path, json=body, auth=("ann", PASSWORD))
            assert reply.is_success, reply.text
            return reply.json() if reply.content else {}

        settings = server.get("/sdapi/v1/options", auth=("ann", PASSWORD)).json()
        post("/sdapi/v1/options", jpeg_quality=settings["jpeg_quality"], samples_format=settings["samples_format"])
        folder = post("/easel/v1/datasets", name="my secret")["folder"]
        small = io.BytesIO()
        Image.new("RGB", (32, 32), "red").save(small, "PNG")
        server.post("/easel/v1/datasets/files", params={"folder": folder, "name": "one"}, content=small.getvalue(),
                    auth=("ann", PASSWORD))
        job = post("/easel/v1/train", train_data_dir=folder, output_name="my-secret", max_train_steps=1,
                   network_dim=2, resolution="32", sample_every_n_steps=0)["job"]
        settled(server, job, auth=("ann", PASSWORD))
        post("/easel/v1/datasets/delete", folder=folder)
        lines = server.get("/easel/v1/audit", auth=("ann", PASSWORD)).json()[:4]
        assert [(line["account"], line["action"], line["subject"]) for line in lines] == [
            ("ann", "deleted a data set", ""), ("ann", "began a training", job), ("ann", "made a data set", ""),
            ("ann", "changed everybody's settings", "jpeg_quality, samples_format")]

    def test_adds_one_with_a_password_that_was_made_up(self, server):
        made = server.post("/easel/v1/accounts", json={"name": "kim", "role": "guest"}, auth=("ann", PASSWORD)).json()
        assert who(server, auth=("kim", made["password"])) == "kim"
        listed = server.get("/easel/v1/accounts", auth=("ann", PASSWORD)).json()
        assert made["password"] not in str(listed) and {"kim", "ann", "bob"} <= {each["name"] for each in listed}
        assert server.post("/easel/v1/accounts", json={"name": "KIM"}, auth=("ann", PASSWORD)).status_code == 409

    @pytest.mark.parametrize(("method", "path", "body"), [
        ("DELETE", "/ann", None), ("PATCH", "/ann", {"role": "member"}), ("PATCH", "/ANN", {"disabled": True}),
    ])
    def test_the_last_one_stays(self, server, method, path, body):
        reply = server.request(method, f"/easel/v1/accounts{path}", json=body, auth=("ann", PASSWORD))
        assert reply.status_code == 409 and who(server, auth=("ann", PASSWORD)) == "ann"

    @pytest.mark.parametrize("password", ["short", "aaaaaaaaaa", "password", "a" * 300, ""])
    def test_no_password_is_taken_that_is_none(self, server, password):
        reply = server.post(
            "/easel/v1/account/password", json={"current": PASSWORD, "password": password}, auth=("gus", PASSWORD))
        assert reply.status_code == 422 and who(server, auth=("gus", PASSWORD)) == "gus"

    @pytest.mark.slow
    def test_changes_what_an_account_may_at_once(self, server, add):
        name = add("max")
        with browser(server, name) as session:
            assert session.get("/easel/v1/accounts").status_code == 403
            server.patch(f"/easel/v1/accounts/{name}", json={"role": "administrator"}, auth=("ann", PASSWORD))
            assert session.get("/easel/v1/accounts").status_code == 200
            server.patch(f"/easel/v1/accounts/{name}", json={"role": "guest"}, auth=("ann", PASSWORD))
            assert session.get("/easel/v1/accounts").status_code == 403


class TestBrowser:
    def test_is_sent_to_log_in_and_a_program_is_told(self, server):
        for path, where in (("/", "/login"), ("/docs", "/login?next=docs"), ("/accounts", "/login?next=accounts")):
            reply = server.get(path, headers=HTML)
            assert (reply.status_code, reply.headers["location"]) == (303, where)
        assert server.get("/", headers={"Accept": "*/*"}).status_code == 401
        assert server.get("/sdapi/v1/options", headers=HTML).status_code == 401

    def test_is_not_asked_in_a_window_of_its_own(self, server):
        assert "www-authenticate" in server.get("/sdapi/v1/options").headers
        assert "www-authenticate" not in server.get("/easel/v1/account", headers={"Sec-Fetch-Mode": "cors"}).headers

    def test_gets_pages_that_run_no_foreign_script(self, server):
        for path, auth in (("/login", None), ("/account", ("bob", PASSWORD)), ("/accounts", ("ann", PASSWORD))):
            reply = server.get(path, auth=auth)
            policy = reply.headers["content-security-policy"]
            assert reply.status_code == 200 and "default-src 'none'" in policy and "'unsafe" not in policy
            assert "<script>" not in reply.text and "onclick" not in reply.text

    @pytest.mark.parametrize("kind", ["application/x-www-form-urlencoded", "text/plain", "multipart/form-data"])
    def test_a_form_of_a_foreign_page_logs_nobody_in(self, server, kind):
        reply = server.post("/login", content=b"name=bob&password=correct+horse", headers={"Content-Type": kind})
        assert reply.status_code == 415 and "set-cookie" not in reply.headers


@pytest.mark.slow
def test_accounts_of_flags_log_in_on_the_page_but_have_no_tokens(guarded):
    with browser(guarded, "bob", "b-secret") as bob:
        assert who(bob) == "bob" and bob.get("/easel/v1/account").json()["by_flag"]
        assert bob.post("/easel/v1/account/tokens", json={"label": "x"}).status_code == 409
        assert bob.post(
            "/easel/v1/account/password", json={"current": "b-secret", "password": "battery staple"}).status_code == 409
        assert bob.get("/easel/v1/accounts").status_code == 403
    assert guarded.get("/easel/v1/accounts", auth=("alice", "a-secret")).status_code == 200


def test_nobody_logs_in_on_ones_own_machine(client):
    assert client.get("/easel/v1/account").json() == {
        "name": "local", "role": "administrator", "local": True, "by_flag": False}
    for path in ("/login", "/account", "/accounts", "/setup"):
        assert client.get(path).status_code == 303
    assert client.post("/login", json={"name": "a", "password": "b"}).status_code == 409
    assert client.post("/setup", json={"name": "ann", "password": PASSWORD}).status_code == 403


class TestFirstAccount:
    @pytest.fixture
    def empty(self, tmp_path):
        """A server that others can reach, and that has no account."""
        with serving(with_tiny_model(tmp_path), "--listen") as client:
            client.app.setup_link, client.token = SetupLink.new()
            yield client

    @pytest.mark.slow
    def test_is_made_by_the_link_once(self, empty):
        with browser(empty) as nobody:
            assert nobody.get("/", headers=HTML).headers["location"] == "/setup"
            assert "python3 webui.py users add" in nobody.get("/setup").text
            assert nobody.get("/sdapi/v1/options").status_code == nobody.get("/docs").status_code == 401
            assert nobody.get("/internal/ping").status_code == 200
            assert nobody.post("/setup", json={"name": "eve", "password": PASSWORD}).status_code == 403
            for token in ("", "x", empty.token[:-1], empty.token.swapcase()):
                assert "set-cookie" not in nobody.get("/setup", params={"token": token}).headers
        with browser(empty) as ann, browser(empty) as eve:
            opened = ann.get("/setup", params={"token": empty.token})
            assert (opened.status_code, opened.headers["location"]) == (303, "/setup")
            assert "set-cookie" not in eve.get("/setup", params={"token": empty.token}).headers
            assert ann.post("/setup", json={"name": "..", "password": PASSWORD}).status_code == 422
            assert ann.post("/setup", json={"name": "ann", "password": "short"}).status_code == 422
            cookies = dict(ann.cookies)
            assert ann.post("/setup", json={"name": "ann", "password": PASSWORD}).json()["role"] == "administrator"
            assert who(ann) == "ann" and who(eve) == 401
            again = httpx.post(f"{empty.base_url}/setup", json={"name": "eve", "password": PASSWORD}, cookies=cookies)
            assert again.status_code == 403 and "set-cookie" not in again.headers
            assert [each.name for each in other_process(empty).list()] == ["ann"]

    @pytest.mark.slow
    def test_of_the_terminal_ends_the_link(self, empty):
        other_process(empty).add("ann", Role.ADMINISTRATOR, HASHED)
        until(lambda: empty.app.authenticator.has_accounts)
        with browser(empty) as eve:
            assert eve.get("/setup", params={"token": empty.token}).headers["location"] == "/login"
            assert eve.post("/setup", json={"name": "eve", "password": PASSWORD}).status_code == 403


@pytest.mark.slow
def test_no_secret_is_in_any_answer_or_in_the_log(server, caplog, capfd):
    """Nor in what is said of a fault of our own."""
    token = token_of(server, "bob")
    basic = base64.b64encode(f"bob:{PASSWORD}".encode()).decode()
    with browser(server, "bob") as bob:
        secrets = [token, PASSWORD, basic, bob.cookies["easel_session"], HASHED, HASHED.split("$")[-1]]
        told = [
            server.get(path, headers=headers).text
            for path in ("/easel/v1/account", "/easel/v1/account/tokens", "/easel/v1/account/sessions",
                         "/easel/v1/accounts", "/easel/v1/audit", "/sdapi/v1/cmd-flags", "/sdapi/v1/options",
                         "/openapi.json", "/nowhere")
            for headers in (bearer(token), {"Authorization": f"Basic {basic}"}, {"Cookie": cookie_of(bob)})
        ]
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(type(server.app.models), "checkpoints", None)
            failed = bob.get("/sdapi/v1/sd-models", headers=bearer(token))
            assert failed.status_code == 500
    written = "".join(capfd.readouterr()) + caplog.text + failed.text + "".join(told)
    assert [secret for secret in secrets if secret in written] == []
