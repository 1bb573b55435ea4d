# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The module data_quality against the throw-away PostgreSQL server."""

from __future__ import annotations

import typing as t

import pytest

from library import data_quality
from tests.unit.library.module_calls import Answer, Call, by_check, caller
from tests.unit.module_utils.postgresql.server import Server, server

Review = t.Callable[..., dict[str, dict[str, t.Any]]]


@pytest.fixture(scope="session")
def pg() -> Server:
    """Return the running throw-away server."""
    return server()


@pytest.fixture
def call(capsys: pytest.CaptureFixture[str]) -> Call:
    """Return a function that runs the module."""
    return caller(data_quality, capsys)


@pytest.fixture
def review(call: Call, pg: Server) -> Review:
    """Return a function that reviews with checks and returns the findings by check."""

    def run(*checks: dict[str, t.Any], **options: t.Any) -> dict[str, dict[str, t.Any]]:
        login = {"login_host": pg.login["host"], "login_port": pg.login["port"]}
        answer: Answer = call(checks=list(checks), **{**login, **options})
        assert answer.get("changed") is False, answer
        return by_check(answer)

    return run
