"""Runs the code blocks of one page as cells of one notebook: `python -m tests.docs.runner docs/page.md`.

A block marked `python run` is run in an IPython shell, so top-level `await` and `display` work, and all blocks share
their names. A block marked `text output` is what the block before it prints; `…` in it stands for anything.
"""

from __future__ import annotations

import asyncio
import contextlib
import io
import re
import sys
from pathlib import Path

from IPython.core.interactiveshell import InteractiveShell
from traitlets.config import Config

from tests.docs.pages import Block, blocks

RUN, OUTPUT = "python run", "text output"


async def run_page(page: Path) -> None:
    """Run every marked block and compare what it prints.

    Raises:
        AssertionError: a block failed, or printed something else than the page says.
    """
    shell = InteractiveShell.instance(config=Config({"HistoryManager": {"enabled": False}}))
    found = blocks(page)
    for block, after in zip(found, [*found[1:], None], strict=True):
        if block.info != RUN:
            continue
        printed = await _run(shell, page, block)
        if after is not None and after.info == OUTPUT:
            _compare(page, after, printed)


async def _run(shell: InteractiveShell, page: Path, block: Block) -> str:
    printed = io.StringIO()
    with contextlib.redirect_stdout(printed):
        result = await shell.run_cell_async(block.text, transformed_cell=block.text, store_history=False)
    if not result.success:
        raise AssertionError(f"the block at {page}:{block.line} failed\n{printed.getvalue()}") from (
            result.error_in_exec or result.error_before_exec
        )
    return printed.getvalue()


def _compare(page: Path, block: Block, printed: str) -> None:
    wanted = ".*".join(map(re.escape, block.text.strip().split("…")))
    if not re.fullmatch(wanted, printed.strip(), re.DOTALL):
        raise AssertionError(f"{page}:{block.line} says\n{block.text}\nbut the block before it printed\n{printed}")


if __name__ == "__main__":
    asyncio.run(run_page(Path(sys.argv[1])))
