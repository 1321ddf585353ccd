"""The server: it answers at once, shows the page once gradio is imported, then loads torch and the model."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import signal
import socket
import sys
import webbrowser
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from types import FrameType
from typing import TYPE_CHECKING, NoReturn

import uvicorn
from fastapi import FastAPI
from starlette.exceptions import HTTPException
from starlette.responses import HTMLResponse
from starlette.routing import Mount, Router
from starlette.types import ASGIApp, Receive, Scope, Send

from modules.api import server
from modules.api.access import Access
from modules.api.compression import Compressed
from modules.api.extension_routes import start_extension_routes
from modules.api.forwarding import inner_path
from modules.api.gate import Gate
from modules.api.page_calls import PageCalls
from modules.api.starting import BROKEN_PAGE, STARTING
from modules.app.app import App
from modules.app.page_sessions import file_paths
from modules.app.setup_link import SetupLink
from modules.base.bootstrap import hand_over, say
from modules.base.border import logged, outcome
from modules.base.imports import uncollected
from modules.base.logs import start_log
from modules.base.process_file import ProcessFile
from modules.commands.assemble import assemble, start_worker
from modules.commands.gradio_import import import_gradio
from modules.commands.housekeeping import Housekeeping, checked_database
from modules.commands.protocol import PlainSpoken, raise_file_limit
from modules.plugins.reloading import watched
from modules.settings.flags import LOOPBACK, THREAD_WORKER, Flags

if TYPE_CHECKING:
    from gradio import Blocks

log = logging.getLogger(__name__)
BEGUN_ANEW = "EASEL_BEGUN_ANEW"     # in the environment: the browser has a page already
ACCOUNTS_SECONDS = 1.0      # between two checks for accounts changed by another process


def serve(flags: Flags, sock: socket.socket) -> NoReturn:
    """Serve on the bound `sock` until stopped, and end the process."""
    start_log(flags.loglevel, flags.log_json)
    sock_port = sock.getsockname()[1]
    address = own_address(flags, sock_port)
    raise_file_limit()
    held = ProcessFile(flags.paths.server_lock, address)
    try:
        notices = checked_database(flags.paths.database)
        app = assemble(flags, held)
        app.notices = notices
        run(app, sock, address)
    finally:
        held.release()
    if app.restart.wanted:
        begin_anew(flags.port, sock_port)
    end_process()


def begin_anew(asked_port: int, port: int) -> None:
    """Run the same command line in this process's place, at the same port. Returns where that is not possible."""
    say("Easel begins anew")
    os.environ[BEGUN_ANEW] = "1"
    hand_over(None, [*sys.orig_argv[1:], *(() if asked_port else ("--port", str(port)))])


def end_process() -> NoReturn:
    """End without the interpreter's own end, which a thread that is still loading torch would crash in."""
    logging.shutdown()
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(0)


def own_address(flags: Flags, port: int) -> str:
    """Return the page's address for somebody at this computer."""
    host = "127.0.0.1" if flags.host == "0.0.0.0" else f"[{flags.host}]" if ":" in flags.host else flags.host
    return f"http{'s' if flags.tls_certfile else ''}://{host}:{port}{flags.subpath}"


def run(app: App, sock: socket.socket, address: str) -> None:
    server = Server(server_config(application(app, address), app.flags), app.jobs.unfinished.stop_watching)
    server.take_signals()
    app.restart.end = server.end_by_itself
    say(f"Easel is at {address}")
    if app.authenticator.required and not app.authenticator.has_accounts:
        app.setup_link, token = SetupLink.new()
        say(f"Make the administrator's account at {address}/setup?token={token}")
        say("This link opens once. At another computer, put this one's name in place of 127.0.0.1.")
    server.run(sockets=[sock])


class Server(uvicorn.Server):
    """uvicorn's server, which calls `stopping` before it waits for responses to end: streams would keep it waiting."""

    def __init__(self, config: uvicorn.Config, stopping: Callable[[], None]) -> None:
        super().__init__(config)
        self.stopping = stopping

    def take_signals(self) -> None:
        """Handle the signals for a stop, so that the exit code is 0; also when the terminal is closed.

        uvicorn has the signals meanwhile, and sends them again at its end.
        """
        for each in (signal.SIGINT, signal.SIGTERM):
            signal.signal(each, self.end_early)
        if hasattr(signal, "SIGHUP") and signal.getsignal(signal.SIGHUP) is signal.SIG_DFL:      # not under nohup
            signal.signal(signal.SIGHUP, self.handle_exit)

    def end_early(self, sig: int, frame: FrameType | None) -> None:
        """Exit at once: uvicorn does not listen to signals yet, or has ended."""
        self.should_exit = True

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        """Exit at once on a second signal; lost images are made again after the next start."""
        if self.should_exit:
            os._exit(128 + sig)
        super().handle_exit(signal.SIGTERM, frame)      # whichever it was, it has been heard

    def end_by_itself(self) -> None:
        """End as after a signal."""
        self.should_exit = True

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        self.stopping()
        await super().shutdown(sockets)


def server_config(application: ASGIApp, flags: Flags) -> uvicorn.Config:
    """Return the HTTP server's configuration; proxies' headers and malformed requests are left to us."""
    return uvicorn.Config(
        application, http=PlainSpoken, proxy_headers=False, server_header=False, log_level="warning", log_config=None,
        timeout_graceful_shutdown=5, timeout_keep_alive=flags.timeout_keep_alive,
        ssl_certfile=flags.tls_certfile, ssl_keyfile=flags.tls_keyfile,
    )


