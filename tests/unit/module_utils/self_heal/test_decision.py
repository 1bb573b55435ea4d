# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""May a unit be restarted? Every decision, and what none of them may be."""

from __future__ import annotations

from dataclasses import replace

import pytest
from ansible.module_utils.upkeep.self_heal.check_runner import CheckResults
from ansible.module_utils.upkeep.self_heal.decision import decide
from ansible.module_utils.upkeep.self_heal.unit_state import UnitState
from hypothesis import given
from hypothesis import strategies as st

from tests.unit.module_utils.self_heal.units import (
    API,
    CLEANING,
    DEAD,
    FAILED,
    LOOPING,
    MASKED,
    STARTING,
    UP,
)

FINE = CheckResults()
BAD = CheckResults(("http:api",))
UNKNOWN = CheckResults((), ("http:api (no driver)",))
BOTH = CheckResults(("http:api",), ("tcp:db",))


@pytest.mark.parametrize(
    ("state", "checks", "needs", "made", "action", "status", "words"),
    [
        (UP, FINE, FINE, 0, "nothing", "ok", "nothing to do"),
        (UP, FINE, FINE, 9, "nothing", "ok", "nothing to do"),
        (replace(UP, active="reloading"), FINE, FINE, 0, "nothing", "ok", "nothing to do"),
        (replace(UP, active="refreshing"), FINE, FINE, 0, "nothing", "ok", "nothing to do"),
        (UP, BAD, FINE, 0, "restart", "critical", "runs but does not answer (http:api)"),
        (UP, BOTH, FINE, 0, "restart", "critical", "runs but does not answer (http:api)"),
        (UP, UNKNOWN, FINE, 0, "leave", "unknown", "is not known: http:api (no driver)"),
        (DEAD, FINE, FINE, 0, "restart", "critical", "is inactive (dead)"),
        (FAILED, FINE, FINE, 1, "restart", "critical", "is failed (failed, last result exit-code)"),
        (LOOPING, FINE, FINE, 1, "restart", "critical", "is activating (auto-restart"),
        (FAILED, FINE, FINE, 2, "leave", "critical", "was restarted 2 times in 60 minutes already"),
        (FAILED, FINE, BAD, 0, "leave", "warning", "so is what it needs: http:api"),
        (FAILED, FINE, UNKNOWN, 0, "leave", "warning", "so is what it needs: http:api"),
        (UP, BAD, BAD, 0, "leave", "warning", "so is what it needs: http:api"),
        (STARTING, FINE, FINE, 0, "leave", "warning", "left alone"),
        (CLEANING, FINE, FINE, 0, "leave", "warning", "left alone"),
        (MASKED, FINE, FINE, 0, "leave", "critical", "is masked"),
        (replace(DEAD, load="not-found"), FINE, FINE, 0, "leave", "critical", "does not exist"),
        (replace(DEAD, load="bad-setting"), FINE, FINE, 0, "leave", "critical", "cannot load"),
    ],
)
def test_decisions(
    state: UnitState,
    checks: CheckResults,
    needs: CheckResults,
    made: int,
    action: str,
    status: str,
    words: str,
) -> None:
    decision = decide(API, state, checks, needs, made)

    assert decision.action == action
    assert decision.status == status
    assert words in decision.reason


STATES = st.builds(
    UnitState,
    st.sampled_from(["loaded", "masked", "not-found", "error", "bad-setting"]),
    st.sampled_from(
        ["active", "inactive", "failed", "activating", "deactivating", "reloading", "refreshing"]
    ),
    st.sampled_from(["running", "dead", "auto-restart"]),
    st.just("success"),
    st.just("a"),
)
NAMES = st.lists(st.sampled_from(["http:a", "tcp:b"]), unique=True).map(tuple)
RESULTS = st.builds(CheckResults, NAMES, NAMES)


@given(STATES, RESULTS, RESULTS, st.integers(0, 5))
def test_nothing_is_restarted_against_the_rules(
    state: UnitState, checks: CheckResults, needs: CheckResults, made: int
) -> None:
    decision = decide(API, state, checks, needs, made)

    if decision.action == "restart":
        assert state.load == "loaded"
        assert not needs.all
        assert made < API.at_most
        assert checks.failed or not state.is_up
