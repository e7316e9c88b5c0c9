"""The OpenAPI document: what FastAPI finds by itself, and what it can't: bodies of several kinds, examples, keys."""

from __future__ import annotations

from typing import Any

from fastapi import FastAPI
from pydantic.json_schema import models_json_schema

from replycheck.codebook import to_dict
from replycheck_api import schemas
from replycheck_api.schemas import BatchRequest, CheckRequest, FeedbackRequest, LineOut, ProblemOut

_REF = "#/components/schemas/{model}"
_EMAIL = (
    "From: Bo <bo@example.org>\r\nSubject: Re: filming\r\nContent-Type: text/plain; charset=utf-8\r\n\r\n"
    "Thanks for writing! We have cameras to borrow at the tech desk.\r\n\r\n"
    "On 3 Nov 2025, at 10:12, Ines <ines@example.org> wrote:\r\n> Half my students have nothing to film their projects on.\r\n"
)
_HTML = "<p>Thanks for writing!</p><p>We have <b>cameras</b> to borrow.</p><blockquote type='cite'>Nothing to film on.</blockquote>"
_STRING = {"type": "string"}
_LINES = '{"reply": "What happened when you tried?"}\n{"reply": "Please fill in our survey."}\n'


class Application(FastAPI):
    """FastAPI, with the document made whole."""

    def openapi(self) -> dict[str, Any]:
        """The document; made once."""
        if self.openapi_schema:
            return self.openapi_schema
        document = super().openapi()
        _, ours = models_json_schema(
            [(m, "validation") for m in (CheckRequest, BatchRequest, FeedbackRequest, LineOut, ProblemOut)],
            ref_template=_REF,
        )
        document["components"]["schemas"] |= ours["$defs"]
        paths = document["paths"]
        _bodies(paths)
        _queries(paths)
        for path, example in _ANSWERS.items():
            for operation in paths[path].values():
                kinds = operation["responses"]["200"]["content"]
                next(iter(kinds.values()))["example"] = example
        if self.state.service.access.needs_key:
            document["components"]["securitySchemes"] = {
                "bearer": {"type": "http", "scheme": "bearer"},
                "header": {"type": "apiKey", "in": "header", "name": "X-API-Key"},
            }
            for operations in paths.values():
                for operation in operations.values():
                    if "401" in operation["responses"]:
                        operation["security"] = [{"bearer": []}, {"header": []}]
        return document


def _ref(name: str) -> dict[str, str]:
    return {"$ref": _REF.format(model=name)}


def _bodies(paths: dict[str, Any]) -> None:
    """What each call takes, and what the batch gives as a stream."""
    check = {
        "application/json": {
            "schema": _ref("CheckRequest"),
            "examples": {
                "reply": {"summary": "A reply and its message", "value": schemas.REQUEST_EXAMPLE},
                "email": {"summary": "A raw e-mail", "value": {"email": _EMAIL, "options": {"offset_unit": "utf16"}}},
                "html": {"summary": "HTML of a compose window", "value": {"html": _HTML}},
                "context": {
                    "summary": "A chat",
                    "value": {
                        "reply": "We have a guide for that.",
                        "context": [
                            {"role": "patron", "text": "hi"},
                            {"role": "staff", "text": "Hello, what can I do?"},
                            {"role": "patron", "text": "the login just spins"},
                        ],
                        "options": {"threshold": 0.5, "language": "en", "do_not_store": True},
                    },
                },
            },
        },
        "message/rfc822": {"schema": _STRING, "example": _EMAIL},
        "text/html": {"schema": _STRING, "example": _HTML},
        "text/plain": {"schema": _STRING, "example": _EMAIL.partition("\r\n\r\n")[2]},
    }
    batch = {
        "application/json": {
            "schema": _ref("BatchRequest"),
            "examples": {
                "two": {
                    "summary": "Two replies",
                    "value": {"items": [schemas.REQUEST_EXAMPLE, {"reply": "We have a guide."}]},
                }
            },
        },
        "application/x-ndjson": {
            "schema": _STRING | {"description": "A CheckRequest a line."},
            "example": _LINES,
        },
    }
    form = {
        "application/x-www-form-urlencoded": {
            "schema": {
                "type": "object",
                "description": "One of text and data. Parameters of LanguageTool that are not named here are accepted and ignored.",
                "properties": _FORM,
                "required": ["language"],
            },
            "example": {
                "language": "en-GB",
                "text": "We have a guide. Please fill in the feedback form on our website.",
            },
        }
    }
    order = {"application/json": {"schema": _ref("CheckRequest"), "example": schemas.REQUEST_EXAMPLE}}
    feedback = {"application/json": {"schema": _ref("FeedbackRequest"), "example": schemas.FEEDBACK_EXAMPLE}}
    for path, content in (
        ("/v1/check", check),
        ("/v1/check/batch", batch),
        ("/v1/reorder", order),
        ("/v1/feedback", feedback),
        ("/v2/check", form),
    ):
        paths[path]["post"]["requestBody"] = {"required": True, "content": content}
    paths["/v1/check/batch"]["post"]["responses"]["200"]["content"]["application/x-ndjson"] = {
        "schema": _ref("LineOut"),
        "example": {"line": 1, "verdict": schemas.VERDICT_EXAMPLE},
    }


