"""Adapters for `ctx.step.ai.infer`: how each provider wants to be asked."""

from __future__ import annotations

from inngest_nb.ai import BaseAdapter
from inngest_nb.experimental.ai import anthropic, deepseek, gemini, grok, openai

__all__ = ["BaseAdapter", "anthropic", "deepseek", "gemini", "grok", "openai"]
