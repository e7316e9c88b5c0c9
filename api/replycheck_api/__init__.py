"""replycheck over HTTP: the service that stands on top of the walk, and holds no judgement of its own.

`python -m replycheck_api` starts it; `create_app` makes the application for any other ASGI server.
"""

from replycheck_api.app import create_app

__all__ = ["create_app"]
