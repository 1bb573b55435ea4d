# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Judge the run and set its exit code; see library/verdict.py for the documentation."""

from __future__ import annotations

import contextlib
import os
import sys
import typing as t
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

from ansible import constants
from ansible.errors import AnsibleActionFail
from ansible.module_utils.parsing.convert_bool import boolean

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from ansible.module_utils.upkeep.findings import STATUSES, Finding

from upkeep import PROJECT
from upkeep.actions.base import ControlAction
from upkeep.judge import coverage, sign_offs
from upkeep.judge.acknowledgements import (
    LONGEST_DAYS,
    AcknowledgementError,
    AcknowledgementFile,
    load,
)
from upkeep.judge.checklist import cadence_of, checklist_findings
from upkeep.judge.own_report import report_findings
from upkeep.judge.verdict import Rules, Verdict, judge_run, latest_findings
from upkeep.kpi import kpis, open_history
from upkeep.kpi.alerts import DayMean, Days, alerts, watches_a_day
from upkeep.kpi.figures import FigureHistoryError, address_of
from upkeep.run import events
from upkeep.run import facts as run_facts
from upkeep.run.types import KpiSample
from upkeep.schedule.settings import ScheduleError
from upkeep.schedule.watch import missed_starts
from upkeep.store import StoreError, open_store

#: The component whose system answers for starts of all systems.
CONTROL: t.Final = "control"
REQUIREMENTS: t.Final = PROJECT / "docs" / "requirements.csv"


