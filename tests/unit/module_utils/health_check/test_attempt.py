# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""One attempt: whatever happens becomes a finding, and no finding shows a secret."""

from __future__ import annotations

import errno
import math
import typing as t
from collections.abc import Iterator

import pytest
from ansible.module_utils.upkeep.base.deadline import Deadline
from ansible.module_utils.upkeep.findings import Finding
from ansible.module_utils.upkeep.health_check.attempt import (
    LONGEST_MESSAGE,
    LONGEST_OBSERVED,
    cleaned,
    masked,
)
from ansible.module_utils.upkeep.health_check.check import Check, ProbeError
from ansible.module_utils.upkeep.health_check.kinds import load
from hypothesis import given
from hypothesis import strategies as st

from tests.unit.module_utils.health_check.checks import observed, parse

CHECK: t.Final = parse({"name": "x", "kind": "load"})


@given(st.text(), st.text())
def test_what_is_shown_is_printable_and_bounded(observed: str, message: str) -> None:
    found = cleaned(CHECK.finding("ok", f"m{message}", observed=observed), set())

    assert found["observed"].isprintable()
    assert found["message"].isprintable()
    assert len(found["observed"]) <= LONGEST_OBSERVED
    assert len(found["message"]) <= LONGEST_MESSAGE


@pytest.mark.parametrize("figure", [math.nan, math.inf, -math.inf])
def test_a_figure_that_json_does_not_have_becomes_text(figure: float) -> None:
    found = cleaned(CHECK.finding("critical", "m", observed=figure), set())

    assert isinstance(found["observed"], str)


def test_a_longer_secret_is_masked_before_a_shorter_one_in_it() -> None:
    assert masked("redis://u:pw@h and pw", {"pw", "redis://u:pw@h"}) == "******** and ********"


def test_a_secret_at_the_end_of_a_long_message_is_masked_whole() -> None:
    secret = "s3cret" * 50
    message = "x" * (2 * LONGEST_MESSAGE - 10) + secret

    found = cleaned(CHECK.finding("ok", message), {secret})

    assert "s3cret" not in found["message"]


@pytest.mark.parametrize(
    ("error", "network", "status"),
    [
        (ProbeError("warning", "odd"), True, "warning"),
        (TimeoutError(), True, "critical"),
        (TimeoutError(), False, "unknown"),
        (ConnectionRefusedError(errno.ECONNREFUSED, "refused"), True, "critical"),
        (PermissionError(errno.EACCES, "denied"), True, "unknown"),
        (OSError(errno.EMFILE, "too many files"), True, "unknown"),
        (OSError(errno.EIO, "broken disk"), False, "unknown"),
        (KeyError("a defect of ours"), True, "unknown"),
    ],
)
def test_every_error_becomes_the_finding_of_the_check(
    monkeypatch: pytest.MonkeyPatch, error: Exception, network: bool, status: str
) -> None:
    def probe(_check: Check, _deadline: Deadline) -> Iterator[Finding]:
        raise error
        yield {}

    monkeypatch.setattr(load, "KIND", load.KIND._replace(probe=probe, network=network))

    assert observed(CHECK)["load:x"]["status"] == status
