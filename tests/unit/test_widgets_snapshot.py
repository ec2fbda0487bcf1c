"""Snapshots: what they say in every state, and that nothing in them can act or be cleaned away."""

from __future__ import annotations

import html.parser
import re
from typing import Any

import pytest

from inngest_nb.widgets.snapshot import format as fmt
from inngest_nb.widgets.snapshot import is_final, snapshot_html
from inngest_nb.widgets.snapshot.markdown import markdown_html
from tests.unit import view_story as story
from tests.unit.view_story import CHANNEL, RUN, T0, Story

STREAM: dict[str, Any] = {"channel": CHANNEL, "topics": ["tokens"], "field": None, "run_id": None}
TIMELINE: dict[str, Any] = {"run_id": RUN}
APPROVAL: dict[str, Any] = {"channel": CHANNEL, "topic": None, "event": None}
TAGS = {
    "div",
    "span",
    "b",
    "p",
    "ol",
    "ul",
    "li",
    "pre",
    "code",
    "strong",
    "em",
    "a",
    "table",
    "tbody",
    "tr",
    "td",
    "del",
}
STORIES = [story.written, story.asked, story.finished, story.answers, story.failed, story.sleeping, Story]
VIEWS = [("token-stream", STREAM), ("run-timeline", TIMELINE), ("approval", APPROVAL)]


