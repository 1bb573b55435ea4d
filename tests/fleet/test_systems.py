# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The demo systems do what they stand for: models predict, caches fill, notices arrive.

Needs a running fleet (``python -m demo up``); ``UPKEEP_FLEET`` names another one than the default.
"""

from __future__ import annotations

import base64
import datetime as dt
import email.message
import json
import os
import re
import smtplib
import typing as t
import urllib.error
import urllib.request
from pathlib import Path

import pytest

from demo import containers, engine, fleet

PROJECT = Path(__file__).resolve().parents[2]
FLEET = os.environ.get("UPKEEP_FLEET", fleet.DEFAULT)
HOME = PROJECT / "demo" / "image" / "home" / "racing"
TEST_ACCOUNT = "upkeep-test:demo"
STUDENTS = [
    {"id_student": 1, "early_avg_score": 95, "early_total_clicks": 350, "studied_credits": 30},
    {"id_student": 2, "early_avg_score": 5, "early_total_clicks": 10, "studied_credits": 120},
]


@pytest.fixture(scope="module")
def ports() -> t.Callable[[str, int], int]:
    """Return a function from host and port in it to the port on loopback."""
    engine.require()
    started = fleet.select(fleet.load(), FLEET, [], PROJECT / ".demo")

    def find(host: str, inside: int) -> int:
        container = containers.inspect(started, host)
        assert container is not None and container.running, (
            f"{host} does not run: python -m demo up"
        )
        return container.ports[inside]

    return find


def inside(host: str, *argv: str) -> str:
    """Return what a command says on a host."""
    name = fleet.select(fleet.load(), FLEET, [], PROJECT / ".demo").container(host)
    return engine.podman("exec", name, *argv).stdout


def ask(
    port: int,
    path: str,
    body: bytes | None = None,
    method: str | None = None,
    account: str = "",
    probe: bool = False,
) -> str:
    """Return an answer of an API; raises HTTPError when it is not 2xx.

    ``account`` is name:password.
    """
    sign_in = (
        {"Authorization": f"Basic {base64.b64encode(account.encode()).decode()}"} if account else {}
    )
    marked = {"X-Upkeep-Probe": "1"} if probe else {}
    headers = {"Content-Type": "application/octet-stream", **sign_in, **marked}
    request = urllib.request.Request(f"http://127.0.0.1:{port}{path}", body, headers, method=method)
    with urllib.request.urlopen(request, timeout=20) as answer:  # noqa: S310 - loopback
        return str(answer.read().decode())


def test_the_dashboard_predicts_the_template_and_says_so_in_its_log(ports: t.Any) -> None:
    port, template = ports("racing-1", 8050), (HOME / "post_race_sample_template.csv").read_bytes()

    def said() -> int:
        return inside("racing-1", "cat", "/srv/racing_analytics/dashboard.log").count(
            "Predictions generated"
        )

    before = said()

    for account in ("", TEST_ACCOUNT):
        answer = json.loads(ask(port, "/api/post-race/analyze", template, account=account))

        assert answer["count"] == 20
        assert all(85 < seconds < 100 for seconds in answer["predictions"])
        assert answer["chart"].startswith("<svg")

    assert said() == before + 1, "the second upload was the test account's"


def test_a_bad_upload_is_refused_by_name(ports: t.Any) -> None:
    with pytest.raises(urllib.error.HTTPError) as raised:
        ask(ports("racing-1", 8050), "/api/post-race/analyze", b"lap\n1\n")
    assert raised.value.code == 422
    assert "tyre_age" in raised.value.read().decode()


@pytest.mark.parametrize("host", ["racing-1", "student-success-1"])
def test_models_reached_their_floor_on_rows_they_had_not_seen(host: str) -> None:
    folder = {
        "racing-1": "/srv/racing_analytics/data/models",
        "student-success-1": "/opt/student_success/results/models",
    }
    facts = json.loads(inside(host, "cat", f"{folder[host]}/model_metadata.json"))
    figures = [facts[name] for name in ("r2", "binary_accuracy", "multi_f1_score") if name in facts]

    assert figures and min(figures) >= 0.95


@pytest.mark.parametrize(
    ("host", "port", "path"),
    [("racing-1", 8050, "/api/post-race/analyze"), ("student-success-1", 8001, "/api/predictions")],
)
def test_nobody_uploads_under_an_unknown_account(
    ports: t.Any, host: str, port: int, path: str
) -> None:
    with pytest.raises(urllib.error.HTTPError) as raised:
        ask(ports(host, port), path, b"[]", account="upkeep-test:guessed")
    assert raised.value.code == 401


def test_students_are_told_apart_and_test_uploads_are_not_kept(ports: t.Any) -> None:
    port = ports("student-success-1", 8001)
    count = ("sqlite3", "/opt/student_success/mvp_data.db", "SELECT count(*) FROM uploads")
    before = int(inside("student-success-1", *count))
    for account in ("", TEST_ACCOUNT):
        found = json.loads(
            ask(port, "/api/predictions", json.dumps(STUDENTS).encode(), account=account)
        )["predictions"]
        assert [student["risk"] for student in found] == ["low", "high"]
        assert set(found[0]["explanation"]) == set(STUDENTS[0]) - {"id_student"}

    assert int(inside("student-success-1", *count)) == before + 1
    assert json.loads(ask(port, "/api/notifications/health"))["status"] == "healthy"


def test_the_scraper_has_filled_all_four_kinds_of_the_cache(ports: t.Any) -> None:
    names = inside("trailblaze-1", "ls", "/opt/trailblaze/cache").split()
    kinds = (
        "aerc_calendar_*.html",
        "aerc_calendar_*.json",
        "comparison_aerc_calendar_*.json",
        "gemini_*.json",
    )
    counts = [sum(Path(name).match(kind) for name in names) for kind in kinds]

    assert min(counts) >= 6, "the months to come, and before them those of a history"
    assert counts[0] == counts[1], "every page has its events"

    state = json.loads(ask(ports("trailblaze-1", 8000), "/v1/scrapers"))["scrapers"][
        "aerc_calendar"
    ]

    assert (state["status"], state["events"]) == ("ok", 72)


def test_the_switches_of_the_scraper_do_what_they_say(ports: t.Any) -> None:
    ask(ports("trailblaze-1", 8000), "/health")
    page = f"/opt/trailblaze/cache/aerc_calendar_{dt.datetime.now(dt.UTC):%Y-%m}.html"

    def scrape(**switches: str) -> tuple[int, int, set[str]]:
        """Return how many entries came from the cache, of how many, and the logged levels."""
        given = " ".join(f"SCRAPER_{name}={value}" for name, value in switches.items())
        environment = "set -a; . /opt/trailblaze/.env.production; SERVICE=scraper"
        # A scraper that fails says so by its code as well, which is of no interest here.
        command = (
            f"{environment} {given}; cd /opt/trailblaze/app; python3 -m services.scrapers; true"
        )
        said = inside("trailblaze-1", "runuser", "-u", "trailblaze", "--", "/bin/sh", "-c", command)
        records = [json.loads(line) for line in said.splitlines()]
        [(cached, entries)] = re.findall(
            r"(\d+) of (\d+) entries from the cache", records[-1]["message"]
        )

        return int(cached), int(entries), {record["level"] for record in records}

    cached, entries, levels = scrape()

    assert (cached, levels) == (entries, {"INFO"}) and entries >= 24

    inside("trailblaze-1", "sed", "--in-place", "0,/<tr>/s///", page)

    try:
        assert scrape(REFRESH="false", DEBUG="no") == (entries, entries, {"INFO"}), (
            "nobody compared"
        )
        assert scrape(VALIDATE="true")[2] == {"INFO", "ERROR"}
    finally:
        repaired = scrape(REFRESH="true", VALIDATE="true", DEBUG="true")

    assert repaired == (0, entries, {"INFO", "DEBUG"})


def test_requests_are_counted_by_route_and_probes_are_not(ports: t.Any) -> None:
    port = ports("trailblaze-1", 8000)
    line = 'http_requests_total{endpoint="/v1/events",method="GET",status_code="200"} '

    def counted() -> float:
        rows = [
            row for row in ask(port, "/metrics", probe=True).splitlines() if row.startswith(line)
        ]
        return float(rows[0].removeprefix(line)) if rows else 0.0

    before = counted()
    page = json.loads(ask(port, "/v1/events"))
    following = json.loads(ask(port, f"/v1/events?cursor={page['next']}", probe=True))

    assert following["events"][0]["id"] > page["events"][-1]["id"]
    assert counted() == before + 1


def test_mails_and_hooks_arrive_and_can_be_forgotten(ports: t.Any) -> None:
    web = ports("ops-1", 8080)
    message = email.message.EmailMessage()
    message["From"], message["To"], message["Subject"] = (
        "upkeep@example.org",
        "on-call@example.org",
        "Größe",
    )
    message.set_content("One finding.")
    with smtplib.SMTP("127.0.0.1", ports("ops-1", 1025), timeout=20) as smtp:
        smtp.send_message(message)

    assert json.loads(ask(web, "/mails"))[-1]["subject"] == "Größe"

    ask(web, "/hooks/chat", b'{"text": "One finding."}')

    assert json.loads(ask(web, "/hooks"))[-1]["content"] == {"text": "One finding."}

    for path in ("/mails", "/hooks"):
        ask(web, path, method="DELETE")
        assert json.loads(ask(web, path)) == []


def test_a_host_keeps_a_file_elsewhere_and_gets_back_what_it_gave(ports: t.Any) -> None:
    ask(ports("ops-1", 8080), "/health")
    model = "/srv/racing_analytics/data/models/lightgbm_baseline.pkl"
    place = "http://ops-1:8080/store/racing-1/try/model.pkl"
    copy = "/tmp/model-from-ops"  # noqa: S108 - in a container
    digest = inside("racing-1", "sha256sum", model).split()[0]
    curl = (
        "curl",
        "--silent",
        "--show-error",
        "--max-time",
        "20",
        "--write-out",
        "%{http_code}",
        "--output",
    )

    try:
        sent = ("--upload-file", model, "--header")
        codes = [
            inside("racing-1", *curl, "/dev/null", *sent, f"X-SHA256: {said}", place)
            for said in (digest, "0")
        ]
        codes.append(
            inside("racing-1", *curl, "/dev/null", "--upload-file", "/etc/hostname", place)
        )

        assert codes == ["200", "422", "409"], "whole files only, and none in place of another"
        assert inside("racing-1", *curl, copy, place) == "200"
        assert inside("racing-1", "sha256sum", copy).split()[0] == digest
        assert "racing-1/try/model.pkl" in {
            kept["name"] for kept in json.loads(ask(ports("ops-1", 8080), "/store"))
        }
        assert (
            inside("ops-1", "sha256sum", "/opt/ops/store/racing-1/try/model.pkl").split()[0]
            == digest
        )
    finally:
        inside("racing-1", *curl, "/dev/null", "--request", "DELETE", place)
        inside("racing-1", "rm", "-f", copy)