def application(app: App, address: str) -> Access:
    """Return API and page behind one door, which stands before all routing."""
    page = RootPage(HTMLResponse(STARTING, headers={"Cache-Control": "no-store"}))
    api = server.build_api(app)
    if not app.flags.nowebui:
        server.put_page(api, page)
    mounted = Router(
        [Mount(app.flags.subpath or "/", Compressed(api))],
        default=server.nowhere,
        lifespan=lambda _: running(app, api, page, address),
    )
    return Access(mounted, app.authenticator, app.flags, app.jobs.tally.respond)


@dataclass
class RootPage:
    """The application at `/`: a waiting page at first, then gradio."""

    shown: ASGIApp

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if isinstance(self.shown, HTMLResponse) and inner_path(scope) != "/":
            raise HTTPException(404)
        await self.shown(scope, receive, send)


@contextlib.asynccontextmanager
async def running(app: App, api: FastAPI, page: RootPage, address: str) -> AsyncIterator[None]:
    """Run the page and the worker while the server runs."""
    stop = asyncio.Event()
    life = asyncio.create_task(live(app, api, page, address, stop))
    life.add_done_callback(told_if_failed)
    await asyncio.to_thread(app.authenticator.forget_flag_sessions)
    watch = asyncio.create_task(app.authenticator.watch(ACCOUNTS_SECONDS))
    watch.add_done_callback(told_if_failed)
    yield
    watch.cancel()
    app.galleries.stop()
    stop.set()
    if app.process:
        app.process.release_jobs()
    await life
    if app.jobs.worker:
        await asyncio.to_thread(app.jobs.stop_worker)
    await asyncio.to_thread(app.extensions.unload)


def told_if_failed(life: asyncio.Task[None]) -> None:
    """Log an early error of a task that nobody awaits before the server stops."""
    if not life.cancelled() and (error := life.exception()):
        log.error("Starting up failed; there will be no pictures until Easel is started again", exc_info=error)


async def live(app: App, api: FastAPI, page: RootPage, address: str, stop: asyncio.Event) -> None:
    async with contextlib.AsyncExitStack() as stack:
        demo = None
        if app.flags.nowebui:
            await asyncio.to_thread(app.extensions.load, app)
        else:
            built = await asyncio.to_thread(outcome, build_page, app)
            if isinstance(built, Exception):       # the API still works; the page shows the error
                log.error("The page could not be built", exc_info=built)
                page.shown = HTMLResponse(BROKEN_PAGE, 500)
            else:
                mounted, page.shown, demo = built
                await stack.enter_async_context(mounted.router.lifespan_context(mounted))
            if wants_browser(app.flags):
                await asyncio.to_thread(webbrowser.open, address)
        app.hooks.extension_out.add(app.extensions.fail_elsewhere)
        # without it the page and the model cards still work, and the log has the reason
        await asyncio.to_thread(logged, start_worker, app, failure="The worker could not be started")
        app.hooks.app_started(app, api)
        await asyncio.to_thread(start_extension_routes, app.extensions, api, demo)
        app.hooks.model_loaded.add(app.extensions.tell_model_loaded)
        if app.jobs.status.state.loaded:        # before anybody could listen
            await asyncio.to_thread(app.extensions.tell_model_loaded)
        house = Housekeeping(app)
        house.start()
        if may_reload(app.flags):
            stack.enter_context(watched(app.extensions))
        await stop.wait()
        house.stop()


def may_reload(flags: Flags) -> bool:
    """Return whether changed extensions are loaded anew: wanted, on this computer alone, in the process that draws."""
    if not flags.reload_extensions:
        return False
    if flags.host in LOOPBACK and flags.worker_kind == THREAD_WORKER:
        return True
    log.warning("Extensions are not loaded anew: that needs a server for this computer alone and --worker thread")
    return False


def build_page(app: App) -> tuple[FastAPI, Gate, Blocks]:
    """Return gradio's application, the gate before it, and the page as gradio has it.

    gradio is imported here, in a second or two that the first answer does not wait for.
    """
    with uncollected("gradio"):
        gradio = import_gradio()
        app.extensions.load(app, page=True)
        try:
            from modules.ui import look, page

            extended = bool(app.extensions.active)
            assets, (blocks, facts) = look.Assets.build(extended), page.build(app)
        finally:
            app.extensions.end_loading()
        how = page.mount_arguments(assets, app.flags.data_dir if extended else None)
        mounted = gradio.mount_gradio_app(FastAPI(), blocks, path="/", **how)
        functions = {number for number, each in blocks.fns.items() if each.fn is not None}      # all are extensions'
        app.pages.public = frozenset(file_paths(blocks.config)) if functions else frozenset()
        calls = PageCalls(mounted, functions, app.pages) if functions else None
        return mounted, Gate(page.document(app, assets, mounted, facts), calls), blocks


def wants_browser(flags: Flags) -> bool:
    """Return whether to open a browser: somebody sits at this computer, and the server is not shared."""
    screen = (
        os.name == "nt" or os.uname().sysname == "Darwin" or "DISPLAY" in os.environ or "WAYLAND_DISPLAY" in os.environ
    )
    first = BEGUN_ANEW not in os.environ
    return first and (flags.autolaunch or (screen and flags.host in LOOPBACK and "CI" not in os.environ))
