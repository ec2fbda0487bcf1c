"""Would this run replay? The body is entered once more from the memos of a run; nothing of its steps is executed.

What is looked for: steps that are no longer where they were, steps that are new, and side effects outside steps (files
opened for writing, sockets, processes), which production would repeat at every step. A side effect is prevented, and the
body ends there: one is reported at a time.
"""

from __future__ import annotations

import asyncio
import contextvars
import os
import sys
from concurrent.futures import Future
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from inngest_nb.worker.context import current_step
from inngest_nb.worker.execution import Execution
from inngest_nb.worker.worker import Worker

if TYPE_CHECKING:
    from inngest_nb.protocol import Message
    from inngest_nb.worker.worker import Handler

_EFFECTS = frozenset(
    {
        "socket.connect",
        "socket.sendto",
        "subprocess.Popen",
        "os.remove",
        "os.rename",
        "os.rmdir",
        "os.mkdir",
        "os.system",
        "shutil.rmtree",
    }
)
_findings: contextvars.ContextVar[list[Finding] | None] = contextvars.ContextVar("inngest_nb_lint", default=None)
_hooked = False
_TIMEOUT_S = 30.0


class _Prevented(BaseException):
    """A side effect outside of a step, which linting must not cause: the body ends there."""


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that would differ in production. `kind` is "moved", "missing", "new" or "side effect"."""

    kind: str
    step_id: str | None
    text: str

    def __str__(self) -> str:
        return f"{self.kind}: {self.text}"


class _Silent:
    """A connection to nobody: a linted body only hears of what is remembered."""

    backlog = 0

    def post(self, message: Message) -> None:
        """Say nothing."""

    post_soon = post

    def request(self, method: str, params: dict[str, Any]) -> Future[Any]:
        """Ask nobody."""
        raise RuntimeError(f"a linted body asked the engine for {method!r} outside of a step")


class _Linted(Execution):
    """Notes which steps the body meets; the first one without a memo ends it."""

    def __init__(self, worker: Worker, handler: Handler, start: Any) -> None:
        super().__init__(worker, handler, start)
        self.met: list[tuple[str, str]] = []
        self.outcome: str | None = None
        self.over = asyncio.Event()

    def _identify(self, step_id: str) -> tuple[str, int]:
        step, index = super()._identify(step_id)
        self.met.append((step, step_id))
        if step not in self._memos:
            self.over.set()
            self.stop()
        return step, index

    def _report(self, op: str, body: Message) -> None:
        self.outcome = op if op == "run.done" else f"{body['error']['name']}: {body['error']['message']}"
        self.over.set()


def lint(handler: Handler, view: dict[str, Any], outputs: dict[str, str], events: list[str]) -> list[Finding]:
    """Enter the body of `handler` with the memos of a run: `view` is its run and steps, `outputs` memo texts by hash."""
    worker = Worker(_Silent(), worker_id="lint", label="lint")
    steps = _final(view["steps"])
    errors = {h: s["error"] for h, s in steps.items() if s["status"] == "failed"}
    start = {
        "op": "run.start", "run_id": view["run"]["run_id"], "lease": "", "fn_id": view["run"]["fn_id"], "event": events[0],
        "events": events, "attempt": 0, "max_attempts": 1, "memos": outputs, "errors": errors, "waiting": [], "retrying": {}, "limited": False,
        "order": [*outputs, *errors],
    }  # fmt: skip
    try:
        met, outcome, findings = asyncio.run_coroutine_threadsafe(_enter(worker, handler, start), worker.loop).result(
            _TIMEOUT_S
        )
    finally:
        worker.close()
    return [*findings, *_compare(steps, met, outcome, view["run"]["status"])]


async def _enter(
    worker: Worker, handler: Handler, start: Any
) -> tuple[list[tuple[str, str]], str | None, list[Finding]]:
    _hook()
    findings: list[Finding] = []
    execution = _Linted(worker, handler, start)
    context = contextvars.Context()
    context.run(_findings.set, findings)
    execution.task = worker.loop.create_task(execution._drive(), context=context)  # noqa: SLF001  # as `enter`, but watched
    await execution.over.wait()
    return execution.met, execution.outcome, findings


def _final(steps: list[dict[str, Any]]) -> dict[str, dict[str, Any]]:
    return {step["hash"]: step for step in steps if step["status"] in ("completed", "timed_out", "failed")}


def _compare(
    steps: dict[str, dict[str, Any]], met: list[tuple[str, str]], outcome: str | None, status: str
) -> list[Finding]:
    findings = []
    known = [step for step in met if step[0] in steps]
    for step_hash, step_id in met:
        if step_hash not in steps:
            findings.append(Finding("new", step_id, f"step {step_id!r} is met now, but the run has no memo of it"))
    order = {step_hash: at for at, (step_hash, _) in enumerate(known)}
    recorded = sorted((s for s in steps.values() if s["hash"] in order), key=lambda s: s["index"])
    now = sorted(recorded, key=lambda s: order[s["hash"]])
    for was, step in zip(recorded, now, strict=True):
        if was["hash"] != step["hash"]:
            text = f"step {step['step_id']!r} is met where {was['step_id']!r} was"
            findings.append(Finding("moved", step["step_id"], text))
    prevented = (outcome or "").startswith(_Prevented.__name__)
    if not prevented and not any(finding.kind == "new" for finding in findings):
        for step_hash, step in steps.items():
            if step_hash not in order:
                findings.append(
                    Finding("missing", step["step_id"], f"step {step['step_id']!r} of the run is not met any more")
                )
    if status == "completed" and not prevented and outcome not in (None, "run.done"):
        findings.append(Finding("moved", None, f"the run completed, but from its memos the body now raises {outcome}"))
    return findings


def _hook() -> None:
    global _hooked  # noqa: PLW0603  # an audit hook stays for the life of the process: once is enough
    if not _hooked:
        _hooked = True
        sys.addaudithook(_audit)


def _audit(event: str, args: tuple[Any, ...]) -> None:
    if event != "open" and event not in _EFFECTS:
        return
    findings = _findings.get()
    if findings is None or current_step.get() is not None:
        return
    if event == "open" and not _writes(args):
        return
    what = " ".join(str(arg) for arg in args[:1])
    text = f"{event} {what} happens outside of a step, and would happen again at every step"
    findings.append(Finding("side effect", None, text))
    raise _Prevented(text)


def _writes(args: tuple[Any, ...]) -> bool:
    mode, flags = args[1], args[2]
    if isinstance(mode, str):
        return any(letter in mode for letter in "wax+")
    return bool(isinstance(flags, int) and flags & (os.O_WRONLY | os.O_RDWR))
