# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Kind http against answers that are legal but odd, and against servers that mean harm."""

from __future__ import annotations

import gzip
import json
import socket
import threading
import typing as t
import zlib
from collections.abc import Callable
from urllib.parse import urlsplit

import pytest
from ansible.module_utils.upkeep.findings import Finding
from ansible.module_utils.upkeep.health_check.clients.http import origin

from tests.unit.module_utils.health_check.servers import (
    Handler,
    answering,
    hung,
    request_head,
    saying,
    trickling,
)

Observed = Callable[..., dict[str, Finding]]
Listen = Callable[..., int]


def redirecting(hops: dict[str, str], requests: list[bytes]) -> Handler:
    """Return a handler that redirects the paths in ``hops`` and answers 200 to others."""

    def handler(connection: socket.socket, over: threading.Event) -> None:
        requests.append(request_head(connection))
        target = hops.get(requests[-1].split(b" ")[1].decode())
        head = f"HTTP/1.1 302 Found\r\nLocation: {target}" if target else "HTTP/1.1 200 OK"
        connection.sendall(f"{head}\r\nContent-Length: 0\r\n\r\n".encode())

    return handler


SECRETS: t.Final = {
    "Authorization": "Bearer s",
    "Cookie": "session=s",
    "X-Auth-Token": "s",
    "PRIVATE-TOKEN": "s",
    "X-Vault-Token": "s",
    "Api-Key": "s",
    "X-Client-Secret": "s",
    "X-Custom": "s",
}


@pytest.mark.parametrize("name", SECRETS)
def test_no_credential_follows_to_another_server(
    listen: Listen, observed: Observed, name: str
) -> None:
    other = listen(redirecting({}, there := []))
    port = listen(redirecting({"/": f"http://127.0.0.1:{other}/"}, here := []))

    observed(
        "http",
        url=f"http://127.0.0.1:{port}/",
        follow_redirects=True,
        headers={name: SECRETS[name]},
    )

    assert name.encode() in here[0]
    assert name.encode() not in there[0]


def test_a_redirect_to_the_same_server_keeps_the_sign_in() -> None:
    def same(first: str, second: str) -> bool:
        return origin(urlsplit(first)) == origin(urlsplit(second))

    assert same("http://shop.example.org/a", "http://shop.example.org:80/b")
    assert same("https://shop.example.org:443/", "HTTPS://Shop.example.org./")
    assert not same("http://shop.example.org/", "https://shop.example.org/")
    assert not same("http://shop.example.org/", "http://shop.example.org:8080/")
    assert not same("http://shop.example.org/", "http://example.org/")


@pytest.mark.parametrize(("status", "method"), [("301", "GET"), ("303", "GET"), ("307", "POST")])
def test_an_upload_is_sent_again_only_where_the_redirect_says_so(
    listen: Listen, observed: Observed, status: str, method: str
) -> None:
    heads: list[bytes] = []

    def handler(connection: socket.socket, _over: threading.Event) -> None:
        heads.append(request_head(connection))
        first = len(heads) == 1
        line = f"HTTP/1.1 {status} Moved\r\nLocation: /b" if first else "HTTP/1.1 200 OK"
        connection.sendall(f"{line}\r\nContent-Length: 0\r\n\r\n".encode())

    url = f"http://127.0.0.1:{listen(handler)}/"
    observed("http", url=url, method="POST", upload={"content": "a"}, follow_redirects=True)

    assert heads[1].split(b" ")[0].decode() == method
    assert (b"multipart" in heads[1]) == (method == "POST")


def test_an_upload_is_not_sent_on_to_another_server(listen: Listen, observed: Observed) -> None:
    def handler(connection: socket.socket, _over: threading.Event) -> None:
        request_head(connection)
        line = f"HTTP/1.1 307 Moved\r\nLocation: http://127.0.0.1:{other}/"
        connection.sendall(f"{line}\r\nContent-Length: 0\r\n\r\n".encode())

    other = listen(redirecting({}, there := []))
    url = f"http://127.0.0.1:{listen(handler)}/"

    found = observed(
        "http", url=url, method="POST", upload={"content": "a"}, follow_redirects=True
    )["http:x"]

    assert found["status"] == "critical"
    assert "redirects the upload to another server" in found["message"]
    assert there == []


