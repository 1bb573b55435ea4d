# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What a probe sends, what it makes of the answer, and answers that do harm."""

from __future__ import annotations

import socket
import threading
import time
import typing as t
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from ansible.module_utils.upkeep.base import options
from ansible.module_utils.upkeep.switching import settings
from ansible.module_utils.upkeep.switching.asking import (
    MISSING,
    ProbeAnswer,
    address_of,
    ask,
    differs,
    problem_of,
    value_at,
)
from ansible.module_utils.upkeep.switching.options import PROBE
from ansible.module_utils.upkeep.switching.settings import Probe


def probe(**values: t.Any) -> Probe:
    """Return a probe with these options."""
    given = options.parse(PROBE, {"name": "golden", "path": "/x", "timeout": 2, **values})

    return settings._probe(given)


class Echo(BaseHTTPRequestHandler):
    """Answers with what it got; /drip never ends, /huge is larger than any answer."""

    def do_POST(self) -> None:
        size = int(self.headers.get("Content-Length") or 0)
        body = self.rfile.read(size)
        self.send_response(503 if self.path == "/down" else 200)
        self.send_header("X-Mark", self.headers.get("X-Upkeep-Probe", ""))
        self.end_headers()
        if self.path == "/drip":
            for _ in range(600):
                self.wfile.write(b"x")
                time.sleep(0.1)
        elif self.path == "/huge":
            self.wfile.write(b"x" * (5 << 20))
        else:
            self.wfile.write(body or b'{"status": "healthy"}')

    def do_GET(self) -> None:
        self.do_POST()

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def address() -> Iterator[str]:
    """Return the address of a server that echoes."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), Echo)
    server.daemon_threads = True
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"127.0.0.1:{server.server_address[1]}"
    server.shutdown()


def test_a_probe_is_marked_and_gets_status_headers_and_body(address: str) -> None:
    answer = ask(probe(), address)

    assert answer.problem == ""
    assert answer.status == 200
    assert answer.headers["X-Mark"] == "switching"
    assert answer.content == {"status": "healthy"}


def test_a_file_is_sent_as_it_is(address: str, tmp_path: Path) -> None:
    (tmp_path / "sample.csv").write_bytes(b"lap,\xff\n")

    answer = ask(probe(method="POST", body_file=str(tmp_path / "sample.csv")), address)

    assert answer.body == "lap,\ufffd\n"


def test_a_link_is_not_sent(address: str, tmp_path: Path) -> None:
    (tmp_path / "sample.csv").symlink_to("/etc/shadow")
    tmp_path.chmod(0o777)

    answer = ask(probe(method="POST", body_file=str(tmp_path / "sample.csv")), address)

    assert "cannot be sent" in answer.problem


def test_an_answer_without_an_end_takes_no_longer_than_its_time(address: str) -> None:
    began = time.monotonic()

    answer = ask(probe(path="/drip", timeout=0.5), address)

    assert answer.problem
    assert time.monotonic() - began < 5


def test_an_answer_that_is_too_large_is_a_problem(address: str) -> None:
    assert "more than 4 MB" in ask(probe(path="/huge"), address).problem


def test_who_does_not_listen_is_a_problem() -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        place = f"127.0.0.1:{free.getsockname()[1]}"

    assert "ConnectionRefusedError" in ask(probe(), place).problem
    assert "FileNotFoundError" in ask(probe(), "/run/nobody.sock").problem


@pytest.mark.parametrize(
    ("body", "options_", "problem"),
    [
        ('{"a": {"b": 1.0000001}}', {"equals": {"a.b": 1}}, ""),
        ('{"a": {"b": 1.1}}', {"equals": {"a.b": 1}}, "'a.b' of its answer is 1.1, not 1"),
        ('{"a": [1, 2]}', {"equals": {"a.1": 2}}, ""),
        ('{"a": [1, 2]}', {"equals": {"a": [1, 2, 3]}}, "'a' of its answer has 2 entries, not 3"),
        ('{"a": {"b": 1}}', {"equals": {"a": {"c": 1}}}, "'a' of its answer has other keys (b, c)"),
        ("{}", {"equals": {"a": 1}}, "its answer has no 'a'"),
        ("no JSON", {"equals": {"a": 1}}, "its answer has no 'a'"),
        ('{"a": NaN}', {"equals": {"a": 1}}, "'a' of its answer is nan, not 1"),
        ('{"a": true}', {"equals": {"a": 1}}, ""),
        ('{"a": "x"}', {"equals": {"a": "y"}}, '\'a\' of its answer is "x", not "y"'),
    ],
)
def test_values_are_compared_as_numbers_are(
    body: str, options_: dict[str, t.Any], problem: str
) -> None:
    assert problem_of(probe(**options_), ProbeAnswer("golden", 200, body=body)) == problem


def test_predictions_must_be_those_of_before() -> None:
    before = ProbeAnswer("golden", 200, body='{"p": [1.5, 2.5]}')
    golden = probe(same_as_before=["p", "new"], tolerance=0.01)

    same = ProbeAnswer("golden", 200, body='{"p": [1.501, 2.5], "new": 1}')
    other = ProbeAnswer("golden", 200, body='{"p": [1.5, 2.6]}')
    gone = ProbeAnswer("golden", 200, body="{}")

    assert problem_of(golden, same, before) == ""
    assert "(1) is 2.6, not 2.5 as before" in problem_of(golden, other, before)
    assert "no 'p', which there was before" in problem_of(golden, gone, before)
    assert problem_of(golden, other, ProbeAnswer("golden", problem="refused")) == ""


def test_another_status_is_a_problem(address: str) -> None:
    down = probe(path="/down")

    assert problem_of(down, ask(down, address)) == "it answers 503, not 200"


def test_evidence_has_no_secrets_and_an_end() -> None:
    answer = ProbeAnswer(
        "golden", 500, {"Authorization": "Bearer abcdefghijklmnop"}, "password=hunter22 " * 9999
    )

    kept = answer.evidence()

    assert "hunter22" not in str(kept)
    assert len(kept["body"]) < 5000


@pytest.mark.parametrize(
    ("listen", "address"),
    [
        ("127.0.0.1:8000", "127.0.0.1:8000"),
        ("0.0.0.0:8000", "127.0.0.1:8000"),
        ("[::]:8000", "127.0.0.1:8000"),
        ("8000", "127.0.0.1:8000"),
        ("/run/x.sock", "/run/x.sock"),
    ],
)
def test_what_listens_everywhere_is_asked_on_this_host(listen: str, address: str) -> None:
    assert address_of(listen) == address


def test_paths_that_lead_nowhere_find_nothing() -> None:
    assert value_at({"a": [1]}, "a.7") is MISSING
    assert value_at(None, "a") is MISSING
    assert differs(1, 1.0, 0) == ""
