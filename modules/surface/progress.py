"""A1111's `modules.progress`: its tasks by their ids. Easel's jobs are followed by their own routes."""

from __future__ import annotations

from typing import Any

current_task: str | None = None
pending_tasks: dict[str, Any] = {}
finished_tasks: list[str] = []
recorded_results: list[Any] = []


def start_task(id_task: str) -> None: ...
def finish_task(id_task: str) -> None: ...
def record_results(id_task: str, res: Any) -> None: ...
def add_task_to_queue(id_job: str) -> None: ...


def create_task_id(task_type: str) -> str:
    import secrets

    return f"task({task_type}-{secrets.token_hex(4)})"
