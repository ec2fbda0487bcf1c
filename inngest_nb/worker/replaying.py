"""`replay="always"`: the body is entered anew after every step, as a production engine does it.

Code outside steps then runs as often as it will run there, which shows side effects that are in the wrong place.
"""

from __future__ import annotations

import asyncio
from typing import Any, cast

from inngest_nb.errors import StepError
from inngest_nb.protocol import ErrorInfo
from inngest_nb.worker.execution import Execution
from inngest_nb.worker.turns import Turns


class ReplayingExecution(Execution):
    """Gives the body up whenever a memo has been kept, and enters it from the top with all memos."""

    async def _new(self, step: str, memo: str, *, foreign: bool) -> Any:
        value = await super()._new(step, memo, foreign=foreign)
        self.start["memos"][step] = memo
        self.start["order"].append(step)
        if len(self._inflight) > 1:  # other branches are under way: the last of them enters anew
            return value
        if self.hooks is not None:
            await self.hooks.give_up()  # the call ends here, as it does in production
        self._enter_anew()
        return await asyncio.get_running_loop().create_future()  # never: this body is given up

    def _failed(self, step: str, error: dict[str, Any]) -> StepError:
        self.start["errors"][step] = cast("ErrorInfo", error)  # the next time around too
        self.start["order"].append(step)
        return super()._failed(step, error)

    def _enter_anew(self) -> None:
        given_up = [task for task in (self.task, *self.still.tasks) if task is not None]
        self._counts, self._order, self._inflight = {}, 0, {}
        self._turns = Turns(self.start["order"])
        self._memos = {*self.start["memos"], *self.start["errors"]}
        self._ahead = {*self._memos, *self.start["waiting"]}
        self.enter()
        for task in given_up:  # branches as well: one that is ready to go on would take the step from the new body
            task.cancel()
