# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Answers of servers: any bytes get a verdict, and an answer that broke off is never ok."""

from __future__ import annotations

import contextlib
import re
import socket
import typing as t

import pytest
from ansible.module_utils.upkeep.base.deadline import Deadline
from ansible.module_utils.upkeep.findings import Finding
from ansible.module_utils.upkeep.health_check.attempt import observe
from ansible.module_utils.upkeep.health_check.clients import http as http_client
from hypothesis import given
from hypothesis import strategies as st

from tests.unit.module_utils.health_check.checks import parse

CHECK: t.Final = parse({"name": "x", "kind": "http", "url": "http://127.0.0.1/", "timeout": 5})
REQUEST: t.Final = http_client.Request("http://127.0.0.1/", "GET", {}, 1 << 20, False, None)
GOOD: t.Final = re.compile(rb"HTTP/1\.\S* +200\s")
TOKENS: t.Final = st.from_regex(r"X-[A-Za-z0-9-]{1,12}", fullmatch=True)
VALUES: t.Final = st.from_regex(r"[!-~]([ -~]{0,20}[!-~])?", fullmatch=True)
OK: t.Final = b"HTTP/1.1 200 OK\r\n"
STARTS: t.Final = st.sampled_from(
    [b"", OK, OK + b"Content-Length: ", OK + b"Transfer-Encoding: chunked\r\n\r\n"]
)


@contextlib.contextmanager
def saying(said: bytes) -> t.Iterator[None]:
    """Make every connection one whose other side has said this and no more."""
    ours, theirs = socket.socketpair()
    with ours, theirs, pytest.MonkeyPatch.context() as patch:
        theirs.sendall(said)
        theirs.shutdown(socket.SHUT_WR)
        patch.setattr(http_client, "_connect", lambda *_: ours)
        yield


def judged(said: bytes) -> Finding:
    """Return the verdict on a server that says this to every request."""
    with saying(said):
        [found] = observe(CHECK)
    return found


def message(
    headers: t.Mapping[str, str], body: bytes, sizes: t.Sequence[int] | None
) -> tuple[bytes, int]:
    """Return an answer and where its last byte that matters ends.

    With sizes the body comes in chunks of these.
    """
    head = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
    if sizes is None:
        whole = f"HTTP/1.1 200 OK\r\n{head}Content-Length: {len(body)}\r\n\r\n".encode() + body
        return whole, len(whole)

    parts, at = [], 0

    for size in (*sizes, len(body)):
        part = body[at : at + size]
        at += len(part)
        parts += [b"%x;a=b\r\n%s\r\n" % (len(part), part)] if part else []

    whole = (
        f"HTTP/1.1 200 OK\r\n{head}Transfer-Encoding: chunked\r\n\r\n".encode()
        + b"".join(parts)
        + b"0\r\n\r\n"
    )

    # The line that ends a chunked body is the last that is needed.
    return whole, len(whole) - len(b"\r\n\r\n")


MESSAGES: t.Final = st.builds(
    message,
    st.dictionaries(TOKENS, VALUES, max_size=4),
    st.binary(max_size=200),
    st.none() | st.lists(st.integers(1, 60), max_size=6),
)


@given(STARTS, st.binary(max_size=300))
def test_whatever_a_server_says_gets_a_verdict(start: bytes, rest: bytes) -> None:
    found = judged(start + rest)
    assert found["status"] in ("ok", "critical", "unknown")
    assert "the probe failed" not in found["message"]
    if found["status"] == "ok":
        assert GOOD.match(start + rest)


@given(
    st.dictionaries(TOKENS, VALUES, max_size=4),
    st.binary(max_size=200),
    st.none() | st.lists(st.integers(1, 60), max_size=6),
)
def test_what_is_whole_comes_back_as_it_was_sent(
    headers: dict[str, str], body: bytes, sizes: list[int] | None
) -> None:
    with saying(message(headers, body, sizes)[0]):
        answer = http_client.fetch(REQUEST, Deadline(5))

    assert (answer.status, answer.body, answer.truncated) == (200, body, False)
    assert {name.lower(): value for name, value in headers.items()}.items() <= {
        name.lower(): value for name, value in answer.headers.items()
    }.items()


@given(MESSAGES, st.data())
def test_what_broke_off_is_never_ok(made: tuple[bytes, int], data: st.DataObject) -> None:
    whole, needed = made
    cut = data.draw(st.integers(0, needed - 1))
    assert judged(whole[:cut])["status"] == "critical"