@pytest.mark.parametrize("kind", ["http", "metrics"])
@pytest.mark.parametrize("scheme", ["HTTPS", "Https", "https"])
def test_https_is_never_spoken_in_clear(
    listen: Listen, observed: Observed, kind: str, scheme: str
) -> None:
    requests: list[bytes] = []
    port = listen(lambda connection, _over: requests.append(connection.recv(65536)))
    options = (
        {"headers": {"Authorization": "Bearer s"}} if kind == "http" else {"rate": {"warning": 1}}
    )

    url = f"{scheme}://localhost:{port}/"
    found = observed(kind, url=url, timeout=1, **options)[f"{kind}:x"]

    assert found["status"] == "critical"
    assert not any(b"Bearer" in request or b"GET" in request for request in requests)


@pytest.mark.parametrize("url", [" https://a/", "http://a/b c", "http://a/\n", "http://a\t/"])
def test_a_url_with_blanks_is_refused(observed: Observed, url: str) -> None:
    with pytest.raises(ValueError, match="url must"):
        observed("http", url=url)


@pytest.mark.parametrize(
    "answer", [b'{"a": 1, "b": NaN}', b'{"a": Infinity}', b'{"a": -Infinity}', b'{"a": 1e999}']
)
def test_numbers_that_json_does_not_have_are_not_fine(
    listen: Listen, observed: Observed, answer: bytes
) -> None:
    rule = {"path": "a", "at_least": 1}
    url = f"http://127.0.0.1:{listen(answering(answer))}/"

    found = observed("http", url=url, json=[rule])["http:x"]

    assert found["status"] == "critical"
    assert "Infinity" not in json.dumps(found)


@pytest.mark.parametrize("planted", ["\x1b]0;PWNED\x07\x1b[2K\r", "\x9b2J", "a\u202eb", "x\ny"])
def test_what_a_service_writes_cannot_steer_a_terminal(
    listen: Listen, observed: Observed, planted: str
) -> None:
    answer = json.dumps({"status": planted}, ensure_ascii=False).encode()
    url = f"http://127.0.0.1:{listen(answering(answer))}/"

    found = observed("http", url=url, json=[{"path": "status", "equals": "x"}])["http:x"]

    assert found["message"].isprintable()
    assert found["observed"].isprintable()


def test_what_a_service_writes_does_not_fill_the_report(listen: Listen, observed: Observed) -> None:
    rules = [{"path": f"a{n}", "equals": "x"} for n in range(100)]
    answer = json.dumps({f"a{n}": "y" * 5000 for n in range(100)}).encode()
    url = f"http://127.0.0.1:{listen(answering(answer))}/"

    found = observed("http", url=url, json=rules)["http:x"]

    assert len(found["message"]) <= 4000
    assert len(found["observed"]) <= 500


@pytest.mark.parametrize(
    "first",
    [
        b"HTTP/1.1 103 Early Hints\r\nLink: </a.css>\r\n\r\n",
        b"HTTP/1.1 102 Processing\r\n\r\n" * 3,
        b"HTTP/1.1 100 Continue\r\n\r\n",
    ],
)
def test_informational_answers_are_skipped(
    listen: Listen, observed: Observed, first: bytes
) -> None:
    final = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"
    url = f"http://127.0.0.1:{listen(saying(first + final))}/"

    found = observed("http", url=url, body_regex="^ok$")["http:x"]

    assert found["status"] == "ok"


def test_informational_answers_without_end_are_critical(listen: Listen, observed: Observed) -> None:
    answers = trickling(b"", b"HTTP/1.1 102 Processing\r\n\r\n", pause=0)

    found = observed("http", url=f"http://127.0.0.1:{listen(answers)}/")["http:x"]

    assert found["status"] == "critical"


def test_a_multipart_answer_has_no_broken_headers(listen: Listen, observed: Observed) -> None:
    handler = answering(b"x", "200 OK", "Content-Type: multipart/mixed; boundary=b")

    assert observed("http", url=f"http://127.0.0.1:{listen(handler)}/")["http:x"]["status"] == "ok"


@pytest.mark.parametrize("header", ["a: b\r\n" * 120, f"a: {'b' * 70_000}\r\n"])
def test_more_headers_than_are_read_are_unknown(
    listen: Listen, observed: Observed, header: str
) -> None:
    said = f"HTTP/1.1 200 OK\r\n{header}Content-Length: 0\r\n\r\n".encode()

    found = observed("http", url=f"http://127.0.0.1:{listen(saying(said))}/")["http:x"]

    assert found["status"] == "unknown"


@pytest.mark.parametrize("path", ["/größe", "/a?wort=grün", "/a%20b", "/日本"])
def test_paths_are_sent_as_a_browser_sends_them(
    listen: Listen, observed: Observed, path: str
) -> None:
    port = listen(redirecting({}, requests := []))

    found = observed("http", url=f"http://127.0.0.1:{port}{path}")["http:x"]

    assert found["status"] == "ok"
    assert requests[0].split(b" ")[1].decode("ascii").startswith("/")


