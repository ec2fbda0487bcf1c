"""Functions of this package as functions of the official SDK, for a real Inngest server. Needs the extra `inngest`."""

from __future__ import annotations

from inngest_nb.official.app import OfficialApp

__all__ = ["OfficialApp"]
