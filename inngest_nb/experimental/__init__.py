"""What the official SDK calls experimental: the step tools of the running function, without passing `ctx` around."""

from __future__ import annotations

import contextlib
import functools
from collections.abc import Callable, Iterator
from typing import Any, ParamSpec, TypeVar, cast

from inngest_nb.errors import InngestError
from inngest_nb.worker.context import current_tools
from inngest_nb.worker.steps import Step
from inngest_nb.worker.steps_sync import StepSync

__all__ = ["get_step_context", "set_step_context", "step"]

P = ParamSpec("P")
T = TypeVar("T")


def get_step_context() -> Step | StepSync:
    """`ctx.step` of the function that this code runs in.

    Raises:
        LookupError: it runs in none.
    """
    return current_tools.get()


@contextlib.contextmanager
def set_step_context(step: Step | StepSync) -> Iterator[None]:
    """Make `step` what `get_step_context` returns; inside a function that is done already.

    Raises:
        InngestError: it is set.
    """
    if current_tools.get(None) is not None:
        raise InngestError(
            "the step context is set already: this code runs inside a function or another set_step_context"
        )
    token = current_tools.set(step)
    try:
        yield
    finally:
        current_tools.reset(token)


def step(step_id: str) -> Callable[[Callable[P, T]], Callable[P, T]]:
    """Make a plain function a step: inside a run a call of it is `step.run(step_id, …)`, elsewhere it is a plain call."""

    def decorate(function: Callable[P, T]) -> Callable[P, T]:
        @functools.wraps(function)
        def call(*args: P.args, **kwargs: P.kwargs) -> T:
            tools: Any = current_tools.get(None)
            handler = functools.partial(function, *args, **kwargs)
            return cast("T", handler() if tools is None else tools.run(step_id, handler))

        return call

    return decorate
