# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Kind unit, against a systemctl of the test."""

from __future__ import annotations

import os
import typing as t
from collections.abc import Callable
from pathlib import Path

import pytest
from ansible.module_utils.upkeep.findings import Finding
from ansible.module_utils.upkeep.health_check.kinds import unit

from tests.unit.module_utils.health_check.kinds.conftest import Clock

#: The options of a check with every aspect.
SAMPLE: t.Final[dict[str, t.Any]] = {"unit": "a.service", "max_restarts": 3, "max_new_restarts": 0}

Observed = Callable[..., dict[str, Finding]]


@pytest.fixture
def systemctl(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], None]:
    """Return a function that puts a systemctl with this body first on the path."""

    def install(body: str) -> None:
        program = tmp_path / "systemctl"
        program.write_text(f"#!/bin/sh\n{body}\n")
        program.chmod(0o755)
        monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")

    return install


SHOWN = "printf 'LoadState={}\\nActiveState={}\\nSubState={}\\nResult={}\\nNRestarts=4\\n'"


@pytest.mark.parametrize(
    ("state", "options", "status", "words"),
    [
        (("loaded", "active", "running", "success"), {}, "ok", "active (running)"),
        (("loaded", "reloading", "reload", "success"), {}, "ok", "reloading (reload)"),
        (("loaded", "refreshing", "refresh", "success"), {}, "ok", "refreshing (refresh)"),
        (
            ("loaded", "failed", "failed", "exit-code"),
            {},
            "critical",
            "failed (failed), last result: exit-code",
        ),
        (
            ("loaded", "activating", "auto-restart", "success"),
            {},
            "critical",
            "activating (auto-restart)",
        ),
        (("loaded", "inactive", "dead", "success"), {}, "critical", "inactive (dead)"),
        (
            ("loaded", "inactive", "dead", "success"),
            {"expect": ["active", "inactive"]},
            "ok",
            "inactive (dead)",
        ),
        (("masked", "inactive", "dead", "success"), {}, "critical", "masked"),
        (("masked", "inactive", "dead", "success"), {"expect": ["inactive"]}, "critical", "masked"),
        (("not-found", "inactive", "dead", "success"), {}, "critical", "does not exist"),
        (("", "", "", ""), {}, "unknown", "reported no state"),
    ],
)
def test_unit_states(
    systemctl: Callable[[str], None],
    observed: Observed,
    state: tuple[str, ...],
    options: dict[str, t.Any],
    status: str,
    words: str,
) -> None:
    systemctl(SHOWN.format(*state))
    found = observed("unit", unit="shop.service", **options)["unit:x"]
    assert (found["status"], words in found["message"]) == (status, True), found


def test_restarts_are_judged_when_limited(
    systemctl: Callable[[str], None], observed: Observed
) -> None:
    systemctl(SHOWN.format("loaded", "active", "running", "success"))

    assert list(observed("unit", unit="shop.service")) == ["unit:x"]
    assert (
        observed("unit", unit="shop.service", max_restarts=4)["unit:x.restarts"]["status"] == "ok"
    )

    found = observed("unit", unit="shop.service", max_restarts=3)["unit:x.restarts"]

    assert (found["status"], found["observed"]) == ("warning", 4)


@pytest.mark.parametrize("load", ["not-found", "masked"])
def test_restarts_of_a_unit_that_is_not_there_are_not_judged(
    systemctl: Callable[[str], None], observed: Observed, load: str
) -> None:
    systemctl(SHOWN.format(load, "inactive", "dead", "success"))
    assert list(observed("unit", unit="shop.service", max_restarts=4, max_new_restarts=0)) == [
        "unit:x"
    ]


def test_a_unit_name_cannot_become_an_option(
    systemctl: Callable[[str], None], observed: Observed
) -> None:
    systemctl(
        '[ "$5" = "--" ] && [ "$6" = "--help" ] && '
        + SHOWN.format("not-found", "inactive", "dead", "success")
    )
    assert "does not exist" in observed("unit", unit="--help")["unit:x"]["message"]


def test_a_host_without_an_answering_systemd_is_unknown(
    systemctl: Callable[[str], None], observed: Observed, monkeypatch: pytest.MonkeyPatch
) -> None:
    systemctl("echo 'Failed to connect to bus' >&2; exit 1")

    assert "Failed to connect to bus" in observed("unit", unit="a.service")["unit:x"]["message"]

    systemctl("exec sleep 20")
    found = observed("unit", unit="a.service", timeout=0.2)["unit:x"]

    assert (found["status"], found["message"]) == ("unknown", "could not be observed within 0.2 s")

    monkeypatch.setenv("PATH", "/nowhere")
    found = observed("unit", unit="a.service")["unit:x"]

    assert (found["status"], found["message"]) == ("unknown", "this host has no systemctl")


def test_restarts_since_the_run_before(clock: Clock, monkeypatch: pytest.MonkeyPatch) -> None:
    state = {
        "LoadState": "loaded",
        "ActiveState": "active",
        "SubState": "running",
        "NRestarts": "4",
    }
    monkeypatch.setattr(unit, "unit_properties", lambda *_: state)
    options = {"unit": "shop.service", "max_new_restarts": 0}
    found, before = clock.check("unit", **options)

    assert (found["check"], found["status"]) == ("unit:x.new_restarts", "info")

    found, before = clock.check("unit", before, **options)

    assert (found["status"], found["observed"]) == ("ok", 0)

    state["NRestarts"] = "6"
    found, before = clock.check("unit", before, **options)

    assert (found["status"], found["observed"], found["expected"]) == ("warning", 2, "at most 0")

    state["NRestarts"] = "0"

    assert clock.check("unit", before, **options)[0]["status"] == "info", "somebody started it anew"


@pytest.mark.parametrize("kind", ["unit", "unit_memory", "process", "listener"])
@pytest.mark.parametrize("name", ["php*-fpm.service", "a?.service", "[ab].service", "", "a\nb"])
def test_a_pattern_is_not_a_unit(observed: Observed, kind: str, name: str) -> None:
    options = {"port": 80} if kind == "listener" else {}

    with pytest.raises(ValueError, match=r"unit"):
        observed(kind, unit=name, **options)
