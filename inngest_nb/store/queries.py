"""Named SQL statements from a .sql file: `-- name: what it is for`, then the statement."""

from __future__ import annotations

import re
from importlib.resources import files
from types import SimpleNamespace

_HEAD = re.compile(r"^-- (\w+):.*$", re.MULTILINE)


def load_queries(package: str, filename: str = "queries.sql") -> SimpleNamespace:
    """Return a namespace whose attributes are the statements of `package`/`filename`."""
    text = files(package).joinpath(filename).read_text()
    heads = list(_HEAD.finditer(text))
    ends = [head.start() for head in heads[1:]] + [len(text)]
    statements = {head[1]: text[head.end() : end].strip().rstrip(";") for head, end in zip(heads, ends, strict=True)}
    return SimpleNamespace(**statements)
