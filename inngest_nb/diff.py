"""Two runs of one function side by side."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from inngest_nb.run import Run

_OF_EACH = ["status", "attempts", "duration", "output", "error"]


def diff(first: Run, second: Run) -> Any:
    """Compare two runs step by step, as a DataFrame with one row per step in the order of the first run.

    Columns: step_id, status_a, status_b, attempts_a, attempts_b, duration_a, duration_b, slower (Timedelta of the second
    over the first), same_output, output_a, output_b, error_a, error_b. A step that one run does not have is empty there.
    """
    import pandas as pd

    ours, theirs = _last_attempts(first), _last_attempts(second)
    order = [*ours.index, *(key for key in theirs.index if key not in ours.index)]
    both = ours.add_suffix("_a").join(theirs.add_suffix("_b"), how="outer", sort=False).loc[order]
    both["slower"] = both["duration_b"] - both["duration_a"]
    pairs = zip(both["output_a"], both["output_b"], both["status_a"], both["status_b"], strict=True)
    both["same_output"] = [a == b and sa == sb for a, b, sa, sb in pairs]
    both.insert(0, "step_id", [name for name, _ in both.index])
    head = [
        "step_id",
        "status_a",
        "status_b",
        "attempts_a",
        "attempts_b",
        "duration_a",
        "duration_b",
        "slower",
        "same_output",
    ]
    tail = ["output_a", "output_b", "error_a", "error_b"]
    frame: pd.DataFrame = both.reset_index(drop=True)[[*head, *tail]]
    return frame


def _last_attempts(run: Run) -> Any:
    """The outcome of each step by (step id, how often the id came before), with the number of attempts."""
    import pandas as pd

    steps = pd.DataFrame(run.steps()).sort_values(["index", "attempt"])
    last = steps.groupby("index", sort=True).last()
    last["attempts"] = steps.groupby("index").size()
    last["status"] = last["status"].astype(str)
    repeat = last.groupby("step_id").cumcount()
    last.index = pd.MultiIndex.from_arrays([last["step_id"], repeat], names=["step", "repeat"])
    return last[_OF_EACH]