@pytest.mark.parametrize("target", ["/größe", "/a b", "/a?name=a b"])
def test_a_redirect_may_be_written_carelessly(
    listen: Listen, observed: Observed, target: str
) -> None:
    port = listen(redirecting({"/": target}, requests := []))

    found = observed("http", url=f"http://127.0.0.1:{port}/", follow_redirects=True)["http:x"]

    assert found["status"] == "ok"
    assert len(requests) == 2


@pytest.mark.parametrize(
    ("kind", "options"),
    [
        ("http", {"url": "http://a..b.example.org/"}),
        ("metrics", {"url": f"http://{'a' * 64}.example.org/", "rate": {"warning": 1}}),
        ("tcp", {"host": "a..b", "port": 80}),
        ("dns", {"host": "a" * 64}),
        ("redis", {"host": ".a"}),
    ],
)
def test_a_name_that_no_host_can_have_is_refused(
    observed: Observed, kind: str, options: dict[str, t.Any]
) -> None:
    with pytest.raises(ValueError, match="is not a host name"):
        observed(kind, **options)


@pytest.mark.parametrize("value", [1.5, 7, "日本", "plain"])
def test_headers_are_sent_as_text(listen: Listen, observed: Observed, value: t.Any) -> None:
    port = listen(redirecting({}, requests := []))

    found = observed("http", url=f"http://127.0.0.1:{port}/", headers={"X-Version": value})

    assert found["http:x"]["status"] == "ok"
    assert f"X-Version: {value}".encode() in requests[0]


@pytest.mark.parametrize("headers", [{"A": None}, {"A": [1]}, {"A": "b\r\nC: d"}, {"A b": "c"}])
def test_headers_that_cannot_be_sent_are_refused(
    observed: Observed, headers: dict[str, t.Any]
) -> None:
    with pytest.raises(ValueError, match="header"):
        observed("http", url="http://127.0.0.1/", headers=headers)


@pytest.mark.parametrize("charset", ["iso-8859-1", "windows-1252", "utf-16", "utf-8"])
def test_a_body_is_read_in_its_charset(listen: Listen, observed: Observed, charset: str) -> None:
    kind = f"Content-Type: text/html; charset={charset}"
    handler = answering("es ist grün".encode(charset), "200 OK", kind)

    found = observed("http", url=f"http://127.0.0.1:{listen(handler)}/", body_regex="grün$")

    assert found["http:x"]["status"] == "ok"


def test_an_answer_before_the_whole_upload_counts(listen: Listen, observed: Observed) -> None:
    def handler(connection: socket.socket, _over: threading.Event) -> None:
        request_head(connection)
        connection.sendall(b"HTTP/1.1 413 Too Large\r\nContent-Length: 0\r\n\r\n")

    found = observed(
        "http",
        url=f"http://127.0.0.1:{listen(handler)}/",
        method="POST",
        expect_status=[413],
        upload={"content": "x" * (8 << 20)},
    )["http:x"]

    assert found["status"] == "ok", found


@pytest.mark.parametrize("said", [b"", b"HTTP/1.1 41"])
def test_an_upload_that_is_cut_off_without_an_answer_is_critical(
    listen: Listen, observed: Observed, said: bytes
) -> None:
    def handler(connection: socket.socket, _over: threading.Event) -> None:
        request_head(connection)
        connection.sendall(said)

    found = observed(
        "http",
        url=f"http://127.0.0.1:{listen(handler)}/",
        method="POST",
        expect_status=[413],
        upload={"content": "x" * (8 << 20)},
    )["http:x"]

    assert found["status"] == "critical"


def test_the_dot_at_the_end_of_a_name_is_not_in_a_certificate(
    listen: Listen, observed: Observed, authority: t.Any
) -> None:
    port = listen(answering(b""), authority.context("localhost", 60))

    found = observed("http", url=f"https://localhost.:{port}/", ca_file=str(authority.file))

    assert found["http:x"]["status"] == "ok"


@pytest.mark.parametrize(
    "target",
    [
        "http://a..b.example.org/",
        f"http://{'a' * 64}/",
        "http://h:port/",
        "http://[::1/",
        "https:///",
    ],
)
def test_a_redirect_to_no_address_is_the_services_fault(
    listen: Listen, observed: Observed, target: str
) -> None:
    port = listen(redirecting({"/": target}, []))

    found = observed("http", url=f"http://127.0.0.1:{port}/", follow_redirects=True)["http:x"]

    assert found["status"] == "critical"
    assert "redirects to an address" in found["message"]


JSON: t.Final = b'{"status": "ok"}'


