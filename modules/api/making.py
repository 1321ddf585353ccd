"""Routes that make model files: merge, convert, extract a LoRA. Each is a job like any other, followed by its id."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Request

from modules.api.jobs import JobStarted
from modules.api.routing import account, few_unknown, router
from modules.app.app import App
from modules.base.accounts import Role
from modules.params.merge import Conversion, Extraction, Merge
from modules.requests.submit import Submission, submit


def routes(app: App) -> APIRouter:
    api = router("making models", "/easel/v1", Role.MEMBER)

    def begin(kind: str, body: Any, request: Request) -> JobStarted:
        submitted = submit(app, Submission(kind, body), account(request))
        return JobStarted(job=submitted.job, notes=list(submitted.notes))

    @api.post("/merge")
    def merge(body: Annotated[Merge, few_unknown(Merge)], request: Request) -> JobStarted:
        """Merge checkpoints into a new one."""
        return begin("merge", body, request)

    @api.post("/convert")
    def convert(body: Annotated[Conversion, few_unknown(Conversion)], request: Request) -> JobStarted:
        """Write a checkpoint as safetensors, in another precision, without the tensors that inference does not need."""
        return begin("convert", body, request)

    @api.post("/extract-lora")
    def extract(body: Annotated[Extraction, few_unknown(Extraction)], request: Request) -> JobStarted:
        """Write the difference of one checkpoint to another as a LoRA."""
        return begin("extract_lora", body, request)

    return api