class Page(html.parser.HTMLParser):
    """What a page holds: its text, tags and inline styles."""

    def __init__(self, source: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.tags: set[str] = set()
        self.attributes: set[str] = set()
        self.styles: list[str] = []
        self.links: list[str] = []
        self._pieces: list[str] = []
        self.feed(source)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        self.attributes |= {name for name, _ in attrs}
        values = dict(attrs)
        self.styles.append(values.get("style") or "")
        self.links += [values["href"] or ""] if "href" in values else []
        if tag not in ("br", "hr"):
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self._pieces.append(data)

    @property
    def text(self) -> str:
        return re.sub(r"\s+", " ", " ".join(self._pieces)).strip()


def page(view: str, params: dict[str, Any], initial: dict[str, Any]) -> Page:
    return Page(snapshot_html(view, params, initial))


@pytest.mark.parametrize(("view", "params"), VIEWS)
@pytest.mark.parametrize("make", STORIES)
def test_every_snapshot_survives_the_cleaner_of_jupyterlab(view: str, params: dict[str, Any], make: Any) -> None:
    found = page(view, params, make().initial(1_000_000))
    assert found.open == []
    assert found.tags <= TAGS
    assert found.attributes <= {"class", "style", "title", "href", "rel", "target"}
    properties = {part.split(":")[0] for style in found.styles for part in style.split(";") if part}
    allowed = (
        "background background-color border border-bottom border-collapse border-left border-radius border-top box-sizing "
        "color display flex-wrap float font-family font-size font-weight height justify-content line-height margin margin-left margin-right margin-top max-width "
        "opacity overflow overflow-wrap padding padding-left padding-right table-layout text-align text-decoration "
        "text-overflow vertical-align white-space width"
    )
    assert properties <= set(allowed.split())
    assert not any("var(" in style or "url(" in style for style in found.styles)


@pytest.mark.parametrize(("view", "params"), VIEWS)
def test_the_root_is_what_the_live_view_hides(view: str, params: dict[str, Any]) -> None:
    assert snapshot_html(view, params, {"saved_at": T0}).startswith('<div class="inb-snapshot"')


def test_a_stream_shows_what_stands_and_strikes_what_was_rolled_back() -> None:
    html_ = snapshot_html("token-stream", STREAM, story.asked().initial(20_000))
    found = Page(html_)
    assert found.text.startswith("● Was waiting generate-response ai:01KAJ8…BED1WR > tokens".replace(">", "\u203a"))
    assert "Attempt 1 rolled back after 12 tokens · APIConnectionError" in found.text
    assert re.search(r"line-through[^>]*>Durable execution is a way of writing", html_)
    assert "Last state saved with the notebook" in found.text
    assert "<strong>Every step is saved.</strong>" in html_
    assert "answer = await ctx.step.run(" in found.text


def test_a_completed_stream_has_its_figures_and_no_banner() -> None:
    found = page("token-stream", STREAM, story.finished().initial(220_000))
    assert found.text.startswith("✓ Completed")
    assert "71 tokens" in found.text
    assert "attempt 2" in found.text
    assert "3\u00a0m 23\u00a0s" in snapshot_html("token-stream", STREAM, story.finished().initial(220_000))
    assert "longest gap 71 ms" in found.text
    assert "Last state" not in found.text


def test_a_stream_of_one_run_leaves_others_out() -> None:
    both = Story().tokens("mine", 0, 1)
    both.messages[-1]["run_id"] = "other"
    assert "mine" not in page("token-stream", {**STREAM, "run_id": RUN}, both.initial(5)).text


def test_a_failed_stream_says_why_with_everything_escaped() -> None:
    assert "APIStatusError: 503 <model> is loading" in page("token-stream", STREAM, story.failed().initial(8000)).text


def test_a_stream_without_messages_says_so() -> None:
    found = page("token-stream", STREAM, {"saved_at": T0})
    assert "Listening" in found.text
    assert "No tokens on this channel yet" in found.text


def test_a_very_long_text_is_cut_at_its_beginning() -> None:
    long = Story().tokens("a" * 90_000 + " " + "b" * 60_000, 0, 1000)
    html_ = snapshot_html("token-stream", STREAM, long.initial(2000))
    assert "50,001 characters before this are not shown" in html_
    assert html_.count("b") > 60_000
    assert len(html_) < 110_000


def test_a_timeline_has_a_row_per_step_with_its_time() -> None:
    found = page("run-timeline", TIMELINE, story.asked().initial(20_000))
    assert "≥ 20.0 s" in found.text
    for text in ("fetch-context 840 ms", "generate 2 attempts 8.44 s", "check-policy 6 ms", "● confirm ≥ 10.7 s"):
        assert text in found.text


def _bars(initial: dict[str, Any]) -> list[tuple[float, float, str]]:
    styles = [style for style in page("run-timeline", TIMELINE, initial).styles if style.startswith("float:left")]
    found = [re.search(r"margin-left:([\d.]+)%;width:([\d.]+)%;(.*)", style) for style in styles]
    return [(float(m[1]), float(m[2]), m[3]) for m in found if m]


def test_bars_stand_where_their_time_is() -> None:
    root, plan, nap, search = _bars(story.sleeping().initial(8040))
    assert (root[0], root[1]) == (0, 100)
    assert plan[1] == pytest.approx(100 * 1000 / 8040, abs=0.1)
    assert nap[0] == pytest.approx(100 * 1010 / 8040, abs=0.1)
    assert nap[2].startswith("border:2px dotted")
    assert search[0] + search[1] == pytest.approx(100, abs=0.1)


def test_a_long_wait_is_folded_so_that_steps_stay_visible() -> None:
    bars = _bars(story.finished().initial(220_000))
    wait = bars[-2]
    assert 10 < wait[1] < 14
    assert all(left + width <= 100.01 for left, width, _ in bars)


def test_a_retried_step_has_a_bar_per_attempt_and_one_per_backoff() -> None:
    looks = [look for _, _, look in _bars(story.failed().initial(8000))][2:]
    assert [look.split(":")[0] for look in looks] == ["background-color", "border-top"] * 2 + ["background-color"]


def test_a_run_that_nothing_is_known_of() -> None:
    assert "Nothing was known of this run" in page("run-timeline", TIMELINE, {"saved_at": T0}).text


def test_a_very_long_run_is_cut() -> None:
    long = Story()
    for index in range(250):
        long.step(f"step-{index}", "completed", index, index + 1)
    text = page("run-timeline", TIMELINE, long.initial(1000)).text
    assert "250 steps" in text
    assert "and 50 more steps" in text


def test_open_questions_come_first_without_buttons() -> None:
    html_ = snapshot_html("approval", APPROVAL, story.answers().initial(100_000))
    found = Page(html_)
    assert "<button" not in html_
    assert found.text.startswith("● Was waiting approvals")
    assert "1 question 4 settled" in found.text.replace("\u00a0", " ").replace("  ", " ")
    assert found.text.index("Anything else?") < found.text.index("Send it?")
    assert "asked by generate-response …BED1WR" in found.text


@pytest.mark.parametrize(
    ("question", "outcome"),
    [
        ("Publish this answer?", r"✓ Approved by ada · .* · after 3 m 12 s"),
        ("Delete 3 stale indexes?", r"✕ Rejected by grace · .* · after 22.0 s"),
        ("Confirm to proceed?", r"◷ Timed out nobody answered in 15 m 0 s; the step returned None"),
        ("Send it?", r"⊘ Withdrawn"),
        ("Anything else?", r"● Open until \d\d:\d\d:\d\d"),
    ],
)
def test_every_outcome_is_told(question: str, outcome: str) -> None:
    text = page("approval", APPROVAL, story.answers().initial(100_000)).text
    assert re.search(rf"{re.escape(question)} {outcome}", text)


def test_what_only_looks_like_a_question_is_none_and_a_repeated_one_is_one() -> None:
    chat = story.asked().say("status", {"message": "Thinking", "id": "not-a-wait"}, 1).ask("confirm", "Again?", 9400)
    text = page("approval", APPROVAL, chat.initial(20_000)).text
    assert "Thinking" not in text
    assert "Publish" not in text
    assert "1 question" in text


def test_a_question_that_was_rolled_back_is_gone() -> None:
    chat = Story().say("approvals", {"message": "Sure?", "confirmation_id": "id-of-confirm"}, 1, step_id="generate")
    chat.wait("confirm", "waiting", 2, None)
    assert "Sure?" in page("approval", APPROVAL, chat.initial(5)).text
    assert "Sure?" not in page("approval", APPROVAL, chat.settle("rollback", 3).initial(5)).text


def test_nobody_was_asked() -> None:
    assert "Nobody was being asked" in page("approval", APPROVAL, {"saved_at": T0}).text


@pytest.mark.parametrize(
    "text",
    [
        "<script>alert(1)</script>",
        "<img src=x onerror=alert(1)>",
        "[x](javascript:alert(1))",
        "[x](JaVaScript:alert(1))",
        "[x](data:text/html,<script>alert(1)</script>)",
        "[x](vbscript:x)",
        "[x](//evil.example/a)",
        "![x](https://evil.example/pixel.png)",
        "![x](javascript:alert(1))",
        '[x](https://a.example/"onmouseover="alert(1))',
        "<https://a.example/?q=<script>>",
        "`<script>`",
        "```html\n<script>alert(1)</script>\n```",
        '```"><script>alert(1)</script>\ncode\n```',
        "| <script>a</script> |\n| --- |\n| <img src=x> |",
        "<style>*{display:none}</style>",
        "&lt;script&gt;alert(1)&lt;/script&gt;",
    ],
)
def test_markdown_cannot_act(text: str) -> None:
    found = Page(markdown_html(text))
    assert not found.tags & {"script", "img", "style", "iframe"}
    assert not {name for name in found.attributes if name.startswith("on")}
    assert all(link.startswith("https://a.example/") for link in found.links)


def test_names_and_ids_of_others_are_escaped() -> None:
    bad = "<img src=x onerror=alert(1)>"
    told = (
        Story()
        .step(bad, "failed", 0, 5, error={"name": bad, "message": bad})
        .run("failed", 6, name=bad, error={"name": bad})
    )
    told.ask("confirm", bad, 1, topic=bad).wait("confirm", "waiting", 2, None).say("tokens", {"token": bad}, 3)
    for view, params in VIEWS:
        assert "img" not in page(view, {**params, "channel": bad, "topics": None}, told.initial(9)).tags


@pytest.mark.parametrize(
    ("params", "initial", "final"),
    [
        ({"run_id": RUN}, story.finished().initial(1), True),
        ({"run_id": RUN}, {"runs": {RUN: {"run": {"run_id": RUN, "status": "failed"}}}}, True),
        ({"run_id": RUN}, story.asked().initial(1), False),
        ({"run_id": None, "channel": "c"}, story.finished().initial(1), False),
        ({"run_id": RUN}, {}, False),
    ],
)
def test_only_a_view_of_an_ended_run_is_final(params: dict[str, Any], initial: dict[str, Any], final: bool) -> None:
    assert is_final(params, initial) is final


@pytest.mark.parametrize(
    ("ms", "text"),
    [
        (None, "—"), (0.4, "0.4 ms"), (6, "6 ms"), (840, "840 ms"), (999.6, "1.00 s"), (8440, "8.44 s"), (31_800, "31.8 s"),
        (59_960, "1 m 0 s"), (192_000, "3 m 12 s"), (7_440_000, "2 h 04 m"), (86_400_000 * 3 + 3_600_000 * 7, "3 d 7 h"),
    ],
)  # fmt: skip
def test_durations(ms: float | None, text: str) -> None:
    assert fmt.duration(ms).replace(fmt.NBSP, " ") == text
