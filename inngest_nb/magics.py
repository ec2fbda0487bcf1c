"""`%load_ext inngest_nb`: line magics over functions of this module, which do the same without IPython."""

from __future__ import annotations

import datetime as dt
import shlex
import sys
import threading
from typing import TYPE_CHECKING, Any, TextIO

from IPython.core.error import UsageError
from IPython.core.magic import Magics, line_magic, magics_class
from IPython.core.magic_arguments import argument, magic_arguments, parse_argstring

from inngest_nb.durations import to_milliseconds
from inngest_nb.errors import InngestError
from inngest_nb.history import History
from inngest_nb.history.tables import RUN_STATUS
from inngest_nb.jsontext import dumps
from inngest_nb.links import current_link
from inngest_nb.realtime.codec import Codec
from inngest_nb.realtime.messages import Message
from inngest_nb.realtime.subscription import Subscription

if TYPE_CHECKING:
    from IPython.core.interactiveshell import InteractiveShell

    from inngest_nb.history.frames import HistoryFrame
    from inngest_nb.widgets import RunTimeline

__all__ = ["load_ipython_extension", "recent_runs", "run_timeline", "tail"]

_COLUMNS = ["run_id", "function_id", "status", "event_name", "queued_at", "duration", "attempt"]
_WIDTH = 120


def recent_runs(
    function: str | None = None, *, status: str | None = None, since: str | None = None, limit: int = 20
) -> HistoryFrame:
    """Return the newest runs, newest first; `since` is a duration back from now."""
    back = None if since is None else dt.timedelta(milliseconds=to_milliseconds(since, field="since"))
    found = _history().runs(function=function, status=status, since=back, limit=limit)
    return found[_COLUMNS][::-1].reset_index(drop=True)


def run_timeline(which: str | None = None) -> RunTimeline:
    """Return the timeline of a run, of the newest run of a function, or of the newest run of all.

    Raises
    ------
    LookupError
        If there is none.
    """
    from inngest_nb.widgets import RunTimeline

    history = _history()
    found = history.runs(run_id=which) if which else history.runs(limit=1)
    if which and found.empty:
        found = history.runs(function=which, limit=1)
    if found.empty:
        raise LookupError(
            f"there is no run {which!r}, nor one of a function {which!r}" if which else "there is no run yet"
        )
    return RunTimeline(found["run_id"].iloc[0])


def tail(
    channel: str,
    *,
    topic: str | None = None,
    count: int = 10,
    follow: bool = False,
    seconds: float | None = None,
    file: TextIO | None = None,
) -> None:
    """Print the last messages of a channel, and with `follow` those that come, for some seconds or until interrupted."""
    found = _history().messages(channel=channel, topic=topic, kind="data", limit=count)
    for row in found.itertuples():
        _print(str(row.created_at), str(row.topic), row.offset, row.data, file)
    if follow:
        _follow(channel, topic, int(found["offset"].iloc[-1]) + 1 if len(found) else "start", seconds, file)


def _follow(channel: str, topic: str | None, since: int | str, seconds: float | None, file: TextIO | None) -> None:
    topics = None if topic is None else [topic]
    subscription = Subscription(current_link(), channel, topics, since, codec=Codec(channel, validate=False))
    end = threading.Timer(seconds, subscription.close) if seconds is not None else None
    if end is not None:
        end.start()
    try:
        for message in subscription:
            _print_message(message, file)
    except KeyboardInterrupt:
        pass  # how one leaves
    finally:
        subscription.close()
        if end is not None:
            end.cancel()


def _print_message(message: Message, file: TextIO | None) -> None:
    if message.kind == "data":
        _print(message.created_at.isoformat(" "), message.topic, message.offset, message.data, file)


def _print(at: str, topic: str, offset: object, data: Any, file: TextIO | None) -> None:
    text = data if isinstance(data, str) else dumps(data)
    short = repr(text) if isinstance(data, str) else text
    print(  # what it is for
        f"{at[11:23]}  {topic} #{offset}  {short if len(short) <= _WIDTH else short[: _WIDTH - 1] + '…'}",
        file=file or sys.stdout,
        flush=True,
    )


def _history() -> History:
    return History(current_link().readable_dir())


@magics_class
class InngestMagics(Magics):
    """`%runs`, `%run_timeline` and `%tail`, of the engine that this process used last."""

    @magic_arguments()
    @argument("function", nargs="?", help="a function's id")
    @argument("-s", "--status", choices=RUN_STATUS, help="only runs in this state")
    @argument("--since", help="only runs of the last …: 15m, 1h30m, 7d")
    @argument("-n", "--limit", type=int, default=20, help="how many")
    @line_magic
    def runs(self, line: str) -> HistoryFrame:
        """Show the newest runs as a DataFrame."""
        given = parse_argstring(self.runs, line)
        return _said(recent_runs, given.function, status=given.status, since=given.since, limit=given.limit)

    @magic_arguments()
    @argument("which", nargs="?", help="a run's id, or a function's for its newest run; else the newest run")
    @line_magic
    def run_timeline(self, line: str) -> RunTimeline:
        """Show where the time of a run goes."""
        return _said(run_timeline, parse_argstring(self.run_timeline, line).which)

    @magic_arguments()
    @argument("channel", help="a channel's name")
    @argument("-t", "--topic", help="only this topic")
    @argument("-n", "--count", type=int, default=10, help="how many of the last messages")
    @argument("-f", "--follow", action="store_true", help="and those that come, until interrupted")
    @argument("--for", dest="seconds", type=float, help="follow for this many seconds")
    @line_magic
    def tail(self, line: str) -> None:
        """Print the last messages of a channel."""
        given = parse_argstring(self.tail, line)
        follow = given.follow or given.seconds is not None
        _said(tail, given.channel, topic=given.topic, count=given.count, follow=follow, seconds=given.seconds)


def _said(function: Any, *args: Any, **options: Any) -> Any:
    """Call, and say errors that are for users in one line, as IPython says those of its own magics."""
    try:
        return function(*args, **options)
    except (InngestError, LookupError, ValueError) as exc:
        raise UsageError(getattr(exc, "message", None) or str(exc.args[0])) from None


def load_ipython_extension(shell: InteractiveShell) -> None:
    """Register the magics, and what the tab key completes after them."""
    shell.register_magics(InngestMagics)
    for name, complete in (("runs", _functions), ("run_timeline", _runs), ("tail", _channels)):
        shell.set_hook("complete_command", _completer(complete), str_key=f"%{name}")


def _completer(complete: Any) -> Any:
    def hook(*_: Any) -> list[str]:
        try:
            return [shlex.quote(name) for name in complete(_history())]
        except InngestError:
            return []  # no engine yet: nothing to complete

    return hook


def _functions(history: History) -> list[str]:
    return sorted(set(history.runs(limit=200)["function_id"]))


def _runs(history: History) -> list[str]:
    return history.runs(limit=20)["run_id"].tolist()[::-1] + _functions(history)


def _channels(history: History) -> list[str]:
    return list(dict.fromkeys(history.messages(kind="data", limit=500)["channel"][::-1]))
