# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Ask what serves, over its address or a socket of its own, and judge what it answers."""

from __future__ import annotations

import http.client
import json
import math
import socket
import time
import typing as t
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field

from ..base import files, isolated
from ..base.redact import redact
from .settings import Probe

#: Marks a request as ours: it is no traffic.
MARK: t.Final = {"X-Upkeep-Probe": "switching", "User-Agent": "upkeep", "Connection": "close"}
#: More of an answer is not read, bytes.
LARGEST_ANSWER: t.Final = 4 << 20
#: So much of an answer is kept as evidence, characters.
KEPT_BODY: t.Final = 2000
#: Addresses by which a server listens everywhere.
_EVERYWHERE: t.Final = ("", "*", "0.0.0.0", "[::]")  # noqa: S104
#: What ``value_at`` returns where there is nothing.
MISSING: t.Final = object()


@dataclass(frozen=True)
class ProbeAnswer:
    """What came back: ``problem`` is why nothing did, '' when something did."""

    probe: str
    status: int = 0
    headers: Mapping[str, str] = field(default_factory=dict)
    body: str = ""
    seconds: float = 0.0
    problem: str = ""

    @property
    def content(self) -> t.Any:
        """The JSON of the body, None for other bodies."""
        try:
            return json.loads(self.body)
        except (ValueError, RecursionError):
            return None

    def evidence(self) -> dict[str, t.Any]:
        """Return what is kept of an answer: without secrets, and not all of a long body."""
        headers = {name: redact(value) for name, value in list(self.headers.items())[:40]}
        kept = {"headers": headers, "body": redact(self.body[:KEPT_BODY])}

        return {**asdict(self), **kept}


def ask(probe: Probe, address: str, run_as: str = "") -> ProbeAnswer:
    """Return what a probe gets from an address: the path of a socket, or HOST:PORT.

    A process of its own asks, so that an answer that never ends takes no longer than the probe's
    time. ``run_as`` is the user whose rights read the file that it sends.
    """
    body = probe.body.encode()
    if probe.body_file:
        answers, problem = isolated.run(
            lambda: [_file(probe.body_file)], probe.timeout, run_as or None
        )
        if not answers:
            return ProbeAnswer(probe.name, problem=f"'{probe.body_file}' cannot be sent: {problem}")
        body = answers[0].encode("latin-1")

    answers, problem = isolated.run(
        lambda: [asdict(_exchange(probe, address, body))],
        probe.timeout,
        limits=isolated.PARSING,
    )
    if not answers:
        return ProbeAnswer(probe.name, seconds=probe.timeout, problem=problem or "no answer")

    return ProbeAnswer(**answers[0])


def _file(path: str) -> str:
    try:
        return files.read_bytes(path, 4 << 20, trusted_links=True).decode("latin-1")
    except OSError as error:
        raise isolated.IsolatedError(files.reason_of(error)) from error


class _SocketConnection(http.client.HTTPConnection):
    """A connection to a socket of the file system."""

    def __init__(self, path: str, timeout: float) -> None:
        super().__init__("localhost", timeout=timeout)
        self._path = path

    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.sock.settimeout(self.timeout)
        self.sock.connect(self._path)


def _exchange(probe: Probe, address: str, body: bytes) -> ProbeAnswer:
    connection = _connection(address, probe.timeout)
    began = time.monotonic()
    try:
        headers = {**probe.headers, **MARK}
        connection.request(probe.method, probe.path, body or None, headers)
        answer = connection.getresponse()
        content = answer.read(LARGEST_ANSWER + 1)
    except (OSError, http.client.HTTPException) as error:
        reason = f"{type(error).__name__}: {error}".rstrip(": ")
        return ProbeAnswer(probe.name, seconds=time.monotonic() - began, problem=reason)
    finally:
        connection.close()

    seconds = time.monotonic() - began
    if len(content) > LARGEST_ANSWER:
        problem = f"it answers with more than {LARGEST_ANSWER >> 20} MB"
        return ProbeAnswer(probe.name, answer.status, seconds=seconds, problem=problem)

    return ProbeAnswer(
        probe.name,
        answer.status,
        dict(answer.getheaders()),
        content.decode("utf-8", "replace"),
        seconds,
    )


def _connection(address: str, timeout: float) -> http.client.HTTPConnection:
    if address.startswith("/"):
        return _SocketConnection(address, timeout)

    host, _, port = address.rpartition(":")

    return http.client.HTTPConnection(host.strip("[]") or "127.0.0.1", int(port), timeout=timeout)


def address_of(listen: str) -> str:
    """Return the address to ask for what listens at a ListenStream= of systemd."""
    if listen.startswith("/"):
        return listen

    host, _, port = listen.rpartition(":")

    return f"127.0.0.1:{port}" if host in _EVERYWHERE else f"{host}:{port}"


def problem_of(probe: Probe, answer: ProbeAnswer, before: ProbeAnswer | None = None) -> str:
    """Return what is wrong with an answer as a clause, '' when nothing is.

    ``before`` is what the release before answered.
    """
    if answer.problem:
        return answer.problem
    if answer.status != probe.status:
        return f"it answers {answer.status}, not {probe.status}"

    content = answer.content
    for path, wanted in probe.equals.items():
        found = value_at(content, path)
        if found is MISSING:
            return f"its answer has no '{path}'"
        if difference := differs(found, wanted, probe.tolerance):
            return f"'{path}' of its answer {difference}"

    for path in probe.same_as_before if before and not before.problem else ():
        old, new = value_at(before.content if before else None, path), value_at(content, path)
        if old is MISSING:
            continue
        if new is MISSING:
            return f"its answer has no '{path}', which there was before"
        if difference := differs(new, old, probe.tolerance):
            return f"'{path}' of its answer {difference} as before"

    return ""


def value_at(content: t.Any, path: str) -> t.Any:
    """Return the value at a dotted path of JSON, ``MISSING`` when there is none."""
    for part in path.split("."):
        if isinstance(content, dict) and part in content:
            content = content[part]
        elif isinstance(content, list) and part.isdecimal() and int(part) < len(content):
            content = content[int(part)]
        else:
            return MISSING

    return content


def differs(found: t.Any, wanted: t.Any, tolerance: float) -> str:
    """Return how a value of JSON differs, '' when it does not; numbers may by a share."""
    if _is_number(found) and _is_number(wanted):
        same = math.isclose(found, wanted, rel_tol=tolerance, abs_tol=tolerance)
        return "" if same else f"is {found:.12g}, not {wanted:.12g}"
    if isinstance(found, list) and isinstance(wanted, list):
        if len(found) != len(wanted):
            return f"has {len(found)} entries, not {len(wanted)}"
        return next(
            (
                f"({position}) {difference}"
                for position, pair in enumerate(zip(found, wanted, strict=True))
                if (difference := differs(*pair, tolerance))
            ),
            "",
        )
    if isinstance(found, dict) and isinstance(wanted, dict):
        if found.keys() != wanted.keys():
            names = sorted(map(str, found.keys() ^ wanted.keys()))
            return f"has other keys ({', '.join(names[:5])})"
        return next(
            (
                f"({name}) {difference}"
                for name in found
                if (difference := differs(found[name], wanted[name], tolerance))
            ),
            "",
        )

    return "" if found == wanted else f"is {_shown(found)}, not {_shown(wanted)}"


def _is_number(value: t.Any) -> t.TypeGuard[float]:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _shown(value: t.Any) -> str:
    text = json.dumps(value, default=str)

    return text if len(text) <= 60 else f"{text[:57]}..."
