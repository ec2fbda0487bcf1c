"""What the comparison claims of us is shown by the tests that it names."""

from __future__ import annotations

import re

from tests.docs.pages import ROOT

PAGE = ROOT / "docs" / "comparison.md"
_CLAIM = re.compile(r"\[(test_\w+)\]\(\.\./(tests/[\w/]+\.py)\)")


def test_every_row_names_a_test_that_there_is() -> None:
    rows = [line for line in PAGE.read_text().splitlines() if re.match(r"\| (?!here|\|)[a-zA-Z]", line)]
    assert len(rows) >= 20
    for row in rows:
        claims = _CLAIM.findall(row)
        assert claims, f"no test: {row}"
        for name, file in claims:
            assert re.search(rf"^(async )?def {name}\(", (ROOT / file).read_text(), re.MULTILINE), (
                f"{file} has no {name}"
            )
