# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Findings enter a run completed, bounded and cleaned, whatever a host answers."""

from __future__ import annotations

import time
from typing import Any

import pytest
from ansible.errors import AnsibleActionFail

from upkeep.run.findings import MOST, record


def partial(**changes: Any) -> dict[str, Any]:
    """Return a partial finding as a module answers it."""
    return {"check": "unit:a", "status": "ok", "message": "m", **changes}


def recorded(*partials: Any) -> list[dict[str, Any]]:
    """Return what is recorded of the findings of one host."""
    return record(partials, system="s", host="h", area="a")


def test_a_host_speaks_for_itself_only() -> None:
    forged = partial(host="other", system="other", fingerprint="f" * 16)

    with pytest.raises(AnsibleActionFail, match="host"):
        recorded(forged)

    [own] = recorded(partial())

    assert own["host"] == "h"
    assert own["system"] == "s"


def test_a_host_without_system_is_told_what_to_do() -> None:
    with pytest.raises(AnsibleActionFail, match="system_name is not set"):
        record([], system="", host="h", area="a")


def test_two_findings_of_one_name_are_refused() -> None:
    with pytest.raises(AnsibleActionFail, match="unit:a"):
        recorded(partial(), partial())


@pytest.mark.parametrize(
    "text",
    ["\x1b]0;title\x07", "\x1b[2K\r", "\x9b31m", "\u202egnp.exe", "a\x00b", "\ud800"],
    ids=["title", "erase", "C1", "bidi", "NUL", "surrogate"],
)
@pytest.mark.parametrize("field", ["message", "observed", "expected", "unit", "check"])
def test_control_characters_reach_neither_log_nor_terminal(field: str, text: str) -> None:
    [found] = recorded(partial(**{field: f"x{text}y"}))

    assert not set(text) & set("\x1b\x07\r\x9b\u202e\x00\ud800") & set(found[field])
    assert found[field].startswith("x")


def test_long_texts_are_cut() -> None:
    huge = "x" * 5_000_000
    [found] = recorded(partial(message=huge, observed=huge, expected=huge, unit=huge))

    assert sum(len(str(value)) for value in found.values()) < 5_000


def test_a_value_that_is_no_scalar_becomes_short_text() -> None:
    [found] = recorded(partial(observed={"deep": ["x" * 100] * 1000}))

    assert isinstance(found["observed"], str)
    assert len(found["observed"]) < 1_000


def test_limits_hold_nothing_but_numbers_and_a_side() -> None:
    [found] = recorded(partial(limits={"warning": 1.5, "critical": "\x1b", "side": "x", "y": "z"}))

    assert found["limits"] == {"warning": 1.5, "critical": None, "side": "above"}


def test_too_many_findings_are_cut_and_that_is_unknown() -> None:
    many = [partial(check=f"unit:{number}") for number in range(MOST + 5)]
    found = recorded(*many)

    assert len(found) == MOST + 1
    assert found[-1]["check"] == "findings:left_out"
    assert found[-1]["status"] == "unknown"
    assert found[-1]["observed"] == MOST + 5


def test_hostile_findings_cost_no_time() -> None:
    huge = "\x1b" * 1_000_000
    begun = time.process_time()
    recorded(*[partial(check=f"unit:{n}", message=huge, observed=huge) for n in range(MOST)])

    assert time.process_time() - begun < 20, "linear in what a host answers"


def test_what_is_wrong_is_said_in_clean_words() -> None:
    with pytest.raises(AnsibleActionFail) as failed:
        recorded(partial(status="\x1b[2Kgreen"))

    assert "\x1b" not in str(failed.value)