_FORM: dict[str, Any] = {
    "text": _STRING,
    "data": _STRING
    | {"description": 'JSON: {"text": …} or {"annotation": [{"text": …}, {"markup": …, "interpretAs": …}]}'},
    "language": _STRING | {"pattern": "^([A-Za-z]{2,3}(-[A-Za-z0-9-]{1,30})?|auto)$"},
    "disabledRules": _STRING,
    "enabledRules": _STRING,
    "enabledOnly": _STRING | {"enum": ["true", "false"]},
    "mode": _STRING | {"enum": ["all", "allButTextLevelOnly", "textLevelOnly"]},
    "apiKey": _STRING,
}


def _queries(paths: dict[str, Any]) -> None:
    """The options of a call, and the form of LanguageTool in a query."""
    for name, schema in schemas.Options.model_json_schema(ref_template=_REF)["properties"].items():
        for path in ("/v1/check", "/v1/check/batch"):
            told = {k: v for k, v in schema.items() if k != "description"}
            if "anyOf" in told:
                # a query can't say null
                told = {k: v for k, v in told.items() if k not in ("anyOf", "default")} | told["anyOf"][0]
            paths[path]["post"].setdefault("parameters", []).append(
                {"name": name, "in": "query", "required": False, "description": schema["description"], "schema": told}
            )
    paths["/v2/check"]["get"]["parameters"] = [
        {"name": name, "in": "query", "required": name == "language", "schema": schema}
        for name, schema in _FORM.items()
    ]
    paths["/v2/configinfo"]["get"]["parameters"] = [
        {"name": "language", "in": "query", "required": True, "schema": _FORM["language"]}
    ]


_ANSWERS: dict[str, Any] = {
    "/v1/check": schemas.VERDICT_EXAMPLE,
    "/v1/check/batch": {"verdicts": [schemas.VERDICT_EXAMPLE]},
    "/v1/model": schemas.MODEL_EXAMPLE,
    "/v1/codebook": to_dict(),
    "/v1/page": {"needs_key": False, "feedback": False, "max_chars": 100_000},
    "/v1/reorder": schemas.REORDER_EXAMPLE,
    "/v1/feedback": schemas.KEPT_EXAMPLE,
    "/v1/feedback/{id}": {"forgotten": 1},
    "/healthz": {"status": "alive"},
    "/readyz": {"status": "ready"},
    "/metrics": 'replycheck_model_in_use{model_version="default-0123456789"} 1.0\n',
    "/v2/check": schemas.MATCHES_EXAMPLE,
    "/v2/languages": [{"name": "English (GB)", "code": "en", "longCode": "en-GB"}],
    "/v2/maxtextlength": "100000",
    "/v2/configinfo": {
        "software": schemas.SOFTWARE_EXAMPLE,
        "parameter": {"maxTextLength": 100000},
        "rules": [schemas.RULE_EXAMPLE],
    },
    "/v2/info": {"software": schemas.SOFTWARE_EXAMPLE},
    "/v2/healthcheck": "OK",
}
