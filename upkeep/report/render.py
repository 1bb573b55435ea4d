# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The report of a run: ``record.json`` for programs and one self-contained HTML page for people.

The page loads nothing from anywhere, works without JavaScript and carries a content security policy
that allows only its own style and script, so that hostile text in a log stays text.
"""

from __future__ import annotations

import base64
import functools
import hashlib
import json
import os
import re
import tempfile
import typing as t
from collections import defaultdict
from pathlib import Path

import jinja2
from markupsafe import Markup

from upkeep.kpi.kpis import bounds_text
from upkeep.report import facts, summary, text
from upkeep.report.rollup import roll_up
from upkeep.report.trends import HEIGHT, WIDTH, Trend, figure, of_run
from upkeep.run import events, record
from upkeep.run import types as rt

RECORD_NAME: t.Final = "record.json"
FACTS_NAME: t.Final = "facts.json"
PAGE_NAME: t.Final = "report.html"
TEXT_NAME: t.Final = "report.txt"
TEMPLATES: t.Final = Path(__file__).parent / "templates"


#: Key figures with their curves, by system.
Trends = t.Mapping[str, t.Sequence[Trend]]


class AreaView(t.TypedDict):
    """The findings of one area: ``notable`` are shown at once, ``rest`` (ok, notes) is folded."""

    name: str
    anchor: str
    facts: rt.Area
    notable: list[rt.FoldedFinding]
    rest: list[rt.FoldedFinding]


class RoleView(t.TypedDict):
    """One role on the hosts of one system.

    ``share`` is its part of the slowest role's time, 0 to 100.
    """

    role: str
    seconds: float
    share: float
    remote: list[tuple[str, int]]


class SystemView(t.TypedDict):
    """Everything about one system, in the order of the page."""

    name: str
    anchor: str
    facts: rt.System
    areas: list[AreaView]
    hosts: list[tuple[str, rt.HostCounts]]
    failed_tasks: list[rt.FailedTask]
    changes: list[rt.Change]
    trends: t.Sequence[Trend]
    roles: list[RoleView]


def render(run_dir: Path) -> Path:
    """Write record, text and page beside a run's event log and return the page's path.

    Raises OSError.
    """
    return write(run_dir, record.of_folder(run_dir))


def write(run_dir: Path, folded: rt.RunRecord, trends: Trends | None = None) -> Path:
    """Write a run's record, facts, text and page and return the page's path; raises OSError.

    Without ``trends`` the page shows the run's own key figures only. Each file replaces an older
    one in a single step and may be read by whoever may read the log.
    """
    mode = (run_dir / events.LOG_NAME).stat().st_mode & 0o777
    write_atomically(run_dir / RECORD_NAME, json.dumps(folded, indent=1) + "\n", mode)
    # After the record: facts that are older than it are not those of it.
    write_atomically(run_dir / FACTS_NAME, facts.as_json(facts.of_record(folded)), mode)
    write_atomically(run_dir / TEXT_NAME, text.report(folded), mode)

    return write_atomically(run_dir / PAGE_NAME, page(folded, trends), mode)


def write_atomically(path: Path, content: str | bytes, mode: int = 0o640) -> Path:
    """Replace a file in one step, so that a reader sees the old or the new one, also after a crash.

    Raises OSError.
    """
    handle, name = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(content.encode() if isinstance(content, str) else content)
            file.flush()
            os.fchmod(file.fileno(), mode)
            os.fsync(file.fileno())
        Path(name).replace(path)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise

    folder = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY)

    try:
        os.fsync(folder)
    finally:
        os.close(folder)

    return path


def page(folded: rt.RunRecord, trends: Trends | None = None) -> str:
    """Return the HTML page of a record."""
    rows = of_run(folded["kpis"], []) if trends is None else trends
    style, script = (
        (TEMPLATES / name).read_text(encoding="utf-8") for name in ("report.css", "report.js")
    )

    return (
        _environment()
        .get_template("report.html.j2")
        .render(
            record=folded,
            headline=summary.headline(folded),
            open_findings=summary.group_hosts(summary.open_findings(folded)),
            broken=[task for task in folded["failed_tasks"] if task["status"] != "ignored"],
            host_count=summary.host_count(folded),
            rollup=roll_up(folded),
            systems=system_views(folded, rows),
            lost=[
                name
                for name, host in folded["hosts"].items()
                if not host["system"] and host["missing"]
            ],
            style=Markup(style),  # noqa: S704 (our own files, no part of a log)
            script=Markup(script),  # noqa: S704
            policy=policy(style, script),
        )
    )


@functools.cache
def _environment() -> jinja2.Environment:
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(TEMPLATES),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters.update(
        anchor=anchor, duration=summary.duration, value=summary.with_unit, when=when, words=words
    )
    environment.filters.update(bounds=bounds_text, figure=figure)
    environment.globals.update(plural=summary.plural, curve_width=WIDTH, curve_height=HEIGHT)

    return environment


def policy(style: str, script: str) -> str:
    """Return the content security policy that allows exactly this style and this script."""
    sources = {
        "default-src": "'none'",
        "style-src": _hash(style),
        "script-src": _hash(script),
        "img-src": "data:",
    }
    closed = {"base-uri": "'none'", "form-action": "'none'"}

    return "; ".join(f"{key} {source}" for key, source in {**sources, **closed}.items())


def _hash(text: str) -> str:
    return f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'"


def anchor(name: str) -> str:
    """Return a name as part of an HTML id: lower case letters, digits and dashes."""
    return re.sub(r"[^a-z0-9]+", "-", name.lower()).strip("-") or "controller"


def words(name: str) -> str:
    """Return the name of an area or a playbook in words: ``database maintenance``."""
    return re.sub(r"^db\b", "database", Path(name).stem.replace("_", " "))


def when(time: str | None) -> str:
    """Return a record's time to the second: ``2026-03-01 04:00:00 UTC``."""
    return f"{time[:10]} {time[11:19]} UTC" if time else "at an unknown time"


