# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Kind http: uploads, samples that time out, and where the time went."""

from __future__ import annotations

import email.parser
import email.policy
import itertools
import json
import os
import shutil
import socket
import tempfile
import threading
import typing as t
from collections.abc import Callable
from pathlib import Path

import pytest
from ansible.module_utils.upkeep.findings import Finding
from ansible.module_utils.upkeep.health_check import upload
from ansible.module_utils.upkeep.health_check.check import ProbeError
from ansible.module_utils.upkeep.health_check.clients.multipart import first_rows
from ansible.module_utils.upkeep.health_check.settings import secrets_of
from hypothesis import given
from hypothesis import strategies as st

from tests.unit.module_utils.health_check.checks import judged, parse
from tests.unit.module_utils.health_check.servers import Handler, answering, hung, request_head

Observed = Callable[..., dict[str, Finding]]
Listen = Callable[..., int]
TABLE = "lap,time\n1,90.1\n\n2,90.2\n3,90.3\n4,90.4\n"
RULES = [{"path": "count", "equals": 3}]


def parts_of(content_type: str, body: bytes) -> dict[str, tuple[str | None, bytes]]:
    """Return file name and content of each part, as the standard library reads a form."""
    head = f"Content-Type: {content_type}\r\n\r\n".encode()
    message = email.parser.BytesParser(policy=email.policy.HTTP).parsebytes(head + body)

    return {
        str(part.get_param("name", header="content-disposition")): (
            part.get_filename(),
            part.get_content().encode(),
        )
        for part in message.iter_parts()
    }


def predicting(forms: list[t.Any], heads: list[bytes]) -> Handler:
    """Return a server that counts the rows of an uploaded table."""

    def handler(connection: socket.socket, _over: threading.Event) -> None:
        head, _, body = request_head(connection).partition(b"\r\n\r\n")
        fields = dict(line.lower().split(b": ", 1) for line in head.split(b"\r\n")[1:])
        while len(body) < int(fields[b"content-length"]):
            body += connection.recv(65536)

        content_type = next(
            line for line in head.decode().splitlines() if line.lower().startswith("content-type")
        )
        form = parts_of(content_type.split(": ", 1)[1], body)
        heads.append(head)
        forms.append(form)
        answer = json.dumps({"count": len(form["csv"][1].splitlines()) - 1}).encode()
        connection.sendall(
            b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s" % (len(answer), answer)
        )

    return handler


@pytest.mark.requirement(
    "R-racing-17", "R-racing-88", "R-student_success-08", "R-student_success-90"
)
def test_a_template_is_uploaded_and_its_answer_judged(listen: Listen, observed: Observed) -> None:
    port = listen(predicting(forms := [], heads := []))
    given = {
        "content": TABLE,
        "filename": "template.csv",
        "field": "csv",
        "rows": 3,
        "fields": {"tab": "Analysis"},
    }
    found = observed(
        "http",
        url=f"http://127.0.0.1:{port}/predict",
        method="POST",
        headers={"Authorization": "Bearer p-one"},
        upload={**given, "row_warning_ms": 20000},
        json=RULES,
        latency={"samples": 2, "warning_ms": 20000},
    )
    names = ["http:x", "http:x.latency", "http:x.per_row"]

    assert {name: one["status"] for name, one in found.items()} == dict.fromkeys(names, "ok"), found
    assert forms[0] == {
        "tab": (None, b"Analysis"),
        "csv": ("template.csv", b"lap,time\n1,90.1\n2,90.2\n3,90.3\n"),
    }
    assert len(forms) == 2
    assert b"X-Upkeep-Probe: 1" in heads[0]
    assert 0 < found["http:x.per_row"]["observed"] < found["http:x.latency"]["observed"]
    assert "for each of 3 rows" in found["http:x.per_row"]["message"]


def test_a_wrong_prediction_is_critical_and_has_no_time(listen: Listen, observed: Observed) -> None:
    port = listen(predicting([], []))
    found = observed(
        "http",
        url=f"http://127.0.0.1:{port}/",
        method="POST",
        upload={"content": TABLE, "field": "csv", "rows": 2},
        json=RULES,
    )

    assert list(found) == ["http:x"]
    assert (found["http:x"]["status"], found["http:x"]["observed"]) == ("critical", "count=2")