@pytest.mark.parametrize(
    ("name", "body"),
    [("gzip", gzip.compress(JSON, mtime=0)), ("Deflate", zlib.compress(JSON)), ("x-gzip", JSON)],
    ids=["gzip", "deflate", "not packed"],
)
def test_a_body_may_come_compressed_though_nobody_asked(
    listen: Listen, observed: Observed, name: str, body: bytes
) -> None:
    handler = answering(body, "200 OK", f"Content-Encoding: {name}")
    rules = [{"path": "status", "equals": "ok"}]

    found = observed("http", url=f"http://127.0.0.1:{listen(handler)}/", json=rules)

    assert found["http:x"]["status"] == "ok"


def test_a_compressed_body_takes_no_more_memory_than_allowed(
    listen: Listen, observed: Observed
) -> None:
    handler = answering(gzip.compress(b"0" * (64 << 20)), "200 OK", "Content-Encoding: gzip")
    url = f"http://127.0.0.1:{listen(handler)}/"

    found = observed("http", url=url, body_regex="1", max_body=70_000)["http:x"]

    assert found["status"] == "unknown"
    assert "longer than max_body (70000 bytes)" in found["message"]


def test_a_compression_that_is_not_known_is_not_judged(listen: Listen, observed: Observed) -> None:
    url = f"http://127.0.0.1:{listen(answering(JSON, '200 OK', 'Content-Encoding: br'))}/"

    assert observed("http", url=url, body_regex="ok")["http:x"]["status"] == "unknown"
    assert observed("http", url=url)["http:x"]["status"] == "ok"


OVER: t.Final = b"2\r\nok\r\n0\r\n\r\n"
PACKED: t.Final = gzip.compress(b"ok", mtime=0)
CHUNKS: t.Final = f"{len(PACKED):x}\r\n".encode() + PACKED + b"\r\n0\r\n\r\n"


@pytest.mark.parametrize(
    ("headers", "body"),
    [
        (b"Transfer-Encoding: CHUNKED", OVER),
        (b"Transfer-Encoding: identity, chunked", OVER),
        (b"Transfer-Encoding: identity\r\nTransfer-Encoding: chunked", OVER),
        (b"Transfer-Encoding: gzip, chunked", CHUNKS),
        (b"Transfer-Encoding: gzip", PACKED),
        (b"Content-Encoding: gzip\r\nTransfer-Encoding: chunked", CHUNKS),
        (b"Content-Encoding: gzip, gzip", gzip.compress(PACKED, mtime=0)),
        (b"Content-Encoding: deflate", zlib.compress(b"ok", wbits=-15)),
    ],
)
def test_a_body_is_read_however_it_was_packed_for_its_way(
    listen: Listen, observed: Observed, headers: bytes, body: bytes
) -> None:
    port = listen(saying(b"HTTP/1.1 200 OK\r\n" + headers + b"\r\n\r\n" + body))

    found = observed("http", url=f"http://127.0.0.1:{port}/", body_regex="^ok$")["http:x"]

    assert found["status"] == "ok", found


@pytest.mark.parametrize(
    "headers", [b"Transfer-Encoding: br, chunked", b"Content-Encoding: gzip,gzip,gzip,gzip"]
)
def test_a_coding_that_cannot_be_undone_is_not_judged(
    listen: Listen, observed: Observed, headers: bytes
) -> None:
    port = listen(saying(b"HTTP/1.1 200 OK\r\n" + headers + b"\r\n\r\n" + OVER))

    found = observed("http", url=f"http://127.0.0.1:{port}/", body_regex="^ok$")["http:x"]

    assert found["status"] == "unknown", found


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (None, "the connection is refused"),
        (b"", "the connection was closed without an answer"),
        (b"HTTP/1.1 404 Gone\r\nContent-Length: 0\r\n\r\n", "answered 404 instead of 200"),
        (b"HTTP/1.1 200 OK\r\nA", "broken headers"),
        ("hangs", "no complete answer within 1 s"),
    ],
)
def test_the_server_behind_a_redirect_is_named_when_it_is_the_one_that_fails(
    listen: Listen, observed: Observed, answer: bytes | str | None, words: str
) -> None:
    server = saying(answer) if isinstance(answer, bytes) else hung
    there = f"http://127.0.0.1:{listen(server) if answer is not None else 1}/there"
    port = listen(redirecting({"/": f"{there}?token=hush"}, []))

    found = observed("http", url=f"http://127.0.0.1:{port}/", follow_redirects=True, timeout=1)[
        "http:x"
    ]

    assert found["status"] == "critical"
    assert words in found["message"]
    assert f"(after a redirect to {there})" in found["message"]
    assert "hush" not in found["message"]
