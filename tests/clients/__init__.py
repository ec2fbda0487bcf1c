"""Inngest's own JavaScript client and React hook, unpatched, against a running server."""
