"""In CI nothing is skipped for a missing tool."""

from __future__ import annotations

from pathlib import Path

import pytest

CONFTEST = Path(__file__).parents[1] / "conftest.py"

SKIPPING = """
import pytest

def test_skipped():
    pytest.skip("no browser")

@pytest.mark.xfail(reason="known")
def test_known():
    assert False
"""


@pytest.mark.parametrize(("ci", "outcomes"), [("", {"skipped": 2}), ("true", {"failed": 1, "errors": 1})])
def test_a_skip_fails_in_ci(
    ci: str, outcomes: dict[str, int], pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CI", ci)
    pytester.makeconftest(CONFTEST.read_text())
    pytester.makepyfile(test_one=SKIPPING, test_two='import pytest\npytest.importorskip("no_such_package")\n')
    result = pytester.runpytest_subprocess("--continue-on-collection-errors")
    result.assert_outcomes(xfailed=1, **outcomes)
    assert not ci or "no browser" in result.stdout.str()