def system_views(folded: rt.RunRecord, trends: Trends) -> list[SystemView]:
    """Return what the page shows of each system, in the record's order."""
    findings: dict[str, list[rt.FoldedFinding]] = defaultdict(list)
    for finding in folded["findings"]:
        findings[finding["system"]].append(finding)

    failed: dict[str, list[rt.FailedTask]] = defaultdict(list)
    for task in folded["failed_tasks"]:
        failed[task["system"]].append(task)

    changes: dict[str, list[rt.Change]] = defaultdict(list)
    for change in folded["changes"]:
        changes[change["system"]].append(change)

    return [
        {
            "name": name or summary.CONTROLLER,
            "anchor": anchor(name),
            "facts": system,
            "areas": area_views(name, system, findings[name]),
            "hosts": [(host, folded["hosts"][host]) for host in system["hosts"]],
            "failed_tasks": failed[name],
            "changes": changes[name],
            "trends": trends.get(name, ()),
            "roles": role_views(folded["roles"], system["hosts"]),
        }
        for name, system in folded["systems"].items()
    ]


def area_views(name: str, system: rt.System, findings: list[rt.FoldedFinding]) -> list[AreaView]:
    """Return the areas of a system, each with its findings worst first."""
    by_area: dict[str, list[rt.FoldedFinding]] = defaultdict(list)
    for finding in summary.by_severity(findings):
        by_area[finding["area"]].append(finding)

    return [
        {
            "name": area,
            "anchor": f"{anchor(name)}--{anchor(area)}",
            "facts": facts,
            "notable": [finding for finding in by_area[area] if notable(finding)],
            "rest": [finding for finding in by_area[area] if not notable(finding)],
        }
        for area, facts in system["areas"].items()
    ]


def notable(finding: rt.FoldedFinding) -> bool:
    """Return whether a finding is shown at once: not fine now, or not when the run began."""
    return not {finding["status"], finding["first_status"]} <= {"ok", "info", None}


def role_views(roles: list[rt.RoleTimes], hosts: list[str]) -> list[RoleView]:
    """Return the roles that ran on these hosts, slowest first."""
    views: list[RoleView] = []
    for role in roles:
        seconds = [
            role["seconds_by_host"][host] for host in hosts if host in role["seconds_by_host"]
        ]
        if seconds:
            remote = [
                (host, count)
                for host, count in role["remote_tasks_by_host"].items()
                if host in set(hosts)
            ]
            views.append(
                {"role": role["role"], "seconds": max(seconds), "share": 0.0, "remote": remote}
            )

    longest = max((view["seconds"] for view in views), default=0.0) or 1.0
    for view in views:
        view["share"] = round(100 * view["seconds"] / longest, 1)

    return sorted(views, key=lambda view: -view["seconds"])
