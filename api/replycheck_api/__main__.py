"""`python -m replycheck_api`, also installed as `replycheck-serve`: start the service, on loopback unless told otherwise."""

from __future__ import annotations

import argparse
import asyncio
import os
import socket
import sys
import tempfile
from collections.abc import Sequence
from contextlib import ExitStack, closing, suppress
from dataclasses import fields
from typing import Any

import uvicorn
from fastapi import FastAPI
from uvicorn.supervisors import Multiprocess

from replycheck.bundle import inspect_bundle
from replycheck.errors import ReplycheckError, UsageError
from replycheck.feedback import Store
from replycheck.settings import CONFIG, PREFIX, Settings, descriptions
from replycheck_api.access import Access, new_key
from replycheck_api.app import create_app
from replycheck_api.logs import LEVELS, log_to_standard_error
from replycheck_api.metrics import FOLDER


class Server(uvicorn.Server):
    """A quiet server that says, once, where it listens."""

    def __init__(self, app: FastAPI, settings: Settings) -> None:
        super().__init__(uvicorn.Config(app, host=settings.host, port=settings.port, **_config(settings)))

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Start, and say where."""
        await super().startup(sockets)
        _say_where(self.config.host, self.servers[0].sockets[0].getsockname()[1])


_SPREADS = sys.platform == "linux"
"""Whether the kernel spreads connections over the processes that listen to one port."""


class OwnListener(asyncio.SelectorEventLoop):
    """The event loop of one of several workers: it listens to their port with a socket of its own, so that the kernel deals connections
    out. From one shared socket the worker that wakes first takes all that wait, and a proxy's few lasting connections may end up in one.
    """

    async def create_server(self, *args: Any, sock: socket.socket | None = None, **kwargs: Any) -> asyncio.Server:
        """As of asyncio; of `sock`, which all workers hold, only the address is used."""
        if sock is not None:
            sock = _listener(*sock.getsockname()[:2])
        return await super().create_server(*args, sock=sock, **kwargs)


def _listener(host: str, port: int) -> socket.socket:
    """A socket bound to a port that others bind to as well."""
    made = socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET)
    made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
    made.bind((host, port))
    made.set_inheritable(True)
    return made


def _config(settings: Settings) -> dict[str, Any]:
    return {
        "access_log": False,
        "log_config": None,
        "server_header": False,
        "timeout_graceful_shutdown": settings.shutdown_timeout,
    }


def _say_where(host: str, port: int) -> None:
    sys.stdout.write(f"replycheck listens on http://{f'[{host}]' if ':' in host else host}:{port}\n")
    sys.stdout.flush()


def worker() -> FastAPI:
    """The application of one of several worker processes, which are told their settings by the environment."""
    settings = Settings.from_environment()
    log_to_standard_error(settings.log_level)
    return create_app(settings)


def run() -> None:
    """Console script."""
    sys.exit(main(sys.argv[1:]))


def main(arguments: Sequence[str] = ()) -> int:
    """Serve until stopped; the exit code is the command line's."""
    given = _parser().parse_args(arguments)
    try:
        if given.new_key:
            key, line = new_key(given.new_key)
            sys.stdout.write(f"{key}\n{line}\n")
            sys.stderr.write(
                "The first line is the key, shown only now; the second goes into api_keys or api_keys_file.\n"
            )
            return 0
        told = {f"{PREFIX}{k.upper()}": v for k, v in vars(given).items() if v is not None and k != "new_key"}
        settings = Settings.from_environment({**os.environ, **told})
        if settings.log_level not in LEVELS:
            raise UsageError(f"log_level = {settings.log_level!r}: expected one of {', '.join(LEVELS)}")
        if settings.port > 65535:
            raise UsageError(f"port = {settings.port}: expected at most 65535")
        # The application does it all again; looking first makes a line of what would be a traceback.
        Access(settings)
        inspect_bundle(settings.model)
        if settings.feedback:
            Store(settings.feedback).close()
    except ReplycheckError as problem:
        sys.stderr.write(f"replycheck: {problem}\n")
        return 2 if isinstance(problem, UsageError) else 3
    with suppress(KeyboardInterrupt):
        if settings.workers == 1:
            log_to_standard_error(settings.log_level)
            Server(create_app(settings), settings).run()
        else:
            _serve_with_workers(settings)
    return 0


def _serve_with_workers(settings: Settings) -> None:
    with ExitStack() as stack:
        os.environ.pop(CONFIG, None)
        os.environ.update(settings.to_environment())
        os.environ[FOLDER] = stack.enter_context(tempfile.TemporaryDirectory(prefix="replycheck-metrics-"))
        log_to_standard_error(settings.log_level)
        _say_where(settings.host, settings.port)
        config = uvicorn.Config(
            "replycheck_api.__main__:worker",
            factory=True,
            host=settings.host,
            port=settings.port,
            workers=settings.workers,
            loop="replycheck_api.__main__:OwnListener" if _SPREADS else "auto",
            **_config(settings),
        )
        listener = config.bind_socket()
        if _SPREADS:
            listener.close()  # the port was free: a second service must not be dealt half of the first one's connections
            listener = _listener(settings.host, settings.port)
        with closing(listener):
            Multiprocess(config, sockets=[listener]).run()


def _parser() -> argparse.ArgumentParser:
    """One option a setting."""
    parser = argparse.ArgumentParser(
        prog="replycheck-serve",
        description="The HTTP service. Options go before environment variables, those before the file of settings.",
        epilog="Each setting has a variable REPLYCHECK_<NAME> and a key of the same name in the file; lists are parted by commas.",
    )
    parser.add_argument("--config", metavar="FILE", help=f"TOML file of settings ({CONFIG}).")
    parser.add_argument(
        "--new-key", metavar="NAME", help="Print a fresh API key and the line that stands for it, and end."
    )
    told = descriptions()
    for f in fields(Settings):
        default = f.default if f.default not in ("", (), None) else "none"
        parser.add_argument(
            f"--{f.name.replace('_', '-')}",
            dest=f.name,
            metavar="N" if f.type == "int" else "PATH" if "Path" in str(f.type) else "VALUE",
            help=f"{told[f.name].replace('%', '%%')} Default: {default}.",
        )
    return parser


if __name__ == "__main__":
    run()
