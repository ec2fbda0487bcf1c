"""Promise 2: while the disk fails nothing is acknowledged and nothing is lost, and work goes on when it works again."""

from __future__ import annotations

import json
import os
import sqlite3
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.promises.outage import FAULTS, FILE_SIZE
from tests.support.crash import noted, repeated_after_seen
from tests.support.diskfault import DiskFault

OF_THE_JOURNAL = [fault for fault in FAULTS if "message" not in fault]
SAYS = {"the disk is full": "the disk is full (SQLITE_FULL)", "syncing fails": "(SQLITE_IOERR_FSYNC)"}


@pytest.fixture(scope="module")
def disk(tmp_path_factory: pytest.TempPathFactory) -> DiskFault:
    disk = DiskFault.prepare(tmp_path_factory.mktemp("diskfault"))
    if disk is None:
        pytest.skip("no C compiler (gcc) to build the disk faults with")
    return disk


def story(root: Path, fault: str, end: str, disk: DiskFault | None = None) -> dict[str, Any]:
    """Live through an outage; what the program was told."""
    environment = os.environ | (disk.environment if disk else {})
    environment["PYTHONPATH"] = os.pathsep.join(path for path in sys.path if path)
    command = [sys.executable, "-m", "tests.promises.outage", str(root), fault, end]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stderr
    told: dict[str, Any] = json.loads(done.stdout)
    assert told["hits"] > 0, "the fault was never met"
    return told


def lost(root: Path) -> list[list[Any]]:
    """Acknowledged events that are not in the journal."""
    with sqlite3.connect(root / "data" / "journal.db") as journal:
        assert journal.execute("PRAGMA integrity_check").fetchone() == ("ok",)
        there = {row[0] for row in journal.execute("SELECT id FROM events")}
    journal.close()
    return [line for line in noted(root / "notes") if line[0] == "acknowledged" and line[2] not in there]


def check_refusals(told: dict[str, Any], fault: str) -> None:
    for said in [*told["refusals"], f"JournalUnavailable: {told['outage']}"]:
        assert said is not None, "an event was accepted although it could not be kept"
        assert said.startswith("JournalUnavailable: ")
        assert SAYS.get(fault, "SQLITE_IOERR_WRITE") in said
        assert "Nothing new is acknowledged" in said


def check_recovery(told: dict[str, Any], root: Path, *, deaths: int = 0) -> None:
    assert told["seen during the outage"] == 0, "the body went on with a result that was not kept"
    assert told["result"] is True
    assert (told["tokens"], told["offsets"]) == (True, True)
    assert repeated_after_seen(noted(root / "notes")) == ([], deaths), "an outage alone repeats no step"
    assert not lost(root)


@pytest.mark.parametrize("fault", OF_THE_JOURNAL)
def test_an_outage_is_said_clearly_and_ends_by_itself(disk: DiskFault, tmp_path: Path, fault: str) -> None:
    told = story(tmp_path, fault, "recover", disk)
    check_refusals(told, fault)
    check_recovery(told, tmp_path)


def test_the_limit_of_the_system_on_file_sizes(tmp_path: Path) -> None:
    """Without a shim: what EFBIG, quotas and the like look like in truth."""
    told = story(tmp_path, FILE_SIZE, "recover")
    check_refusals(told, FILE_SIZE)
    check_recovery(told, tmp_path)


def test_messages_wait_for_their_disk_in_order(disk: DiskFault, tmp_path: Path) -> None:
    told = story(tmp_path, "the message log cannot be written", "recover", disk)
    # What the step had streamed was on disk before, so its result was kept and seen.
    check_recovery(told | {"seen during the outage": 0}, tmp_path)


@pytest.mark.parametrize("fault", OF_THE_JOURNAL)
def test_dying_in_the_outage_loses_nothing_that_was_acknowledged(disk: DiskFault, tmp_path: Path, fault: str) -> None:
    told = story(tmp_path, fault, "die", disk)
    check_refusals(told, fault)
    assert not lost(tmp_path)
    check_recovery(story(tmp_path, fault, "recover", disk), tmp_path, deaths=1)


def test_an_engine_that_took_no_notice_would_be_found_out(disk: DiskFault, tmp_path: Path) -> None:
    """The canary."""
    told = story(tmp_path, "the disk is full", "lie", disk)
    assert told["refusals"] == [None] * 5
    assert len(lost(tmp_path)) == 5
