# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The shape of a run's record, as types.

``upkeep/run/record.schema.json`` says the same to other programs.

Times are ISO 8601 UTC text, durations seconds.
"""

from __future__ import annotations

import typing as t

SCHEMA_VERSION: t.Final = 1
OUTCOMES: t.Final = ("ok", "findings", "failed", "unreachable", "interrupted", "incomplete")
#: ``verdict`` is the task that fails only to set the exit code.
TASK_STATUSES: t.Final = ("ok", "changed", "failed", "unreachable", "ignored", "verdict")

Scalar = str | int | float | bool | None


class FindingLimits(t.TypedDict):
    """The numbers behind ``expected``; ``side`` is where a figure gets bad: above or below."""

    warning: float | None
    critical: float | None
    side: str


class Bounds(t.TypedDict):
    """The range that a key figure should keep to; at least one of both is a number."""

    at_least: float | None
    at_most: float | None


class MutedBy(t.TypedDict):
    """The acknowledgement that covers a finding."""

    owner: str
    reason: str
    until: str


class FoldedFinding(t.TypedDict):
    """A finding of a record: the full one of the log, cleaned, and what the run made of it.

    ``first_*`` are set when an earlier stage of the same run saw another status.
    """

    system: str
    host: str
    area: str
    check: str
    status: str
    observed: Scalar
    expected: Scalar
    limits: FindingLimits | None
    unit: str
    message: str
    lines: list[str]
    requirements: list[str]
    fingerprint: str
    play: str
    first_status: str | None
    first_observed: Scalar
    acknowledged: MutedBy | None


class Area(t.TypedDict):
    status: str
    findings: int
    acknowledged: int
    notes: int


class System(t.TypedDict):
    hosts: list[str]
    status: str
    areas: dict[str, Area]
    counts: dict[str, int]
    acknowledged: int
    notes: int


class HostCounts(t.TypedDict):
    """Task counts as Ansible counts them (``ok`` includes changed).

    ``missing`` = expected but never seen.
    """

    system: str
    ok: int
    changed: int
    failed: int
    unreachable: int
    remote_tasks: int
    missing: bool


class Change(t.TypedDict):
    host: str
    system: str
    role: str
    task: str
    diff: str


class FailedTask(t.TypedDict):
    host: str
    system: str
    role: str
    task: str
    play: str
    status: str
    message: str


class RoleTimes(t.TypedDict):
    """``seconds`` is the time of the slowest host, since hosts work side by side."""

    role: str
    seconds: float
    seconds_by_host: dict[str, float]
    remote_tasks_by_host: dict[str, int]


class Play(t.TypedDict):
    name: str
    hosts: list[str]
    seconds: float
    no_hosts: bool


class AcknowledgementSource(t.TypedDict):
    """Where acknowledgements came from: path, digest of the file ('' for none), their number."""

    path: str
    sha256: str
    entries: int


class RecordedVerdict(t.TypedDict):
    """``show_report`` is whether a run shows the text of its report at its end."""

    outcome: str
    fail_on: list[str]
    fail_on_unknown: list[str]
    acknowledgements: AcknowledgementSource
    failing: list[str]
    messages: list[str]
    show_report: bool


class KpiSample(t.TypedDict):
    """One figure of one host, with what its definition says, so that it can be read on its own.

    ``target`` is what the guide asks for, ``alert`` where it raises an alarm; ``met`` is about the
    target.
    """

    system: str
    host: str
    kpi: str
    title: str
    unit: str
    target: Bounds | None
    alert: Bounds | None
    value: float
    met: bool | None


class LogQuality(t.TypedDict):
    """Lines understood, of an unknown kind or version, and not readable at all."""

    events: int
    unknown: int
    unreadable: int


class RunRecord(t.TypedDict):
    schema_version: int
    run_id: str
    playbook: str
    started: str | None
    finished: str | None
    seconds: float
    outcome: str
    check_mode: bool
    limit: str
    tags: list[str]
    skip_tags: list[str]
    core: str
    upkeep: str
    controller: str
    verdict: RecordedVerdict | None
    systems: dict[str, System]
    hosts: dict[str, HostCounts]
    findings: list[FoldedFinding]
    changes: list[Change]
    failed_tasks: list[FailedTask]
    roles: list[RoleTimes]
    plays: list[Play]
    kpis: list[KpiSample]
    log: LogQuality
