# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The programs of others around a change: told run id and end, harmless when they fail."""

from __future__ import annotations

import os
import typing as t
from datetime import UTC, datetime
from pathlib import Path

import pytest

from upkeep.actions import hooks
from upkeep.actions.hooks import HookCall, HookError, call_hooks, end_after

CALL: t.Final = HookCall("20260131T070000Z-x", "shop", "2026-01-31T08:00:00Z", "deploys\nrelease 1")


@pytest.fixture
def program(tmp_path: Path) -> t.Callable[..., str]:
    """Return a function that makes a program."""

    def make(name: str, text: str, mode: int = 0o755) -> str:
        path = tmp_path / name
        path.write_text(f"#!/bin/sh\n{text}\n")
        path.chmod(mode)
        return str(path)

    return make


def test_each_is_called_with_run_id_and_end(program: t.Callable[..., str], tmp_path: Path) -> None:
    said = tmp_path / "said"
    both = program("both", f'printf "%s|" "$@" >>{said}')

    done, problems = call_hooks({"announce": both, "silence": both}, ["announce", "silence"], CALL)

    assert done == ["announce", "silence"]
    assert problems == {}
    words = "20260131T070000Z-x|shop|2026-01-31T08:00:00Z|deploys release 1|"
    assert said.read_text() == f"announce|{words}silence|{words}"


def test_one_without_a_program_is_left_out() -> None:
    assert call_hooks({"silence": None}, ["announce", "silence"], CALL) == ([], {})


def test_one_that_fails_stops_nothing(program: t.Callable[..., str]) -> None:
    given = {
        "announce": program("fails", "echo no way >&2; exit 3"),
        "silence": program("works", "true"),
    }

    done, problems = call_hooks(given, ["announce", "silence"], CALL)

    assert done == ["silence"]
    assert problems["announce"].endswith("ended with 3: no way")


def test_one_that_hangs_is_ended(
    program: t.Callable[..., str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(hooks, "LONGEST", 0.3)

    _, problems = call_hooks({"escalate": program("hangs", "exec sleep 60")}, ["escalate"], CALL)

    assert "timed out" in problems["escalate"]


@pytest.mark.parametrize(
    ("name", "mode", "problem"),
    [
        ("open", 0o757, "can be changed by others"),
        ("text", 0o600, "is not a program"),
    ],
)
def test_what_others_can_change_is_not_started(
    program: t.Callable[..., str], name: str, mode: int, problem: str
) -> None:
    path = program(name, "true", mode)

    _, problems = call_hooks({"announce": path}, ["announce"], CALL)

    assert problem in problems["announce"]


@pytest.mark.parametrize("path", ["silence", "/nowhere/silence", os.curdir])
def test_what_is_not_there_is_named(path: str) -> None:
    _, problems = call_hooks({"silence": path}, ["silence"], CALL)

    assert path in problems["silence"]


def test_a_hook_that_is_never_called_is_refused() -> None:
    with pytest.raises(HookError, match="upkeep_hooks has silense; there are announce, silence"):
        call_hooks({"silense": "/bin/true"}, ["silence"], CALL)


def test_the_end_is_a_moment_of_utc() -> None:
    assert end_after(90, datetime(2026, 1, 31, 8, tzinfo=UTC)) == "2026-01-31T08:01:30Z"
