"""The public names are those that are meant to be."""

from __future__ import annotations

import subprocess
import sys
from types import ModuleType

import pytest

import inngest_nb
from inngest_nb import errors, realtime

MODULES = [inngest_nb, realtime, errors]


def _ids(module: ModuleType) -> str:
    return module.__name__


@pytest.mark.parametrize("module", MODULES, ids=_ids)
def test_every_public_name_exists_and_is_listed_once(module: ModuleType) -> None:
    listed = list(module.__all__)
    assert len(set(listed)) == len(listed)
    for name in listed:
        assert getattr(module, name) is not None


def test_the_package_has_no_other_public_names() -> None:
    """In a fresh process: submodules that something imported become attributes too."""
    code = (
        "import inngest_nb, types\n"
        "public = {n for n, v in vars(inngest_nb).items() if not n.startswith('_')}\n"
        "modules = {n for n in public if isinstance(getattr(inngest_nb, n), types.ModuleType)}\n"
        "noise = {'annotations', 'TYPE_CHECKING', 'Any'}\n"
        "print(*sorted(public - modules - noise - set(inngest_nb.__all__)))\n"
        "print(*sorted(modules & set(inngest_nb.__all__)))\n"
    )
    ran = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    unlisted, modules = ran.stdout.split("\n")[:2]
    assert unlisted == ""
    assert "realtime" in modules.split()


def test_the_names_are_sorted() -> None:
    names = [name for name in inngest_nb.__all__ if name[0].isalpha()]
    assert [name for name in names if not name.isupper()] == sorted(name for name in names if not name.isupper())


def test_dir_shows_the_public_names() -> None:
    assert set(inngest_nb.__all__) <= {*dir(inngest_nb), *inngest_nb._WIDGETS}


def test_an_unknown_name_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="no_such_name"):
        _ = inngest_nb.no_such_name


def test_every_error_of_ours_has_a_docstring_a_code_and_one_base() -> None:
    for name in errors.__all__:
        kind = getattr(errors, name)
        assert issubclass(kind, errors.InngestError)
        assert kind.__doc__
        assert kind.code.replace("_", "").isalpha()
