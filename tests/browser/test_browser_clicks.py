"""A click reaches the run whatever the kernel does: busy, killed, restarted."""

from __future__ import annotations

import os
import signal

import psutil
import pytest
from playwright.sync_api import Request

from tests.browser.conftest import ANSWER, STREAM
from tests.browser.notebook import DEFINITIONS, SPARE, START, Notebook
from tests.support.llm import ScriptedModel

pytestmark = [pytest.mark.browser, pytest.mark.kernel]


def test_a_double_click_resumes_the_run_once_while_the_kernel_sleeps(quickstart: Notebook) -> None:
    posted: list[str] = []

    def note(request: Request) -> None:
        if request.method == "POST" and request.url.endswith("inngest/api/events"):
            posted.append(request.headers["idempotency-key"])

    quickstart.page.on("request", note)
    quickstart.ask()
    approve = quickstart.button("Approve")
    approve.wait_for()
    slept = quickstart.start(SPARE, "import time\n\ntime.sleep(30)")
    quickstart.wait_for_kernel("busy")

    clicked_at = quickstart.page.evaluate("Date.now()")
    approve.dblclick()
    quickstart.wait_for_status("timeline", "completed")

    run = quickstart.state()
    assert run["status"] == "completed"
    assert run["ended_at"] - clicked_at < 2000
    quickstart.wait_for_kernel("busy")
    history = quickstart.history()
    assert len(set(posted)) == 1
    (question,) = history.messages(channel=quickstart.channel, topic="approvals")["data"]
    answers = [data for data in history.events(name="app/answer.confirmed")["data"] if question.items() <= data.items()]
    assert len(answers) == 1
    assert len(history.messages(channel=quickstart.channel, topic="result")) == 1
    quickstart.command("notebook:interrupt-kernel")
    slept()


def test_reject_ends_the_run_without_a_result(quickstart: Notebook) -> None:
    quickstart.ask()
    quickstart.button("Reject").click()
    quickstart.wait_for_status("timeline", "completed")
    answered = quickstart.view("approval").locator(".inb-answer[data-phase=rejected]")
    assert "Rejected by you" in answered.inner_text()
    assert quickstart.state().get("result") is None
    history = quickstart.history()
    assert history.messages(channel=quickstart.channel, topic="result").empty
    assert history.messages(channel=quickstart.channel, topic="status")["data"].tolist()[-1] == {
        "message": "Not published"
    }


def test_a_killed_kernel_comes_back_and_the_run_goes_on(quickstart: Notebook, llm: ScriptedModel) -> None:
    asked_before = len(llm.requests())
    quickstart.ask()
    quickstart.button("Approve").wait_for()
    killed = kernel_pid(quickstart.kernel_id)
    os.kill(killed, signal.SIGKILL)
    quickstart.until_true(lambda: kernel_pid(quickstart.kernel_id) not in (0, killed))
    quickstart.dismiss_dialogs()
    quickstart.wait_for_kernel()
    quickstart.run(*DEFINITIONS)

    assert quickstart.view("approval").locator(".inb-question").count() == 1
    quickstart.button("Approve").click()
    quickstart.wait_for_status("timeline", "completed")

    assert quickstart.state()["result"] == "".join(STREAM.tokens)
    assert len(llm.requests()) == asked_before + 1
    messages = quickstart.history().messages(channel=quickstart.channel, kind="data")
    assert "".join(data["token"] for data in messages[messages["topic"] == "tokens"]["data"]) == ANSWER
    assert (messages["topic"] == "approvals").sum() == 1


def test_the_views_stay_over_a_restart_of_the_kernel(quickstart: Notebook) -> None:
    quickstart.ask()
    quickstart.button("Approve").wait_for()
    before = kernel_pid(quickstart.kernel_id)
    quickstart.command("kernelmenu:restart")
    quickstart.page.locator(".jp-Dialog button", has_text="Restart").click()
    quickstart.until_true(lambda: kernel_pid(quickstart.kernel_id) not in (0, before))
    quickstart.wait_for_kernel()
    assert "A restart reads the journal" in quickstart.text()
    quickstart.wait_for_connection("stream", "live")
    # The answer is taken now; the run goes on when the kernel has its function again.
    quickstart.button("Approve").click()
    quickstart.view("approval").locator(".inb-answer[data-phase=approved]").wait_for()
    quickstart.run(*DEFINITIONS)
    quickstart.wait_for_status("stream", "completed")
    assert quickstart.outputs(START)


def kernel_pid(kernel_id: str) -> int:
    """The process of a kernel, 0 if there is none."""
    for process in psutil.process_iter(["cmdline", "status"]):
        command = process.info["cmdline"] or ()
        if any(kernel_id in part for part in command) and process.info["status"] != psutil.STATUS_ZOMBIE:
            return int(process.pid)
    return 0