@pytest.mark.parametrize(
    "options",
    [{"path": "/nowhere/t.csv", "run_as": "nobody"}, {"content": "a\n1\n", "rows": 3}],
)
def test_what_cannot_be_sent_is_unknown(
    observed: Observed, closed_port: int, options: dict[str, t.Any]
) -> None:
    found = observed("http", url=f"http://127.0.0.1:{closed_port}/", method="POST", upload=options)[
        "http:x"
    ]
    assert (found["status"], "the file to upload" in found["message"]) == ("unknown", True)


@given(st.lists(st.from_regex(r"[^\W_]+", fullmatch=True), min_size=2), st.integers(1, 30))
def test_the_first_rows_of_a_table(lines: list[str], rows: int) -> None:
    table = "\r\n".join(lines).encode()
    if len(lines) < rows + 1:
        with pytest.raises(ProbeError):
            first_rows(table, rows)
    else:
        assert first_rows(table, rows).decode().splitlines() == lines[: rows + 1]


@given(
    st.text(st.characters(codec="ascii", exclude_characters="\r\0")),
    st.dictionaries(st.sampled_from("ab"), st.just("1")),
)
def test_a_form_survives_a_round_trip(content: str, fields: dict[str, str]) -> None:
    check = parse(
        {
            "name": "x",
            "kind": "http",
            "url": "http://127.0.0.1/",
            "method": "POST",
            "upload": {"content": content, "fields": fields, "filename": "f.csv"},
        }
    )
    body, content_type = upload.encode(check.options["upload"])
    found = parts_of(content_type, body)

    assert found.pop("file") == ("f.csv", content.encode())
    assert found == dict.fromkeys(fields, (None, b"1"))


def sometimes_hung(answer: Handler, every: int) -> Handler:
    """Return a server that never answers each n-th request."""
    number = itertools.count(1)

    def handler(connection: socket.socket, over: threading.Event) -> None:
        (hung if next(number) % every == 0 else answer)(connection, over)

    return handler


def test_samples_that_time_out_are_counted(listen: Listen, observed: Observed) -> None:
    port = listen(sometimes_hung(answering(b"ok"), 3))
    found = observed(
        "http",
        url=f"http://127.0.0.1:{port}/",
        latency={"samples": 6, "timeout_ms": 2000, "warning_ms": 1900, "critical_ms": 50000},
    )

    assert found["http:x"]["status"] == "critical"
    assert "2 of 6 requests were not answered in time" in found["http:x"]["message"]

    latency = found["http:x.latency"]

    assert (latency["status"], latency["observed"]) == ("warning", 2000.0)
    assert "6 answers" in latency["message"]
    assert "2 timed out" in latency["message"]


def test_too_few_answers_are_no_figure(listen: Listen, observed: Observed) -> None:
    port = listen(sometimes_hung(answering(b"ok"), 2))
    found = observed(
        "http",
        url=f"http://127.0.0.1:{port}/",
        timeout=2,
        latency={"samples": 5, "minimum": 4, "warning_ms": 150},
    )

    assert "1 of 2 requests were not answered in time" in found["http:x"]["message"]
    assert (found["http:x.latency"]["status"], found["http:x.latency"]["observed"]) == (
        "unknown",
        2,
    )


def test_where_the_time_went(listen: Listen, observed: Observed, authority: t.Any) -> None:
    port = listen(answering(b"ok"), authority.context("localhost", 60))
    url = f"https://localhost:{port}/"
    message = observed("http", url=url, ca_file=str(authority.file), latency={"samples": 2})[
        "http:x.latency"
    ]["message"]
    words = [part.split()[0] for part in message.partition("slowest answer: ")[2].split(", ")]

    assert words == ["resolve", "connect", "tls", "first", "body"]
    assert "fewer than 20, so the slowest is judged" in message


def test_secret_headers_are_known_as_secrets() -> None:
    raw = {
        "kind": "http",
        "headers": {"Authorization": "Bearer s", "X-API-Key": "k", "Accept": "text/plain"},
    }
    assert secrets_of([raw]) == {"Bearer s", "k"}


