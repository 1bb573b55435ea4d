# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Bring one host's log rotation to what is wanted: configuration in place, due logs rotated, old segments gone."""

from __future__ import annotations

import contextlib
import os
import stat
import tempfile
import time
import typing as t
from dataclasses import dataclass, field
from pathlib import Path

from ansible.module_utils.upkeep.findings import Finding
from ansible.module_utils.upkeep.log_rotation import findings as review
from ansible.module_utils.upkeep.log_rotation import segments
from ansible.module_utils.upkeep.log_rotation.engine import Answer, Engine, Verdict, read_state
from ansible.module_utils.upkeep.log_rotation.host import Host, host_findings, installed
from ansible.module_utils.upkeep.log_rotation.segments import Segment
from ansible.module_utils.upkeep.log_rotation.settings import LogSpec, SpecError, render

_MODE: t.Final = 0o644
#: logrotate never reads a file with this ending, so a half-written one is no danger to the timer.
_UNREAD: t.Final = ".disabled"


class RotationError(RuntimeError):
    """What was asked cannot be done; the message says why and what to change."""


@dataclass
class Outcome:
    """What the module returns.

    In check mode what it would return, except that ``findings`` show the host as it is.
    """

    changed: bool = False
    rotated: list[str] = field(default_factory=list)
    started: list[str] = field(default_factory=list)
    removed: list[str] = field(default_factory=list)
    findings: list[Finding] = field(default_factory=list)
    diff: list[dict[str, str]] = field(default_factory=list)


def manage(specs: list[LogSpec], host: Host, check_mode: bool) -> Outcome:
    """Do, or in check mode predict, everything for one host.

    Raises RotationError or SpecError before anything is changed, EngineError when logrotate is not
    understood.
    """
    now = time.time()
    text = render(specs)
    files = {spec.name: _existing(spec) for spec in specs}
    if host.program is None and not check_mode:
        raise RotationError("logrotate is not installed; install the package 'logrotate' first")

    engine = Engine(host.program, host.state_path) if host.program else None
    plan = _ask(engine, host, text, len(specs)) if engine else _foresee(specs, files)
    known = read_state(host.state_path)
    old = {spec.name: _expired(spec, files[spec.name], now) for spec in specs}
    outcome = Outcome(
        rotated=plan.due(),
        # logrotate measures from the day it first saw a log: seeing it now starts its clock.
        started=[path for path in plan.present() if path not in known and path not in plan.due()],
        removed=[segment.path for group in old.values() for segment in group],
    )
    before = installed(host.config_path)
    drifted = before != text or not _ownership_fits(host.config_path)
    outcome.changed = bool(drifted or outcome.rotated or outcome.started or outcome.removed)
    outcome.diff = _diff(host.config_path, before, text, outcome)
    result = plan
    if not check_mode:
        if drifted:
            install(host.config_path, text)

        result = _act(
            t.cast(Engine, engine),
            host.config_path,
            outcome,
            [s for group in old.values() for s in group],
        )
        outcome.changed = bool(drifted or outcome.rotated or outcome.started or outcome.removed)

    outcome.findings = _review(specs, files, plan, result, outcome, host, check_mode)

    return outcome


def _existing(spec: LogSpec) -> list[str]:
    """Return the paths of a log.

    Raises SpecError when a name could be mistaken for a line of logrotate's answer.
    """
    paths = [path for matched in spec.files().values() for path in matched]
    hostile = [path for path in paths if not path.isprintable() or '"' in path or "\\" in path]
    if hostile:
        raise SpecError(
            f"log '{spec.name}' matches the file name {hostile[0]!r}, which is refused: "
            "remove that file, or name the paths without a wildcard"
        )

    return paths


def _ask(engine: Engine, host: Host, text: str, sections: int) -> Answer:
    """Return what is due under the wanted configuration.

    Raises RotationError when it is not valid.
    """
    with _root_owned(text) as config:
        answer = engine.ask(config)

    if answer.config_errors or answer.sections != sections:
        said = (
            "; ".join(answer.config_errors)
            or f"{answer.sections} of {sections} logs were taken over"
        )
        raise RotationError(
            f"logrotate refuses the configuration, {host.config_path} is left as it is: {said}"
        )

    return answer


@contextlib.contextmanager
def _root_owned(text: str) -> t.Iterator[str]:
    """Yield a private copy of the configuration.

    It must belong to root: logrotate skips another user's file and still ends with code 0, which is
    why a ``validate:`` of a stock task, run on the login user's upload, would prove nothing.
    """
    with tempfile.NamedTemporaryFile("w", prefix="upkeep-logrotate-", encoding="utf-8") as copy:
        copy.write(text)
        copy.flush()
        yield copy.name