class ActionModule(ControlAction):
    """Read the event log, judge it, and fail when it must."""

    SPEC: t.ClassVar = {
        "fail_on": {"type": "list", "elements": "str", "choices": list(STATUSES), "required": True},
        "fail_on_unknown": {"type": "list", "elements": "str", "default": []},
        "acknowledgements": {"type": "path"},
        "acknowledgement_days": {"type": "int", "default": LONGEST_DAYS},
        "sign_offs": {"type": "path"},
        "systems_group": {"type": "str", "default": "systems"},
    }

    def act(self, args: dict[str, t.Any], task_vars: dict[str, t.Any]) -> dict[str, t.Any]:
        """Return the verdict.

        ``failed`` with all reasons in ``msg`` unless the outcome is ``ok``.
        """
        log = _event_log()
        logged = events.read(log)
        verdict = self._judge(logged, args, task_vars)
        samples = self._of_figures(kpis.samples, logged, task_vars)
        _write(log, verdict, samples, show_report=_show_report(logged, task_vars))

        return {
            "failed": verdict.outcome != "ok",
            "msg": "\n".join(verdict.messages()) or "No reason to fail this run.",
        }

    def _judge(
        self, logged: list[events.Event], args: dict[str, t.Any], task_vars: dict[str, t.Any]
    ) -> Verdict:
        today = datetime.now(UTC).date()
        own = self._coverage(logged, args["systems_group"], task_vars)
        own += self._duties(logged, args["sign_offs"], task_vars, today)
        own += self._of_figures(self._alerts(task_vars), logged, task_vars)
        own += report_findings(_reports(logged, task_vars))
        own += self._starts(logged, task_vars)
        own += _checklist(logged, task_vars)
        rules = Rules(args["fail_on"], args["fail_on_unknown"], _acknowledgements(args, today))

        return judge_run(logged, rules, own=own, today=today)

    def _coverage(
        self, logged: list[events.Event], group: str, task_vars: dict[str, t.Any]
    ) -> list[Finding]:
        groups, hostvars = task_vars["groups"], task_vars["hostvars"]
        expected = coverage.expected_hosts(logged)
        if not expected:
            return [coverage.nothing_finding()]

        system_of = {
            host: str(hostvars[host].get("system_name", "unknown"))
            for host in expected
            if host in hostvars
        }
        declared = {
            system_of[host]: list(hostvars[host].get("system_components", []))
            for host in groups.get(group, [])
            if host in system_of
        }

        return [
            *coverage.system_findings(coverage.empty_systems(logged, groups)),
            *coverage.host_findings(coverage.missing_hosts(logged), system_of),
            *coverage.component_findings(coverage.empty_components(declared, groups)),
        ]

    def _duties(
        self,
        logged: list[events.Event],
        path: str | None,
        task_vars: dict[str, t.Any],
        today: date,
    ) -> list[Finding]:
        """Return notes on what people should have signed off; what is wrong is only a warning."""
        if not path:
            return []

        systems = self._systems(logged, task_vars)

        try:
            asked = sign_offs.duties(REQUIREMENTS)
            entries = sign_offs.load(Path(path), sign_offs.known(REQUIREMENTS), today)
            return sign_offs.overdue(asked, entries, systems, _first_run(today), today)
        except (sign_offs.SignOffError, OSError, ValueError, KeyError) as error:
            self._display.warning(f"Upkeep could not read what people signed off: {error}")
            return []

    def _starts(self, logged: list[events.Event], task_vars: dict[str, t.Any]) -> list[Finding]:
        """Return a warning for each start that a system of this run has missed.

        What cannot be read is only a warning: it says nothing about the systems.
        """
        now = datetime.now(UTC)
        systems = self._watched(coverage.expected_hosts(logged), task_vars)
        if not systems:
            return []

        try:
            store = open_store(self._store(task_vars), create=False)
            return missed_starts(store, systems, logged, now, self._others(systems, task_vars))
        except (ScheduleError, StoreError, OSError) as error:
            self._display.vv(f"Upkeep could not tell which starts were missed: {error}")
            return []

    def _store(self, task_vars: dict[str, t.Any]) -> str:
        """Return the store of this run: a database that was named, or where its log lies."""
        named = task_vars.get("upkeep_store") or os.environ.get("UPKEEP_STORE", "")
        target = str(self._templar.template(named))

        return target if "://" in target else str(_event_log().parents[2])

    def _watched(self, hosts: t.Iterable[str], task_vars: dict[str, t.Any]) -> set[str]:
        """Return the systems of some hosts that are started by a schedule."""
        hostvars = task_vars["hostvars"]
        watched: dict[str, bool] = {}
        for host in hosts:
            if host in hostvars:
                system = str(hostvars[host].get("system_name", ""))
                wanted = hostvars[host].get("verdict_missed_starts", True)
                watched[system] = watched.get(system, True) and boolean(wanted, strict=False)

        return {system for system, wanted in watched.items() if wanted}

    def _others(self, systems: set[str], task_vars: dict[str, t.Any]) -> dict[str, str]:
        """Return the systems that the control host of the run answers for, with its own system."""
        groups, hostvars = task_vars["groups"], task_vars["hostvars"]
        control = {str(hostvars[host].get("system_name", "")) for host in groups.get(CONTROL, ())}
        watchers = sorted(control & systems)
        if not watchers:
            return {}

        return dict.fromkeys(self._watched(groups["all"], task_vars), watchers[0])

    def _systems(self, logged: list[events.Event], task_vars: dict[str, t.Any]) -> set[str]:
        hostvars = task_vars["hostvars"]

        return {
            str(hostvars[host].get("system_name", ""))
            for host in coverage.expected_hosts(logged)
            if host in hostvars
        }

    def _alerts(self, task_vars: dict[str, t.Any]) -> t.Callable[..., list[t.Any]]:
        """Return the alarms of key figures, with what earlier runs of a day saw."""

        def make(wanted: t.Any, seen: t.Any, first: t.Any) -> list[t.Any]:
            days = self._day(task_vars) if watches_a_day(wanted) else {}

            return alerts(wanted, seen, first, days)

        return make

    def _day(self, task_vars: dict[str, t.Any]) -> Days:
        """Return the means of the last 24 hours; without a history only this run counts."""
        store = str(self._templar.template(task_vars.get("upkeep_store", "")))
        given = _setting("history")
        root = store or _setting("store")
        beside = _event_log().parent.parent.parent
        address = address_of(root if "://" in root else str(beside), given)

        try:
            with contextlib.closing(open_history(address)) as history:
                found = history.means_since(datetime.now(UTC) - timedelta(days=1))
        except FigureHistoryError as error:
            self._display.warning(f"Upkeep could not read the key figures of the day: {error}")
            return {}

        return {key: DayMean(*value) for key, value in found.items()}

    def _of_figures(
        self,
        make: t.Callable[..., list[t.Any]],
        logged: list[events.Event],
        task_vars: dict[str, t.Any],
    ) -> list[t.Any]:
        """Return the samples or alerts of the systems' key figures that this run has seen.

        A definition that cannot be used is only a warning: it does not fail the run.
        """
        hostvars = task_vars["hostvars"]
        first = kpis.first_states(
            event["finding"] for event in logged if event["event"] == "finding"
        )

        try:
            known = [hostvars[host] for host in coverage.expected_hosts(logged) if host in hostvars]
            wanted = {
                str(host.get("system_name", "")): host.get("verdict_kpis", []) for host in known
            }
            return make(wanted, latest_findings(logged), first)
        except Exception as error:
            self._display.warning(
                f"Upkeep could not work out the key figures of this run (verdict_kpis): {error}"
            )
            return []


