"""What the official client takes to reach Inngest's own servers, with its precedence: argument, environment, default."""

from __future__ import annotations

import datetime
import os
from dataclasses import dataclass, field

DEV_ORIGIN = "http://127.0.0.1:8288/"
API_ORIGIN = "https://api.inngest.com/"
EVENT_ORIGIN = "https://inn.gs/"
_BRANCHES = ("INNGEST_ENV", "RAILWAY_GIT_BRANCH", "RENDER_GIT_BRANCH", "VERCEL_GIT_COMMIT_REF")


@dataclass(frozen=True, slots=True, kw_only=True)
class CloudSettings:
    """Read by code that was written for the official client, and by nothing that runs here."""

    is_production: bool
    api_origin: str
    event_api_origin: str
    app_version: str | None
    env: str | None
    api_base_url: str | None
    event_key: str | None = field(repr=False)
    signing_key: str | None = field(repr=False)
    signing_key_fallback: str | None = field(repr=False)
    request_timeout: datetime.timedelta

    @classmethod
    def of(
        cls,
        *,
        api_base_url: str | None,
        app_version: str | None,
        env: str | None,
        event_api_base_url: str | None,
        event_key: str | None,
        is_production: bool | None,
        request_timeout: int | datetime.timedelta | None,
        signing_key: str | None,
    ) -> CloudSettings:
        """Complete the arguments from the environment. Nothing here is production unless it is said to be."""
        dev = os.environ.get("INNGEST_DEV", "").strip()
        production = bool(is_production)
        timeout = request_timeout if request_timeout is not None else 30_000
        base = os.environ.get("INNGEST_BASE_URL") or (dev if "://" in dev else None)
        asked_for = api_base_url or os.environ.get("INNGEST_API_BASE_URL") or base
        return cls(
            is_production=production,
            api_base_url=asked_for,
            api_origin=asked_for or (API_ORIGIN if production else DEV_ORIGIN),
            event_api_origin=_origin(
                event_api_base_url, "INNGEST_EVENT_API_BASE_URL", base, EVENT_ORIGIN if production else DEV_ORIGIN
            ),
            app_version=app_version,
            env=env or next((value for name in _BRANCHES if (value := os.environ.get(name))), None),
            event_key=event_key or os.environ.get("INNGEST_EVENT_KEY"),
            signing_key=signing_key or os.environ.get("INNGEST_SIGNING_KEY"),
            signing_key_fallback=os.environ.get("INNGEST_SIGNING_KEY_FALLBACK"),
            request_timeout=datetime.timedelta(milliseconds=timeout) if isinstance(timeout, int) else timeout,
        )


def _origin(given: str | None, variable: str, base: str | None, default: str) -> str:
    return given or os.environ.get(variable) or base or default


class HasCloudSettings:
    """The attributes of the official client."""

    _cloud: CloudSettings

    @property
    def is_production(self) -> bool:
        """Whether the client was told so; nothing here is, otherwise."""
        return self._cloud.is_production

    @property
    def api_origin(self) -> str:
        """Where Inngest's REST API would be."""
        return self._cloud.api_origin

    @property
    def api_base_url(self) -> str | None:
        """Where subscribers shall go with their tokens, if that was said; otherwise the engine knows."""
        return self._cloud.api_base_url

    @property
    def event_api_origin(self) -> str:
        """Where Inngest's event API would be."""
        return self._cloud.event_api_origin

    @property
    def app_version(self) -> str | None:
        """The version of the app."""
        return self._cloud.app_version

    @property
    def env(self) -> str | None:
        """The branch environment."""
        return self._cloud.env

    @property
    def event_key(self) -> str | None:
        """The key for Inngest's event API."""
        return self._cloud.event_key

    @property
    def signing_key(self) -> str | None:
        """The key for Inngest's REST API."""
        return self._cloud.signing_key

    @property
    def signing_key_fallback(self) -> str | None:
        """The key that is valid as well while keys are rotated."""
        return self._cloud.signing_key_fallback
