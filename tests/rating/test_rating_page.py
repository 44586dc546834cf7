"""The rating page in a real browser: two raters, one interrupted session, results and kappa."""

import json
import signal
import subprocess
import sys
from contextlib import contextmanager

import numpy as np
import pytest

from worldlaw.clips.media import write_video
from worldlaw.rating import Ratings

pytestmark = pytest.mark.slow

READY = "body[aria-busy=false] #judge:not([hidden]) #clip:not(.gone)"  # a clip is shown and may be judged
FADING = [f"bad/{number}.webp" for number in range(3)]  # the ball vanishes
STEADY = [f"good/{number}.webp" for number in range(3)]


@pytest.fixture
def answers(tmp_path):
    """Two models: in the clips of one the square stays, in those of the other it is gone half the time."""
    folder = tmp_path / "answers"
    for number, name in enumerate([*FADING, *STEADY]):
        frames = np.full((8, 30, 40, 3), 255, np.uint8)
        for t in range(4 if name in FADING else 8):
            frames[t, 3 * number : 3 * number + 9, 2 * t : 2 * t + 9] = (0, 0, 255)
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        write_video(folder / name, frames, 10.0)
    (folder / "verdicts.csv").write_text(
        "clip,abnormal\n" + "".join(f"{name},{int(name in FADING)}\n" for name in [*FADING, *STEADY])
    )
    return folder


def command(*words):
    return [sys.executable, "-m", "worldlaw", "rate", *map(str, words)]


@contextmanager
def serving(*words):
    """The command in a process of its own; the URL of its page."""
    process = subprocess.Popen(command(*words, "--json"), stdout=subprocess.PIPE, text=True)
    try:
        yield process, json.loads(process.stdout.readline())["url"]
    finally:
        process.kill()
        process.wait()
        process.stdout.close()


@contextmanager
def visiting(browser, url):
    """A page of a browser that has seen nothing yet; it must neither fail nor ask anybody else."""
    context = browser.new_context(viewport={"width": 1000, "height": 760})
    page = context.new_page()
    page.set_default_timeout(20_000)
    page.faults = []
    page.on("pageerror", lambda error: page.faults.append(str(error)))
    page.on(
        "request",
        lambda asked: page.faults.append(asked.url) if not asked.url.startswith((url, "blob:")) else 0,
    )
    page.goto(url)
    yield page
    assert page.faults == []
    context.close()


def begin(page, name):
    page.fill("#rater", name)
    page.keyboard.press("Enter")
    page.wait_for_selector("#start:not([hidden])")
    page.keyboard.press("Enter")
    page.wait_for_selector(READY)


def press(page, *keys):
    for key in keys:
        page.keyboard.press(key)
        page.wait_for_selector("body[aria-busy=false]")


def latest(folder, rater):
    """Clip -> answer of a rater, from the file."""
    standing = Ratings(folder / "ratings.jsonl").standings().get(rater)
    return {name: rating.obeys for name, rating in standing.answers.items()} if standing else {}


def judge(page, folder, rater, wrong=()):
    """Say no to clips that fade but for the ``wrong`` ones; a clip is known only once it is judged."""
    while page.locator("#judge").is_visible():
        before = set(latest(folder, rater))
        press(page, "y")
        (name,) = set(latest(folder, rater)) - before
        if (name in FADING) != (name in wrong):
            press(page, "u", "n")


