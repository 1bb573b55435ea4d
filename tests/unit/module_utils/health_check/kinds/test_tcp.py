# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Kind tcp."""

from __future__ import annotations

import typing as t
from collections.abc import Callable

from ansible.module_utils.upkeep.findings import Finding

from tests.unit.module_utils.health_check.servers import hung

#: The options of a check with every aspect.
SAMPLE: t.Final[dict[str, t.Any]] = {"port": 22}

Observed = Callable[..., dict[str, Finding]]


Listen = Callable[..., int]


def test_nothing_listens(observed: Observed, closed_port: int) -> None:
    for kind, options in {"redis": {}, "tcp": {}}.items():
        found = observed(kind, port=closed_port, **options)[f"{kind}:x"]
        assert (
            found["status"],
            f"127.0.0.1:{closed_port}: the connection is refused" in found["message"],
        ) == (
            "critical",
            True,
        )


def test_tcp_port_that_accepts_is_ok(listen: Listen, observed: Observed) -> None:
    assert observed("tcp", port=listen(hung))["tcp:x"]["status"] == "ok"
