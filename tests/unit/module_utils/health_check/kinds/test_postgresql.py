# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Kind postgresql with a driver of the test; a real server is met in test_postgresql_server.py."""

from __future__ import annotations

import decimal
import sys
import time
import typing as t
from collections.abc import Callable
from types import ModuleType

import pytest
from ansible.module_utils.upkeep.findings import Finding

#: The options of a check with every aspect.
SAMPLE: t.Final[dict[str, t.Any]] = {"database": "d", "latency": {"warning_ms": 9}}

Observed = Callable[..., dict[str, Finding]]


SESAME = "p-one"


class FakeDriver(ModuleType):
    """Stands for psycopg2: one connection that answers ``rows``, or fails with ``error``."""

    class Error(Exception):
        """As the driver's."""

    def __init__(self, rows: list[tuple[t.Any, ...]], error: str = "") -> None:
        super().__init__("psycopg2")
        self.rows, self.error = rows, error
        self.log: list[t.Any] = []

    def connect(self, **options: t.Any) -> FakeDriver:
        self.log.append(options)
        if self.error:
            raise self.Error(self.error)
        return self

    def set_session(self, readonly: bool) -> None:
        self.log.append(("readonly", readonly))

    def cursor(self) -> FakeDriver:
        return self

    def __enter__(self) -> FakeDriver:
        return self

    def __exit__(self, *_details: object) -> None:
        self.log.append("cursor closed")

    def execute(self, statement: str, values: tuple[t.Any, ...] = ()) -> None:
        self.log.append((statement, values))

    def fetchmany(self, _size: int) -> list[tuple[t.Any, ...]]:
        return [] if "pg_roles" in self.log[-1][0] else self.rows

    def close(self) -> None:
        self.log.append("closed")


@pytest.mark.requirement("R-hyperopt-03", "R-fairedge-17")
@pytest.mark.parametrize(
    ("rows", "expect", "status", "observed_value"),
    [
        ([(12,)], {"at_least": 10}, "ok", 12),
        ([(decimal.Decimal("9.5"),)], {"at_least": 10}, "critical", 9.5),
        ([(9,)], {"at_least": 10, "severity": "warning"}, "warning", 9),
        ([(None,)], {"at_least": 10}, "critical", None),
        ([("on",)], {"equals": "on"}, "ok", "on"),
        ([(1,)], None, "ok", 1),
        ([], None, "critical", None),
        ([(1,), (2,)], {"at_least": 1}, "critical", None),
    ],
)
def test_the_answer_of_the_database_is_judged(
    observed: Observed,
    monkeypatch: pytest.MonkeyPatch,
    rows: list[tuple[t.Any, ...]],
    expect: dict[str, t.Any] | None,
    status: str,
    observed_value: t.Any,
) -> None:
    driver = FakeDriver(rows)
    monkeypatch.setitem(sys.modules, "psycopg2", driver)
    options = {"expect": expect} if expect else {}
    found = observed(
        "postgresql", database="shop", query="SELECT count(*) FROM items", timeout=2, **options
    )["postgresql:x"]

    assert (found["status"], found["observed"]) == (status, observed_value), found
    assert driver.log[0] == {
        "dbname": "shop",
        "port": 5432,
        "connect_timeout": 2,
        "application_name": "upkeep",
    }
    assert driver.log[1] == ("readonly", True)
    assert driver.log[-1] == "closed"

    statements = [entry for entry in driver.log if isinstance(entry, tuple)]
    assert statements[1] == ("SET LOCAL search_path = pg_catalog, pg_temp", ())
    assert statements[-1] == ("SELECT count(*) FROM items", ())
    assert statements[-2][0] == "SET LOCAL statement_timeout = %s"
    assert 0 < statements[-2][1][0] <= 2000


def test_the_database_that_fails_is_critical_and_keeps_its_secret(
    observed: Observed, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "psycopg2", FakeDriver([], "FATAL: no way\n  in with p-one"))
    found = observed(
        "postgresql", database="shop", login_password=SESAME, latency={"warning_ms": 1}
    )
    assert list(found) == ["postgresql:x"], "the time of a failure is no figure of the database"
    assert found["postgresql:x"]["status"] == "critical"
    assert found["postgresql:x"]["message"] == "database shop: FATAL: no way in with ********"


def test_a_slow_database_is_a_warning_of_its_own(
    observed: Observed, monkeypatch: pytest.MonkeyPatch
) -> None:
    driver = FakeDriver([(1,)])
    monkeypatch.setitem(sys.modules, "psycopg2", driver)
    monkeypatch.setattr(driver, "execute", lambda *_: time.sleep(0.002))

    found = observed("postgresql", database="shop", latency={"warning_ms": 1, "samples": 3})

    assert found["postgresql:x"]["status"] == "ok"
    assert found["postgresql:x.latency"]["status"] == "warning"
    assert found["postgresql:x.latency"]["message"].startswith("3 answers: p50")
