"""Everything that happened, as DataFrames read from the stores of a data directory."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, Unpack, overload

from inngest_nb.errors import JournalUnavailable
from inngest_nb.history.filters import (
    EventFilters,
    Filters,
    MessageFilters,
    RunFilters,
    Some,
    StepFilters,
    StreamFilters,
    TextFilters,
    UsageFilters,
    WaitFilters,
    ids,
    make_filters,
    names_of_topics,
    takes,
)
from inngest_nb.history.reading import SQL, connected, rows_of
from inngest_nb.history.tables import STORED, index_of

if TYPE_CHECKING:
    from opentelemetry.sdk.trace import ReadableSpan

    from inngest_nb.history.frames import HistoryFrame
    from inngest_nb.history.messages import MessageColumns
    from inngest_nb.history.streams import StreamKey, StreamText
    from inngest_nb.history.usage import Price

__all__ = ["History", "open"]

To = Literal["pandas", "arrow", "polars"]
Other = Literal["arrow", "polars"]
_OPEN = frozenset({"queued", "running", "waiting"})
_RUNS_AT_ONCE = 200  # about one request to a collector


class History:
    """The journal and the message log of one data directory, for reading.

    It reads beside a running engine and from copied files alike, and never writes. Every method returns the newest
    `limit` rows, oldest first; the columns and dtypes are those of `inngest_nb.history.tables`, the same for an empty
    store. `since` and `until` are datetimes (UTC unless they say otherwise), dates, ISO text, or how long back from now: a
    timedelta or text such as "1h"; the other filters take one value or several: a list, or a column of a frame. `to="arrow"` and `to="polars"` give tables of those libraries, in which JSON
    columns are text.

    Parameters
    ----------
    path
        A data directory, or its `journal.db`, or a copy of that; `messages.db` is looked for beside it.
    """

    def __init__(self, path: str | Path) -> None:
        given = Path(path).expanduser()
        folder = given if given.is_dir() or not given.suffix else given.parent
        self._messages = given if given.name.startswith("messages") and given.suffix else folder / "messages.db"
        self._journal = folder / "journal.db" if given in (folder, self._messages) else given

    @property
    def stores(self) -> tuple[Path, Path]:
        """The journal and the message log, whether they exist or not."""
        return self._journal, self._messages

    def __repr__(self) -> str:
        return f"History({str(self._journal.parent)!r})"

    # -- what is stored --------------------------------------------------------------------------

    @overload
    def runs(self, *, to: Literal["pandas"] = ..., **filters: Unpack[RunFilters]) -> HistoryFrame: ...
    @overload
    def runs(self, *, to: Other, **filters: Unpack[RunFilters]) -> Any: ...
    @takes(RunFilters)
    def runs(self, *, to: To = "pandas", **filters: Any) -> Any:
        """One row per run; times filter on `queued_at`. `event_id` is the id that `send` returned."""
        asked = ids(filters.get("status"))
        return self._table("runs", to, filters | {"open": True if _OPEN.issuperset(asked) else None})

    @overload
    def steps(self, *, to: Literal["pandas"] = ..., **filters: Unpack[StepFilters]) -> HistoryFrame: ...
    @overload
    def steps(self, *, to: Other, **filters: Unpack[StepFilters]) -> Any: ...
    @takes(StepFilters)
    def steps(self, *, to: To = "pandas", **filters: Any) -> Any:
        """One row per finished attempt, sleep or wait; times filter on `started_at`.

        `memoized` says that the output was taken over from the run that this one was forked from.
        """
        return self._table("steps", to, filters)

    @overload
    def events(self, *, to: Literal["pandas"] = ..., **filters: Unpack[EventFilters]) -> HistoryFrame: ...
    @overload
    def events(self, *, to: Other, **filters: Unpack[EventFilters]) -> Any: ...
    @takes(EventFilters)
    def events(self, *, to: To = "pandas", **filters: Any) -> Any:
        """One row per accepted event with the runs that it started; times filter on `received_at`."""
        return self._table("events", to, filters)

    @overload
    def waits(self, *, to: Literal["pandas"] = ..., **filters: Unpack[WaitFilters]) -> HistoryFrame: ...
    @overload
    def waits(self, *, to: Other, **filters: Unpack[WaitFilters]) -> Any: ...
    @takes(WaitFilters)
    def waits(self, *, to: To = "pandas", **filters: Any) -> Any:
        """One row per wait for an event: asked, answered, by whom, how long; times filter on `asked_at`."""
        return self._table("waits", to, filters)

    @overload
    def messages(self, *, to: Literal["pandas"] = ..., **filters: Unpack[MessageFilters]) -> HistoryFrame: ...
    @overload
    def messages(self, *, to: Other, **filters: Unpack[MessageFilters]) -> Any: ...
    @takes(MessageFilters)
    def messages(self, *, to: To = "pandas", **filters: Any) -> Any:
        """One row per published or lifecycle message, rolled back or not."""
        columns = self._read_messages(filters, parse=to == "pandas")
        if to == "pandas":
            from inngest_nb.history import frames

            return frames.frame_of_messages(columns)
        from inngest_nb.history import arrow

        return arrow.given_as(to, arrow.table_of_messages(columns))

    # -- what follows from it --------------------------------------------------------------------

    @overload
    def transcript(
        self, run_id: Some = ..., *, to: Literal["pandas"] = ..., **filters: Unpack[TextFilters]
    ) -> HistoryFrame: ...
    @overload
    def transcript(self, run_id: Some = ..., *, to: Other, **filters: Unpack[TextFilters]) -> Any: ...
    @takes(StreamFilters)
    def transcript(self, run_id: Some = None, *, field: str | None = None, to: To = "pandas", **filters: Any) -> Any:
        """The text of each stream: pieces joined, without what was rolled back.

        `field` names the field of the data that holds the piece; else it is data itself if that is text, or its field
        token, text, content or delta.
        """
        from inngest_nb.history import streams

        return _made("transcript", streams.transcript_rows(self._streams(run_id, field, filters)), to, filters)

    @overload
    def latency(
        self, run_id: Some = ..., *, to: Literal["pandas"] = ..., **filters: Unpack[TextFilters]
    ) -> HistoryFrame: ...
    @overload
    def latency(self, run_id: Some = ..., *, to: Other, **filters: Unpack[TextFilters]) -> Any: ...
    @takes(StreamFilters)
    def latency(self, run_id: Some = None, *, field: str | None = None, to: To = "pandas", **filters: Any) -> Any:
        """How fast each stream came: time to first token since the step began, gaps between tokens, tokens per second.

        `field` as for `transcript`.
        """
        from inngest_nb.history import streams

        found = self._streams(run_id, field, filters)
        started = self._started({key.run_id for key in found if key.run_id})
        return _made("latency", streams.latency_rows(found, started), to, filters)

    @overload
    def usage(
        self, run_id: Some = ..., *, to: Literal["pandas"] = ..., **filters: Unpack[UsageFilters]
    ) -> HistoryFrame: ...
    @overload
    def usage(self, run_id: Some = ..., *, to: Other, **filters: Unpack[UsageFilters]) -> Any: ...
    @takes(StreamFilters)
    def usage(
        self, run_id: Some = None, *, prices: Mapping[str, Price] | None = None, to: To = "pandas", **filters: Any
    ) -> Any:
        """What the models were paid for: one row per message on the topic `usage` (or `topic=`), also of attempts that failed.

        A message says the model and its tokens in the words of any of the usual APIs. `cost` is what the message says, or
        else comes from `prices`: what a million tokens cost, by model or pattern of models, as (input, output), or as
        {"input", "output", "cached"}. It is missing where no price is known.
        """
        from inngest_nb.history import usage

        messages = self._settled(run_id, {"topic": "usage", **filters})
        return _made("usage", usage.usage_rows(messages, prices or {}), to, filters)

    # -- taking it elsewhere ---------------------------------------------------------------------

    def export(self, path: str | Path) -> Path:
        """Write every table as `<path>/<table>.parquet` and return the folder; needs `inngest-nb[arrow]`."""
        from inngest_nb.history import arrow

        arrow.require_arrow()
        folder = Path(path).expanduser()
        folder.mkdir(parents=True, exist_ok=True)
        for table in STORED:
            arrow.write_parquet(getattr(self, table)(to="arrow"), folder / f"{table}.parquet")
        return folder

    @takes(RunFilters)
    def export_traces(
        self,
        to: str | Path | None = None,
        *,
        headers: Mapping[str, str] | None = None,
        content: bool = False,
        **filters: Any,
    ) -> int:
        """Export runs that have ended, with their steps and calls of models, as OpenTelemetry spans; return how many.

        Exporting again sends the same spans with the same ids. Needs `inngest-nb[otel]`.

        Parameters
        ----------
        to
            The URL of a collector (OTLP over HTTP), or a file for OTLP JSON lines; None is what
            `OTEL_EXPORTER_OTLP_ENDPOINT` says.
        headers
            For the collector.
        content
            Whether the inputs and outputs of steps and runs go along.

        Raises
        ------
        TraceExportFailed
            If the collector does not take them.
        """
        from inngest_nb.history import otlp

        otlp.require_otel()
        sent = 0
        with otlp.sending_to(to, headers) as send:
            for spans in self._spans(filters, content=content):
                send(spans)
                sent += len(spans)
        return sent

    def _spans(self, filters: dict[str, Any], *, content: bool) -> Iterator[list[ReadableSpan]]:
        from inngest_nb.history import models, traces

        asked = self._filters(filters | {"ended": True})
        rows = rows_of(self._journal, "runs", asked, filters.get("limit"), query="traced_runs")
        for first in range(0, len(rows), _RUNS_AT_ONCE):
            runs = [traces.Run(*row) for row in rows[first : first + _RUNS_AT_ONCE]]
            ids_of_runs = [run.id for run in runs]
            steps = rows_of(self._journal, "steps", make_filters({"run_id": ids_of_runs}), query="traced_steps")
            calls = models.published_calls(self.usage(ids_of_runs), self.latency(ids_of_runs))
            yield list(traces.spans_of(runs, [traces.Step(*row) for row in steps], calls, content=content))

    # -- reading ---------------------------------------------------------------------------------

    def _table(self, table: str, to: To, filters: dict[str, Any]) -> Any:
        return _given(table, self._rows(table, filters), to, parsed=False)

    def _rows(self, table: str, filters: dict[str, Any]) -> list[tuple[Any, ...]]:
        return rows_of(self._journal, table, self._filters(filters), filters.get("limit"))

    def _filters(self, given: dict[str, Any]) -> Filters:
        asked = {name: value for name, value in given.items() if name != "limit"}
        return make_filters(asked | {"function": self._function_ids(given.get("function"))})

    def _function_ids(self, function: Some) -> list[str] | None:
        """Return full ids: `summarize` may mean the function of that name in any app."""
        if function is None:
            return None
        asked = make_filters({"function": function})
        with connected(self._journal) as connection:
            return [id_ for (id_,) in connection.execute(SQL.function_ids, asked)] if connection else []

    def _read_messages(self, filters: dict[str, Any], *, parse: bool = True) -> MessageColumns:
        from inngest_nb.history.messages import read_messages

        return read_messages(self._messages, self._filters(filters), filters.get("limit"), parse=parse)

    def _settled(self, run_id: Some, filters: dict[str, Any]) -> MessageColumns:
        from inngest_nb.history import streams

        topics = None if filters.get("topic") is None else names_of_topics(filters["topic"])
        asked = {"run_id": run_id, "topic": streams.topics_with(topics), "kind": streams.SETTLED, "limit": None}
        return self._read_messages(filters | asked)

    def _streams(self, run_id: Some, field: str | None, filters: dict[str, Any]) -> dict[StreamKey, StreamText]:
        from inngest_nb.history import streams

        return streams.streams_of(self._settled(run_id, filters), field)

    def _started(self, run_ids: set[str]) -> dict[tuple[str | None, str | None, int | None], int]:
        """Return when each attempt of each step began, and each run under (run, None, None)."""
        asked = {"run_id": sorted(run_ids)}
        run, step, attempt, begun = index_of("steps", "run_id", "step_id", "attempt", "started_at")
        steps = {(row[run], row[step], row[attempt]): row[begun] for row in self._rows("steps", asked)}
        run, begun = index_of("runs", "run_id", "started_at")
        runs = {(row[run], None, None): row[begun] for row in self._rows("runs", asked) if row[begun] is not None}
        return {**steps, **runs}


def open(path: str | Path) -> History:  # noqa: A001  # reads as `history.open(path)`
    """Return the history of a data directory, of its `journal.db`, or of a copy of either.

    Copy `journal.db` and `messages.db` with the `-wal` files beside them: what is newest stands only there while an engine
    runs.

    Raises
    ------
    JournalUnavailable
        If there is no store.
    """
    history = History(path)
    if not any(store.exists() for store in history.stores):
        raise JournalUnavailable(
            f"there is no store of inngest_nb at {Path(path).absolute()}: no journal.db, no messages.db"
        )
    return history


def _made(table: str, rows: list[tuple[Any, ...]], to: To, filters: Mapping[str, Any]) -> Any:
    """Return the newest rows of what follows from the messages."""
    limit = filters.get("limit")
    return _given(table, rows if limit is None else rows[max(0, len(rows) - limit) :], to, parsed=True)


def _given(table: str, rows: list[tuple[Any, ...]], to: To, *, parsed: bool) -> Any:
    if to == "pandas":
        from inngest_nb.history import frames

        return frames.frame_of_rows(table, rows, parsed=parsed)
    from inngest_nb.history import arrow

    return arrow.given_as(to, arrow.table_of_rows(table, rows))
