"""Traces on their way out: over OTLP/HTTP to a collector, or into a file of OTLP JSON lines."""

from __future__ import annotations

import base64
import contextlib
import importlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO
from urllib.parse import urlsplit

import orjson

from inngest_nb.errors import TraceExportFailed

if TYPE_CHECKING:
    from opentelemetry.sdk.trace import ReadableSpan

__all__ = ["require_otel", "sending_to"]

_IDS = ("traceId", "spanId", "parentSpanId")


def require_otel() -> None:
    """Raise an ImportError that says what to install, unless it is."""
    try:
        importlib.import_module("opentelemetry.exporter.otlp.proto.http")
    except ImportError as exc:
        raise ImportError("exporting traces needs OpenTelemetry: pip install 'inngest-nb[otel]'") from exc


@contextlib.contextmanager
def sending_to(
    to: str | Path | None, headers: Mapping[str, str] | None
) -> Iterator[Callable[[Sequence[ReadableSpan]], None]]:
    """Return what takes spans: a collector for a URL or None (the environment names it), else a file."""
    if to is None or (isinstance(to, str) and "://" in to):
        yield from _to_collector(to, headers)
    else:
        yield from _to_file(Path(to).expanduser())


def _to_collector(url: str | None, headers: Mapping[str, str] | None) -> Iterator[Callable[[Sequence[Any]], None]]:
    from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
    from opentelemetry.sdk.trace.export import SpanExportResult

    exporter = OTLPSpanExporter(endpoint=_endpoint(url), headers=dict(headers) if headers else None)

    def send(spans: Sequence[ReadableSpan]) -> None:
        if exporter.export(spans) is not SpanExportResult.SUCCESS:
            raise TraceExportFailed(
                f"{exporter._endpoint} did not take {len(spans)} spans; the log of `opentelemetry` says why. Those before "  # noqa: SLF001  # the environment may have named it
                "them are there, and sending all again changes nothing"
            )

    try:
        yield send
    finally:
        exporter.shutdown()  # type: ignore[no-untyped-call]  # theirs


def _endpoint(url: str | None) -> str | None:
    """Add the path for traces to the bare address of a collector."""
    return url if url is None or urlsplit(url).path.strip("/") else f"{url.rstrip('/')}/v1/traces"


def _to_file(path: Path) -> Iterator[Callable[[Sequence[Any]], None]]:
    with path.open("wb") as file:
        yield lambda spans: _write(file, spans)


def _write(file: BinaryIO, spans: Sequence[ReadableSpan]) -> None:
    file.write(_line(spans))


def _line(spans: Sequence[ReadableSpan]) -> bytes:
    from google.protobuf.json_format import MessageToDict
    from opentelemetry.exporter.otlp.proto.common.trace_encoder import encode_spans

    request = MessageToDict(encode_spans(spans), use_integers_for_enums=True)
    for resource in request["resourceSpans"]:
        for scope in resource["scopeSpans"]:
            for span in scope["spans"]:
                _with_hex_ids(span)
    return orjson.dumps(request, option=orjson.OPT_APPEND_NEWLINE)


def _with_hex_ids(span: dict[str, Any]) -> None:
    """OTLP writes ids in JSON as hexadecimal digits, where protobuf's own JSON has base64."""
    for holder in (span, *span.get("links", ())):
        for name in _IDS:
            if name in holder:
                holder[name] = base64.b64decode(holder[name]).hex()
