"""`python -m replycheck_api`: start the service, on the loopback address unless told otherwise."""

from __future__ import annotations

import socket
import sys
from contextlib import suppress

import uvicorn
from fastapi import FastAPI

from replycheck.bundle import inspect_bundle
from replycheck.errors import ReplycheckError, UsageError
from replycheck.settings import Settings
from replycheck_api.app import create_app


class Server(uvicorn.Server):
    """A quiet server that says, once, where it listens."""

    def __init__(self, app: FastAPI, host: str, port: int) -> None:
        super().__init__(
            uvicorn.Config(app, host=host, port=port, access_log=False, log_level="warning", server_header=False)
        )

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Start, and say where."""
        await super().startup(sockets)
        host = f"[{self.config.host}]" if ":" in self.config.host else self.config.host
        port = self.servers[0].sockets[0].getsockname()[1]
        sys.stdout.write(f"replycheck listens on http://{host}:{port}\n")
        sys.stdout.flush()


def main() -> int:
    """Serve until interrupted; the exit code is the command line's."""
    try:
        settings = Settings.from_environment()
        # The lifespan loads the model; looking first makes a line of what would be a traceback.
        inspect_bundle(settings.model)
    except ReplycheckError as problem:
        sys.stderr.write(f"replycheck: {problem}\n")
        return 2 if isinstance(problem, UsageError) else 3
    with suppress(KeyboardInterrupt):
        Server(create_app(settings), settings.host, settings.port).run()
    return 0


if __name__ == "__main__":
    sys.exit(main())
