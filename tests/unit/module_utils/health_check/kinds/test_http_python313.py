# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Kind http on Python 3.13, which closes an answer as soon as its announced length was read."""

from __future__ import annotations

import http.client
import typing as t
from collections.abc import Callable

import pytest
from ansible.module_utils.upkeep.findings import Finding

from tests.unit.module_utils.health_check.servers import answering

Observed = Callable[..., dict[str, Finding]]
Listen = Callable[..., int]


@pytest.fixture(autouse=True)
def _closing_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Make answers of this Python end as those of 3.13 do."""
    plain = http.client.HTTPResponse.read1

    def read1(response: http.client.HTTPResponse, n: int = -1) -> bytes:
        chunk = plain(response, n)
        if response.length == 0 and not response.isclosed():
            response._close_conn()  # type: ignore[attr-defined]
        return chunk

    monkeypatch.setattr(http.client.HTTPResponse, "read1", read1)


def test_an_answer_that_ends_with_its_connection_is_ok(listen: Listen, observed: Observed) -> None:
    port = listen(answering(b'{"status": "healthy"}'))
    url, rules = f"http://127.0.0.1:{port}/health", [{"path": "status", "equals": "healthy"}]
    assert observed("http", url=url, json=rules)["http:x"]["status"] == "ok"


def test_a_body_of_just_the_limit_is_whole(listen: Listen, observed: Observed) -> None:
    port = listen(answering(b"0123456789"))
    for limit, status in ((10, "ok"), (9, "unknown")):
        found = observed("http", url=f"http://127.0.0.1:{port}/", max_body=limit, body_regex="9$")[
            "http:x"
        ]
        assert found["status"] == status, found


def test_the_certificate_of_a_closed_connection_is_known(
    listen: Listen, observed: Observed, authority: t.Any
) -> None:
    port = listen(answering(b"fine"), authority.context("localhost", 60))
    limits = {"warning_days": 21, "critical_days": 7}
    found = observed(
        "http", url=f"https://localhost:{port}/", ca_file=str(authority.file), tls_expiry=limits
    )

    assert {name: one["status"] for name, one in found.items()} == {
        "http:x": "ok",
        "http:x.tls_expiry": "ok",
    }
