"""A real language model for notebooks: the one you have a key for, or a small one that runs offline.

from inngest_nb import demo
llm = demo.model()
stream = await llm.client.chat.completions.create(model=llm.name, messages=[...], stream=True)
"""

from __future__ import annotations

from inngest_nb.demo._model import Model, model
from inngest_nb.demo._offline import DemoUnavailable

__all__ = ["DemoUnavailable", "Model", "model"]
