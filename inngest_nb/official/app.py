"""One app of the official SDK: its client, our functions as its own, and the handler of the server's calls."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, cast

import inngest
from inngest._internal import comm_lib, server_lib, transforms
from inngest._internal.const import Streaming

from inngest_nb.errors import LinkError
from inngest_nb.official.context import context_of
from inngest_nb.official.convert import options_of, raising_there, triggers_of
from inngest_nb.settings import CloudSettings
from inngest_nb.types import EmptySentinel

if TYPE_CHECKING:
    from inngest_nb.function import Function


@dataclass(frozen=True, slots=True, kw_only=True)
class Reply:
    """An HTTP answer."""

    status: int
    headers: Mapping[str, str]
    body: bytes


class OfficialApp:
    """Functions are added and replaced while it serves."""

    def __init__(self, app_id: str, settings: CloudSettings, *, serializer: Any = None) -> None:
        self.client = inngest.Inngest(
            app_id=app_id, api_base_url=settings.api_origin, app_version=settings.app_version, env=settings.env,
            event_api_base_url=settings.event_api_origin, event_key=settings.event_key,
            is_production=settings.is_production, request_timeout=settings.request_timeout, serializer=serializer,
            signing_key=settings.signing_key,
        )  # fmt: skip
        self.functions: dict[str, inngest.Function[Any]] = {}
        self._comm: comm_lib.CommHandler | None = None

    def add(self, function: Function[Any]) -> None:
        """Add a function of ours, or replace it.

        Raises:
            LinkError: it has what the official SDK cannot do.
        """
        if function.has_middleware:
            raise LinkError(
                f'function {function.id!r}: middleware is not there with engine="inngest"; give the official client its own'
            )
        config = function.config()
        options = options_of(config)
        if function.output_type is not EmptySentinel:
            options["output_type"] = function.output_type
        create = self.client.create_function(
            fn_id=function.local_id, name=function.name, trigger=triggers_of(config), retries=config["retries"],
            **options,
        )  # fmt: skip
        self.functions[function.id] = create(self._handler(function))
        self._comm = None

    def _handler(self, function: Function[Any]) -> Callable[[Any], Any]:
        is_async, handler = function.is_handler_async, cast("Callable[[Any], Any]", function.handler)
        return raising_there(lambda ctx: handler(context_of(ctx, self.client, is_async=is_async)), is_async=is_async)

    async def answer(self, method: str, url: str, query: dict[str, str], headers: dict[str, str], body: bytes) -> Reply:
        """What the server, or who wants the functions registered (PUT), is told."""
        handler = self._comm = self._comm or comm_lib.CommHandler(
            client=self.client, enable_unauthed_sync=None, framework=server_lib.Framework.TORNADO,
            functions=list(self.functions.values()), streaming=Streaming.DISABLE,
        )  # fmt: skip
        request = comm_lib.CommRequest(
            body=body, headers=headers, public_path=None, query_params=query, raw_request=None, request_url=url,
            serve_origin=None, serve_path=None,
        )  # fmt: skip
        calls: dict[str, Callable[[comm_lib.CommRequest], Any]] = {
            "GET": handler.get_sync, "POST": handler.post, "PUT": handler.put,
        }  # fmt: skip
        answer = calls[method](request)
        return self._reply(await answer if isinstance(answer, Awaitable) else answer)

    def _reply(self, answer: comm_lib.CommResponse) -> Reply:
        body = transforms.dump_json(answer.body)
        if isinstance(body, Exception):
            answer = comm_lib.CommResponse.from_error(self.client.logger, body)
            body = str(transforms.dump_json(answer.body))
        return Reply(status=answer.status_code, headers=answer.headers, body=body.encode())

    async def close(self) -> None:
        """End the connections that the SDK keeps."""
        http = self.client._http_client  # noqa: SLF001  # the SDK has no way to close it
        http._http_client_sync.close()  # noqa: SLF001
        await http._http_client.aclose()  # noqa: SLF001
