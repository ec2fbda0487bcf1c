"""The names of attributes and events in exported traces: the only place where they stand, because the conventions change.

Those of models follow OpenTelemetry's GenAI conventions as of 2026, which are in development.
"""

from __future__ import annotations

from collections.abc import Mapping

__all__ = ["NAMES", "OPERATIONS", "PROVIDERS"]

NAMES: Mapping[str, str] = {
    # runs
    "run_id": "inngest.run.id",
    "function_id": "inngest.function.id",
    "run_status": "inngest.run.status",
    "run_attempt": "inngest.run.attempt",
    "event_name": "inngest.event.name",
    "event_id": "inngest.event.id",
    "code_hash": "inngest.function.code_hash",
    "workflow": "gen_ai.workflow.name",
    "operation": "gen_ai.operation.name",
    # steps
    "step_id": "inngest.step.id",
    "step_op": "inngest.step.op",
    "step_status": "inngest.step.status",
    "attempt": "inngest.attempt",
    "attempts": "inngest.step.attempts",
    "wait_event": "inngest.wait.event.name",
    # calls of models
    "provider": "gen_ai.provider.name",
    "request_model": "gen_ai.request.model",
    "response_model": "gen_ai.response.model",
    "response_id": "gen_ai.response.id",
    "finish_reasons": "gen_ai.response.finish_reasons",
    "first_chunk_s": "gen_ai.response.time_to_first_chunk",
    "input_tokens": "gen_ai.usage.input_tokens",
    "output_tokens": "gen_ai.usage.output_tokens",
    "cached_tokens": "gen_ai.usage.cache_read.input_tokens",
    # content, only if it is asked for
    "input": "inngest.input",
    "output": "inngest.output",
    # errors and events
    "error_type": "error.type",
    "exception_type": "exception.type",
    "exception_message": "exception.message",
    "exception_stack": "exception.stacktrace",
    "exception": "exception",
    "started": "inngest.run.started",
    "retry": "inngest.retry",
}

#: What a span of a run, and of a call of a model, does.
OPERATIONS = {"run": "invoke_workflow", "model": "chat"}

#: The formats of `step.ai` as providers.
PROVIDERS = {"openai-chat": "openai", "anthropic": "anthropic", "gemini": "gcp.gemini"}