def _setting(name: str) -> str:
    """Return a setting of the callback that writes the event log."""
    value = constants.config.get_config_value(
        name, plugin_type="callback", plugin_name="upkeep_events"
    )

    return str(value or "")


def _acknowledgements(args: dict[str, t.Any], today: date) -> AcknowledgementFile:
    """Return the acknowledgements that the task names; raises AnsibleActionFail."""
    if not args["acknowledgements"]:
        return AcknowledgementFile([], "", "")

    try:
        return load(Path(args["acknowledgements"]), today, args["acknowledgement_days"])
    except AcknowledgementError as error:
        raise AnsibleActionFail(str(error)) from error


def _first_run(today: date) -> date:
    """Return the day of the oldest run that is kept beside this one."""
    folders = _event_log().parent.parent.iterdir()
    days = sorted(folder.stat().st_mtime for folder in folders if folder.is_dir())

    return datetime.fromtimestamp(days[0], UTC).date() if days else today


def _event_log() -> Path:
    run_facts.require_run_id()
    log = events.current_log()
    if log is None or not log.exists():
        raise AnsibleActionFail(
            f"this run has no event log ({log}), so it cannot be judged: is the store writable?"
        )

    return log


def _show_report(logged: list[events.Event], task_vars: dict[str, t.Any]) -> bool:
    """Return whether to show the report at the end: unless all systems of the run refuse it."""
    reports = _reports(logged, task_vars).values()

    return not reports or any(entry.get("shown", True) for entry in reports)


def _reports(logged: list[events.Event], task_vars: dict[str, t.Any]) -> dict[str, t.Any]:
    """Return what the systems of the run ask of its report, by system."""
    hostvars = task_vars["hostvars"]
    known = [hostvars[host] for host in coverage.expected_hosts(logged) if host in hostvars]

    return {str(host.get("system_name", "")): host.get("verdict_report", {}) for host in known}


def _checklist(logged: list[events.Event], task_vars: dict[str, t.Any]) -> list[Finding]:
    """Return whether the run covered the checklists of the systems of which it saw all hosts."""
    cadence = cadence_of(logged)
    if not cadence:
        return []

    groups, hostvars = task_vars["groups"], task_vars["hostvars"]
    known = [host for host in coverage.expected_hosts(logged) if host in hostvars]
    checklists = {
        str(hostvars[host].get("system_name", "")): hostvars[host].get("verdict_checklist", [])
        for host in known
    }
    whole = {
        system: entries
        for system, entries in checklists.items()
        if set(groups.get(system, ())) <= set(known)
    }

    return checklist_findings(whole, cadence, latest_findings(logged))


def _write(log: Path, verdict: Verdict, samples: list[KpiSample], *, show_report: bool) -> None:
    """Log the verdict here and not in the callback: a failing task's return is shown in full."""
    for finding in verdict.own_findings:
        events.append(log, "finding", play="Verdict", finding=finding)

    if samples:
        events.append(log, "kpis", samples=samples)

    events.append(log, "verdict", **verdict.event(), show_report=show_report)
