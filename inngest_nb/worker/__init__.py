"""Runs function bodies: replays what is remembered, executes what is new, reports every outcome before going on."""

from __future__ import annotations

from inngest_nb.worker.context import Context, ContextSync, current_run

__all__ = ["Context", "ContextSync", "current_run"]
