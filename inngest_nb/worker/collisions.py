"""Two ids that name one step: "a:1" is also what the second step called "a" is known by.

Inngest gives the later of them what is remembered of the earlier one, so that is what happens here.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from inngest_nb.errors import StepDuplicateError
from inngest_nb.jsontext import loads

if TYPE_CHECKING:
    from inngest_nb.worker.worker import Worker


def collides(counts: Mapping[str, int], step_id: str, repeat: int) -> bool:
    """Whether a step that was met before has this hash; `counts` says how often each id was met."""
    if repeat:
        return f"{step_id}:{repeat}" in counts
    if ":" not in step_id:
        return False
    base, _, place = step_id.rpartition(":")
    return bool(place.isascii() and place.isdecimal() and place[0] != "0" and counts.get(base, 0) > int(place))


async def earlier_memo(worker: Worker, run_id: str, step: str) -> str:
    """What is remembered of the step of this hash by now, as JSON text."""
    memos: dict[str, str] = loads(await worker.request("memos", {"run_id": run_id}))
    if step not in memos:
        raise StepDuplicateError(
            f"two steps of run {run_id} are known by one hash ({step}), and the first of them has not completed: an id that ends "
            "in a colon and a number is also what a repeated id is known by. Choose another one"
        )
    return memos[step]
