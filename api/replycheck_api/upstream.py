"""The real LanguageTool behind `/v2/check`, where one is configured: texts are sent to it, and only then.

A server that is slow, gone or answers nonsense costs its own findings and nothing else.
"""

from __future__ import annotations

import json
import logging
from typing import Any

import httpx

from replycheck_api.service import Service

log = logging.getLogger(__name__)
_LARGEST = 16 * 2**20
"""Bytes of its answer that are read."""


async def ask_matches(service: Service, form: dict[str, str]) -> dict[str, Any] | None:
    """Its answer to this form, an empty one if none is configured, nothing if it failed."""
    if not service.settings.languagetool_upstream:
        return {}
    # our key is none of its business
    sent = {k: v for k, v in form.items() if k not in ("apiKey", "username")}
    answer = await _ask(service, "POST", "/v2/check", sent)
    matches = answer.get("matches") if isinstance(answer, dict) else None
    if not isinstance(answer, dict) or not isinstance(matches, list) or not all(_is_match(m) for m in matches):
        service.metrics.upstream.labels("failed").inc()
        return None
    service.metrics.upstream.labels("answered").inc()
    return answer


async def ask_languages(service: Service) -> list[dict[str, Any]]:
    """Its languages; none if it is not configured or does not answer."""
    if not service.settings.languagetool_upstream:
        return []
    answer = await _ask(service, "GET", "/v2/languages", None)
    return [one for one in answer if isinstance(one, dict)] if isinstance(answer, list) else []


def _is_match(match: Any) -> bool:
    return isinstance(match, dict) and isinstance(match.get("offset"), int)


async def _ask(service: Service, method: str, path: str, form: dict[str, str] | None) -> Any:
    address = service.settings.languagetool_upstream.rstrip("/").removesuffix("/v2") + path
    timeout = service.settings.languagetool_timeout
    try:
        async with (
            httpx.AsyncClient(timeout=timeout, trust_env=False) as client,
            client.stream(method, address, data=form) as response,
        ):
            response.raise_for_status()
            body = b""
            async for chunk in response.aiter_bytes():
                body += chunk
                if len(body) > _LARGEST:
                    raise ValueError
        return json.loads(body)
    except (httpx.HTTPError, httpx.InvalidURL, ValueError, RecursionError) as fault:
        log.warning("LanguageTool did not answer: %s", type(fault).__name__)
        return None
