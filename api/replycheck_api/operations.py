"""The model that judges, whether the service is well, and its counters: for those who run it."""

from __future__ import annotations

from fastapi import APIRouter, Depends, Request, Response
from fastapi.responses import PlainTextResponse

from replycheck.codebook import Label, MessageKind, Move
from replycheck_api.check import admitted, service_of
from replycheck_api.problems import AsciiJSON, Kind, described
from replycheck_api.schemas import ModelOut, StatusOut

router = APIRouter(tags=["service"])
_KEYED = (Kind.UNAUTHORIZED, Kind.TOO_MANY, Kind.INTERNAL)


@router.get(
    "/v1/model",
    summary="The model that judges",
    response_model=ModelOut,
    responses=described(*_KEYED, Kind.NOT_READY),
    dependencies=[Depends(admitted)],
)
async def model(request: Request) -> Response:
    """Name, version, threshold and words of the loaded model, and what it was trained on."""
    loaded = service_of(request).loaded()
    checker, manifest = loaded.checker, loaded.manifest
    return AsciiJSON(
        {
            "name": manifest and manifest.name,
            "model_version": checker.model_version,
            "engine": manifest and manifest.engine,
            "threshold": checker.engine.threshold_,
            "labels": list(Label),
            "moves": list(Move),
            "message_kinds": list(MessageKind),
            "trained_on": manifest and manifest.trained_on,
            "data_fingerprint": manifest and manifest.data_fingerprint,
            "versions": manifest and manifest.versions,
        }
    )


@router.get(
    "/healthz", summary="Whether the service is alive", response_model=StatusOut, responses=described(Kind.INTERNAL)
)
async def healthz() -> Response:
    """Answers as soon as the service runs."""
    return AsciiJSON({"status": "alive"})


@router.get(
    "/readyz",
    summary="Whether the service can judge",
    response_model=StatusOut,
    responses=described(Kind.INTERNAL, Kind.NOT_READY),
)
async def readyz(request: Request) -> Response:
    """Answers once the model is loaded."""
    service_of(request).loaded()
    return AsciiJSON({"status": "ready"})


@router.get(
    "/metrics",
    summary="Counters for Prometheus",
    response_class=PlainTextResponse,
    responses=described(*_KEYED),
    dependencies=[Depends(admitted)],
)
async def metrics(request: Request) -> Response:
    """Calls, times, verdicts, refusals and the model, since each worker started."""
    return Response(service_of(request).metrics.page(), media_type="text/plain; version=0.0.4; charset=utf-8")