def test_two_raters_one_interrupted_with_results_and_kappa(browser, answers):
    with serving(answers) as (server, url), visiting(browser, url) as page:
        begin(page, "Ann")
        press(page, "y", "n")
        assert page.inner_text("#count") == "2 of 6"
        assert list(latest(answers, "Ann").values()) == [True, False]
        server.send_signal(signal.SIGKILL)  # the session is interrupted in the worst way
        server.wait()
        press(page, "y")
        assert "server does not answer" in page.inner_text("#fault")
        assert page.inner_text("#count") == "2 of 6"
    kept = latest(answers, "Ann")
    assert len(kept) == 2
    with serving(answers) as (server, url), visiting(browser, url) as page, visiting(browser, url) as other:
        begin(page, "Ann")
        assert page.inner_text("#count") == "2 of 6"
        begin(other, "Bob")  # at the same time
        assert other.inner_text("#count") == "0 of 6"
        press(page, "u", "u")
        assert page.inner_text("#count") == "0 of 6"
        judge(page, answers, "Ann")
        judge(other, answers, "Bob", wrong=FADING[:1])
        for one in (page, other):
            assert one.locator("#done").is_visible()
            assert one.inner_text("#count") == "6 of 6"
        server.send_signal(signal.SIGINT)
        assert server.wait(20) == 0
    assert latest(answers, "Ann") == {name: name in STEADY for name in [*FADING, *STEADY]}
    assert latest(answers, "Bob") == latest(answers, "Ann") | {FADING[0]: True}
    done = subprocess.run(command(answers, "--results", "--json"), capture_output=True, text=True, check=True)
    found = json.loads(done.stdout)
    rates = {rate["predictor"]: rate["no"]["share"] for rate in found["rates"]}
    assert rates == {"bad": pytest.approx((1 + 2 / 3) / 2), "good": 0}
    # Five pairs of six agree; 5 no and 7 yes of 12, so (25 + 49) / 144 by chance.
    assert found["agreement"]["fleiss_kappa"] == pytest.approx((5 / 6 - 74 / 144) / (1 - 74 / 144))
    verdict = found["verdict"]
    assert (verdict["both_abnormal"], verdict["neither"], verdict["ties"]) == (2, 3, 1)


def test_the_clip_moves_is_enlarged_in_whole_steps_and_plays_again(browser, answers):
    with serving(answers, "--rater", "Cy") as (_, url), visiting(browser, url) as page:
        page.wait_for_selector("#start:not([hidden])")
        assert page.locator(".other:visible").count() == 0  # this session is for Cy
        page.click("#begin")
        page.wait_for_selector(READY)
        box = page.locator("#clip").bounding_box()
        assert box["width"] / 40 == box["height"] / 30 == int(box["width"] / 40) > 1
        assert page.locator("#clip.crisp").count() == 1
        pictures = set()
        for _ in range(40):
            pictures.add(page.locator("#clip").screenshot())
            if len(pictures) >= 3:
                break
            page.wait_for_timeout(60)
        assert len(pictures) >= 3
        before = page.get_attribute("#clip", "src")
        press(page, " ")
        assert page.get_attribute("#clip", "src") != before
        page.click("#no")
        page.wait_for_selector("body[aria-busy=false]")
        assert page.inner_text("#count") == "1 of 6"
        page.click("#undo")
        page.wait_for_selector("body[aria-busy=false]")
        assert page.inner_text("#count") == "0 of 6"


def test_the_page_gives_nothing_away(browser, answers):
    with serving(answers) as (_, url), visiting(browser, url) as page:
        asked = []
        page.on("request", lambda request: asked.append(request.url))
        begin(page, "Ann")
        press(page, "y")
        seen = page.content() + " ".join(asked)
        for word in ("bad", "good", ".webp", str(answers), "abnormal"):
            assert word not in seen.replace("aria-busy", "")


def test_another_sites_page_cannot_read_or_answer(browser, answers):
    """What a page of another origin may try from within the same browser."""
    with serving(answers) as (_, url):
        context = browser.new_context()
        page = context.new_page()
        page.route(
            "http://elsewhere.example/**",
            lambda route: route.fulfill(body="<p>elsewhere</p>", content_type="text/html"),
        )
        page.goto("http://elsewhere.example/")
        tried = page.evaluate(
            """async url => {
              const json = {"Content-Type": "application/json"};
              const results = await Promise.allSettled([
                fetch(url),
                fetch(url + "turn", {method: "POST", body: "{}", headers: json}),
                fetch(url + "undo", {method: "POST", body: "{}", mode: "no-cors"}).then(said => said.text()),
              ]);
              return results.map(one => one.status === "fulfilled" ? one.value : "refused");
            }""",
            url,
        )
        assert tried[:2] == ["refused", "refused"]
        assert tried[2] in ("refused", "")  # sent, maybe, but it told nothing
        context.close()
    assert latest(answers, "") == {}
    assert (answers / "ratings.jsonl").read_bytes() == b""