def test_a_service_that_echoes_the_secret_does_not_give_it_away(
    listen: Listen, observed: Observed
) -> None:
    port = listen(answering(b'{"user": "Bearer p-one"}'))
    rules = [{"path": "user", "equals": "x"}]
    found = observed(
        "http",
        url=f"http://127.0.0.1:{port}/",
        headers={"Authorization": "Bearer p-one"},
        json=rules,
    )

    assert "p-one" not in json.dumps(found)


@pytest.fixture
def folder() -> t.Iterator[Path]:
    """Return a folder that belongs to nobody, as a service's does."""
    made = Path(tempfile.mkdtemp(prefix="upkeep-upload-"))
    made.chmod(0o755)
    if os.geteuid() == 0:
        shutil.chown(made, "nobody")

    yield made
    shutil.rmtree(made)


def sent(listen: Listen, path: Path, **options: t.Any) -> tuple[Finding, list[bytes]]:
    """Return the finding of an upload in a process of its own, and what the service got."""
    bodies: list[bytes] = []

    def handler(connection: socket.socket, _over: threading.Event) -> None:
        received = request_head(connection)
        while not received.endswith(b"--\r\n"):  # the end of the form
            received += connection.recv(1 << 16)

        bodies.append(received)
        connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")

    url = f"http://127.0.0.1:{listen(handler)}/"
    upload = {"path": str(path), "run_as": "nobody", **options}
    raw = {"name": "x", "kind": "http", "url": url, "method": "POST", "upload": upload}

    return judged([raw])["http:x"], bodies


needs_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root can act as another user")


@needs_root
def test_a_file_is_sent_with_the_rights_of_the_service(listen: Listen, folder: Path) -> None:
    (folder / "sample.csv").write_text(TABLE)

    found, bodies = sent(listen, folder / "sample.csv")

    assert found["status"] == "ok"
    assert b"90.4" in bodies[0]


@needs_root
@pytest.mark.parametrize("way", ["link", "folder", "hard link", "fifo"])
def test_no_file_of_root_is_sent(listen: Listen, folder: Path, tmp_path: Path, way: str) -> None:
    """The service's user puts something else under the name of the sample."""
    secret = folder.parent / f"{folder.name}.secret"
    secret.write_text("t0p-secret")
    secret.chmod(0o600)
    sample = folder / "sample.csv"
    if way == "link":
        sample.symlink_to(secret)
    elif way == "folder":
        (folder / "sub").symlink_to(secret.parent)
        sample = folder / "sub" / secret.name
    elif way == "hard link":
        sample.hardlink_to(secret)
    else:
        os.mkfifo(sample)

    found, bodies = sent(listen, sample)
    secret.unlink()

    assert found["status"] == "unknown"
    assert "the file to upload" in found["message"]
    assert bodies == []


@needs_root
def test_no_file_is_read_as_root(listen: Listen, observed: Observed, folder: Path) -> None:
    (folder / "sample.csv").write_text(TABLE)
    url = f"http://127.0.0.1:{listen(answering(b''))}/"
    upload = {"path": str(folder / "sample.csv"), "run_as": "nobody"}

    found = observed("http", url=url, method="POST", upload=upload)["http:x"]

    assert found["status"] == "unknown", "this process is root's, and the sender must not be"
    assert "is not read as root" in found["message"]


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"path": "/srv/a"}, "upload.path needs run_as"),
        ({"path": "/srv/a", "run_as": "root"}, "run_as must not be root"),
        ({"content": "a", "run_as": "nobody"}, "upload.path needs run_as"),
        ({"path": "/srv/a", "content": "a", "run_as": "nobody"}, "either path or content"),
        ({"path": "srv/a", "run_as": "nobody"}, "must begin with /"),
    ],
)
def test_mistakes_are_named(options: dict[str, t.Any], words: str) -> None:
    raw = {"name": "x", "kind": "http", "url": "http://a/", "method": "POST", "upload": options}

    with pytest.raises(ValueError, match=words):
        parse(raw)