def _foresee(specs: list[LogSpec], files: dict[str, list[str]]) -> Answer:
    """Return what logrotate will say once it is installed; only in check mode on a host without it.

    Without a state file a log is rotated only for its size.
    """
    answer = Answer()

    for spec in specs:
        for path in files[spec.name]:
            status = os.lstat(path)
            regular = stat.S_ISREG(status.st_mode) and status.st_nlink == 1
            large = spec.max_size is not None and status.st_size > spec.max_size
            verdict: Verdict = "skipped" if not regular else "rotate" if large else "keep"
            answer.verdicts[path] = verdict

    return answer


def _expired(spec: LogSpec, paths: list[str], now: float) -> list[Segment]:
    """Return the segments past their time.

    Logrotate itself looks at them only when the log is rotated.
    """
    return [
        segment
        for path in paths
        for segment in segments.expired(segments.list_segments(path), spec.keep_days, now)
    ]


def _act(engine: Engine, config: str, outcome: Outcome, old: list[Segment]) -> Answer:
    """Rotate and remove.

    Trims ``outcome`` to what really happened and returns logrotate's last word.
    """
    answer = Answer()
    if outcome.rotated or outcome.started:
        due = outcome.rotated
        before = {path: {segment.path for segment in segments.list_segments(path)} for path in due}
        answer = engine.rotate(config)
        outcome.rotated = [
            path for path in due if {s.path for s in segments.list_segments(path)} - before[path]
        ]
        known = read_state(engine.state)
        outcome.started = [path for path in outcome.started if path in known]

    removed = []

    for segment in old:
        try:
            segments.remove(segment)
        except FileNotFoundError:
            pass  # logrotate was faster: the wish is fulfilled
        except OSError as error:
            answer.errors.append((segment.log, f"cannot remove {segment.path}: {error}"))
            continue
        removed.append(segment.path)

    outcome.removed = removed

    return answer


def install(path: str, text: str) -> None:
    """Put the configuration in place by one rename, so that the timer reads the old or the new one, never a part."""
    target = Path(path)
    draft = target.with_name(target.name + _UNREAD)
    draft.unlink(missing_ok=True)
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, _MODE)

    with os.fdopen(descriptor, "w", encoding="utf-8") as stream:
        os.fchmod(stream.fileno(), _MODE)
        stream.write(text)
        stream.flush()
        os.fsync(stream.fileno())

    draft.replace(target)


def _ownership_fits(path: str) -> bool:
    """Tell whether logrotate would read the file at all: it skips what others may write."""
    try:
        status = os.lstat(path)
    except FileNotFoundError:
        return False

    return status.st_uid == os.geteuid() and status.st_mode == stat.S_IFREG | _MODE


def _diff(path: str, before: str, after: str, outcome: Outcome) -> list[dict[str, str]]:
    diff = (
        [{"before_header": path, "after_header": path, "before": before, "after": after}]
        if before != after
        else []
    )
    lines = [
        *(f"rotate {name}" for name in outcome.rotated),
        *(f"start the clock of {name}" for name in outcome.started),
        *(f"remove {name}" for name in outcome.removed),
    ]
    return diff + ([{"prepared": "\n".join(lines) + "\n"}] if lines else [])


def _review(
    specs: list[LogSpec],
    files: dict[str, list[str]],
    plan: Answer,
    result: Answer,
    outcome: Outcome,
    host: Host,
    check_mode: bool,
) -> list[Finding]:
    now = time.time()
    known = read_state(host.state_path)
    writers = segments.find_writers([path for paths in files.values() for path in paths])
    found: list[Finding] = []

    for spec in specs:
        paths = files[spec.name]
        seen = review.Seen(
            spec,
            unmatched=[pattern for pattern, matched in spec.files().items() if not matched],
            skipped=[path for path in paths if plan.verdicts.get(path) == "skipped"],
            present=[path for path in paths if path in plan.present()],
            rotated=[] if check_mode else [path for path in paths if path in outcome.rotated],
            refusals=review.concerning(spec, paths, plan),
            failures=[] if result is plan else review.concerning(spec, paths, result),
            segments=[segment for path in paths for segment in segments.list_segments(path)],
            writers=[writer for writer in writers if writer.segment.log in paths],
        )
        seen.sizes = review.sizes_of(seen.present)
        seen.last_rotations = {path: known[path] for path in seen.present if path in known}
        found.extend(review.review(seen, now))

    return [*found, *host_findings(plan, result, files, host)]
