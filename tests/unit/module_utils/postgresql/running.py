# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Run the maintenance against the throw-away server, in this process or in one to be killed."""

from __future__ import annotations

import contextlib
import json
import subprocess
import sys
import time
import typing as t
from collections.abc import Callable, Iterator
from pathlib import Path

import psycopg2
from ansible.module_utils.common.arg_spec import ArgumentSpecValidator
from ansible.module_utils.upkeep.base.options import argument_spec
from ansible.module_utils.upkeep.postgresql.options import OPTIONS
from ansible.module_utils.upkeep.postgresql.run import run
from ansible.module_utils.upkeep.postgresql.settings import parse
from psycopg2 import extras

import upkeep  # noqa: F401 - makes ansible.module_utils.upkeep known
from tests.unit.module_utils.postgresql.server import Server

PROJECT: t.Final = Path(__file__).resolve().parents[4]
_CHILD: t.Final = """
import json, sys
import upkeep
from ansible.module_utils.upkeep.postgresql.run import run
from ansible.module_utils.upkeep.postgresql.settings import parse
print(json.dumps(run(parse(json.load(sys.stdin)), False)))
"""


def parameters(
    server: Server, databases: list[dict[str, t.Any]], **options: t.Any
) -> dict[str, t.Any]:
    """Return the module's parameters with all defaults filled in."""
    login = {"login_host": server.login["host"], "login_port": server.login["port"]}
    checked = ArgumentSpecValidator(argument_spec(OPTIONS)).validate(
        {"databases": databases, **login, **options}
    )

    assert not checked.error_messages

    return dict(checked.validated_parameters)


def maintain(
    server: Server, *databases: dict[str, t.Any], check_mode: bool = False, **options: t.Any
) -> dict[str, t.Any]:
    """Run once."""
    return dict(run(parse(parameters(server, list(databases), **options)), check_mode))


def start(server: Server, *databases: dict[str, t.Any], **options: t.Any) -> subprocess.Popen[str]:
    """Start a run in a process of its own."""
    process = subprocess.Popen(
        [sys.executable, "-c", _CHILD],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        cwd=PROJECT,
    )

    assert process.stdin

    process.stdin.write(json.dumps(parameters(server, list(databases), **options)))
    process.stdin.close()

    return process


@contextlib.contextmanager
def in_background(server: Server, name: str, statement: str) -> Iterator[None]:
    """Send a statement and go on; at the end wait until it is through."""
    client = psycopg2.connect(dbname=name, **server.login, async_=True)
    extras.wait_select(client)
    cursor = client.cursor()
    cursor.execute(statement)
    yield
    extras.wait_select(client)
    client.close()


def work(result: dict[str, t.Any]) -> list[tuple[str, str, str]]:
    """Return the actions without what differs between check mode and a run."""
    return [(action["object"], action["action"], action["reason"]) for action in result["actions"]]


def statuses(result: dict[str, t.Any]) -> dict[str, str]:
    """Return the status by aspect; the database itself has the aspect ''."""
    return {item["check"].partition(".")[2]: item["status"] for item in result["findings"]}


def message(result: dict[str, t.Any], aspect: str) -> str:
    """Return the message of one finding."""
    return next(
        str(item["message"])
        for item in result["findings"]
        if item["check"].partition(".")[2] == aspect
    )


def wait_until(condition: Callable[[], t.Any], what: str, seconds: float = 20) -> None:
    """Return as soon as a condition holds; fails when it does not in time."""
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, f"waited {seconds} s in vain: {what}"
        time.sleep(0.02)
