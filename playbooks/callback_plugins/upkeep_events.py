# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Write the event log of a run as it happens and render the report at its end."""

from __future__ import annotations

DOCUMENTATION = r"""
name: upkeep_events
type: notification
short_description: Keep the event log, the record and the report of every run
description:
  - Appends what happens to C(runs/<run id>/events.jsonl) in the store line by line; a killed run
    keeps its log.
  - At the end it folds the log into C(record.json), writes C(report.txt) and C(report.html), hands
    all to the store and shows the text.
  - It stands beside the playbooks because ansible-runner (and so AWX) replaces the configured
    callback path.
options:
  store:
    description:
      - A directory, which may be shared, or a SQLAlchemy address of a database.
      - The variable C(upkeep_store) wins over this.
    type: str
    default: store
    env: [{name: UPKEEP_STORE}]
    ini: [{section: upkeep, key: store}]
  history:
    description:
      - SQLAlchemy address of the history of key figures. By default the database of the store, or
        a file C(kpis.sqlite) in its directory.
    type: str
    default: ""
    env: [{name: UPKEEP_HISTORY}]
    ini: [{section: upkeep, key: history}]
  history_days:
    description: Days for which single figures, their means of an hour and those of a day are kept.
    type: str
    default: "90,365,3650"
    env: [{name: UPKEEP_HISTORY_DAYS}]
    ini: [{section: upkeep, key: history_days}]
"""

import atexit
import os
import signal
import sys
import time
import typing as t
from pathlib import Path

from ansible import constants, context
from ansible.plugins.callback import CallbackBase
from ansible.plugins.loader import filter_loader, test_loader
from ansible.release import __version__ as core_version

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from upkeep import PROJECT, __version__, private
from upkeep.profile import vars_files as sources
from upkeep.report.render import TEXT_NAME
from upkeep.run import events, groups, leftovers, process, store_setting
from upkeep.run.archive import Closed, StoreSettings, close, trouble_with
from upkeep.run.task_event import describe, recorded, with_advice

NO_CONFIG: t.Final = (
    f"Ansible reads no ansible.cfg here (another folder, or one that others may write to), so "
    f"its own defaults count. Set ANSIBLE_CONFIG={PROJECT / 'ansible.cfg'} to use the project's"
)
#: After this time a run that a signal ends is ended by another one, with or without its report.
SECONDS_FOR_REPORT: t.Final = 45
NO_VERDICT: t.Final = (
    "this run has no verdict, so it is not a success: nothing was looked at, its verdict was left "
    "out (tags, --step, --start-at-task, --limit), or its record could not be kept"
)


class CallbackModule(CallbackBase):  # type: ignore[misc]
    """One object a command, one run a playbook; Ansible calls it in its main process."""

    CALLBACK_VERSION = 2.0
    CALLBACK_TYPE = "notification"
    CALLBACK_NAME = "upkeep_events"
    CALLBACK_NEEDS_ENABLED = False

    def __init__(self) -> None:
        super().__init__()
        self._groups = groups.names(PROJECT)
        #: What Ansible has counted in the earlier playbooks of this command, which it goes on from.
        self._counted: dict[str, dict[str, int]] = {}
        self._begin("")
        self._pid = os.getpid()
        atexit.register(self._explain_early_end, self._pid)
        atexit.register(self._interrupted, self._pid)
        #: What the signals that end a run did before this plugin handled them.
        self._handlers: dict[int, t.Any] = {}

    def _begin(self, playbook: str) -> None:
        self._playbook = playbook
        self._play = ""
        self._opened = False
        self._finished = False
        self._started: dict[tuple[str, str], float] = {}
        self._log: Path | None = None
        self._target = ""
        self._manager: t.Any = None
        self._inventory: t.Any = None
        #: Whether the playbook has a verdict, which gives the exit code.
        self._is_judged = False
        #: The play in which hosts were given their jobs.
        self._jobs_play = ""

    def v2_playbook_on_start(self, playbook: t.Any) -> None:
        """Name the run; the log is opened with the first play, when the variables are known."""
        self._begin(os.path.relpath(playbook._file_name, PROJECT))
        self._handle_signals()
        self._is_judged = any(map(_has_verdict, playbook.get_plays()))
        os.environ[events.ENV_RUN_ID] = events.new_run_id(self._playbook)
        os.environ[process.ENV_PID] = str(os.getpid())
        for name in (events.ENV_RUN_DIR, events.ENV_TROUBLE):
            os.environ.pop(name, None)

    def v2_playbook_on_play_start(self, play: t.Any) -> None:
        """Open the log once, then note each play with the hosts that it is meant for."""
        self._play, self._manager = play.get_name(), play.get_variable_manager()
        variables = self._manager.get_vars(play=play)
        hosts = list(variables.get("ansible_play_hosts_all", []))
        if not self._opened:
            self._opened = True
            self._inventory = self._manager._inventory
            groups.prepare(self._inventory, self._groups)
            _load_filters()
            try:
                target, trouble = store_setting.store(self._manager, play, variables), ""
            except store_setting.SettingError as error:
                target, trouble = "", str(error)

            self._open(target, trouble, hosts)

        self._write("play_started", play=self._play, hosts=hosts)

    def v2_playbook_on_no_hosts_matched(self) -> None:
        """Note an empty group: a check that ran nowhere must not look like a check that passed."""
        self._write("no_hosts", play=self._play)

    def v2_runner_on_start(self, host: t.Any, task: t.Any) -> None:
        """Remember when a host began a task, and undo what an earlier stage has decided on it."""
        self._manager = None
        self._started[(host.name, task._uuid)] = time.monotonic()
        if task.action == "gate":
            groups.take_out(self._inventory, groups.CLEARED, host.name)
        if task.action == "validate_profile" and self._jobs_play != task.play:
            self._jobs_play = task.play
            groups.prepare(self._inventory, self._groups)

    def v2_runner_on_ok(self, result: t.Any) -> None:
        """Note a task that went well, and every finding that it recorded."""
        self._task(result, "changed" if result.result.get("changed") else "ok")

    def v2_runner_on_failed(self, result: t.Any, ignore_errors: bool = False) -> None:
        """Note a failed task.

        The verdict's failure is its way to set the exit code, not a failed task.
        """
        self._task(result, "ignored" if ignore_errors else "failed")

    def v2_runner_on_unreachable(self, result: t.Any) -> None:
        """Note a host that did not answer."""
        self._task(result, "unreachable")

    def v2_playbook_on_stats(self, stats: t.Any) -> None:
        """Close the log, render and store.

        A run that was to be judged and was not must not look like a good one: it ends with 2.
        """
        self._manager = None
        counted = {host: stats.summarize(host) for host in sorted(stats.processed)}
        own = _since(self._counted, counted)
        self._counted = counted
        self._write("run_finished", stats=own)
        judged = self._finish()

        if self._is_judged and not judged and not _has_failed(own):
            self._display.display(f"Upkeep: {NO_VERDICT}", color="red", stderr=True)
            raise SystemExit(2)

    def _finish(self) -> bool:
        """Render and store the run; return whether that was done and a verdict has spoken."""
        if self._log is None or self._finished:
            return False

        self._finished = True
        settings = StoreSettings(
            self._target, self.get_option("history"), self.get_option("history_days")
        )
        try:
            closed = close(self._log.parent, settings)
        except Exception as error:
            self._display.warning(
                f"Upkeep could not render this run ({self._log}) or hand it to its store "
                f"({'a database' if '://' in self._target else self._target}): {error}"
            )
            return False

        self._show(closed)
        self._finish_killed(self._log.parent, settings)

        return closed.record["verdict"] is not None

    def _finish_killed(self, own: Path, settings: StoreSettings) -> None:
        """Leave the reports of earlier runs that were killed."""
        try:
            for folder in leftovers.killed(own.parent, own.name):
                page = close(folder, settings).page
                self._display.display(f"Upkeep report of a run that was killed: {page}")
        except Exception as error:
            self._display.warning(f"Upkeep could not report on a run that was killed: {error}")

    def _interrupted(self, pid: int) -> None:
        """Leave the report of a run that is ended before its time, when this process ends."""
        if os.getpid() == pid and self._log is not None and not self._finished:
            self._display.display("Upkeep: this run was interrupted", color="red", stderr=True)
            self._finish()

    def _handle_signals(self) -> None:
        """Leave a report when a signal ends this process, unless it is to be ignored (nohup)."""
        for number in (signal.SIGTERM, signal.SIGHUP):
            handler = signal.getsignal(number)
            if handler not in (signal.SIG_IGN, self._on_signal):
                self._handlers[number] = handler
                signal.signal(number, self._on_signal)

    def _on_signal(self, number: int, frame: t.Any) -> None:
        """Leave a report, then do what the signal does without this plugin.

        A report that fails or hangs must not keep the run alive. A worker that has not got its own
        handlers yet just ends.
        """
        handler = self._handlers[number]
        if os.getpid() != self._pid:
            handler = None
        else:
            signal.signal(signal.SIGALRM, signal.SIG_DFL)
            signal.alarm(SECONDS_FOR_REPORT)

        try:
            self._interrupted(self._pid)
        finally:
            if callable(handler):
                handler(number, frame)
            else:
                signal.signal(number, signal.SIG_DFL)
                os.kill(os.getpid(), number)

    def _show(self, closed: Closed) -> None:
        """Show the report, unless every system of the run wants only its place to be named."""
        if closed.problem:
            self._display.warning(
                f"Upkeep could not keep the key figures of this run over time: {closed.problem}"
            )

        verdict = closed.record["verdict"]
        if verdict is None or verdict["show_report"]:
            text = closed.page.with_name(TEXT_NAME).read_text(encoding="utf-8")
            self._display.display(f"\n{text}")

        self._display.display(f"Upkeep report: {closed.page}")

    def _explain_early_end(self, pid: int) -> None:
        """Say which file of variables stopped a run before its first task.

        Called when this process ends.
        """
        if self._manager is None or os.getpid() != pid:
            return

        inventories = [str(source) for source in self._manager._inventory._sources]
        for sentence in sources.unreadable(inventories, self._manager._loader.load_from_file):
            self._display.display(f"Upkeep: {sentence}", color="red", stderr=True)

    def _open(self, target: str, trouble: str, expected: list[str]) -> None:
        cli = context.CLIARGS
        self._target = target or str(self.get_option("store"))
        run_id = os.environ[events.ENV_RUN_ID]
        folder = store_setting.first_folder(self._target, PROJECT) / "runs" / run_id
        trouble = trouble or trouble_with(self._target)

        try:
            if not trouble:
                private.make_folders(folder)
        except OSError as error:
            trouble = f"'{folder}' cannot be made: {error}"

        if trouble:
            # Open and every job of ours fail with this sentence before anything is changed. Found
            # at the end, the record of a throw-away environment would be lost.
            self._stop(f"this run cannot be kept: {trouble}. Set upkeep_store to a writable place")
            return

        self._log = folder / events.LOG_NAME
        if constants.CONFIG_FILE is None:
            self._display.display(f"Upkeep: {NO_CONFIG}", stderr=True)

        os.environ[events.ENV_RUN_DIR] = str(folder)
        self._write(
            "run_started",
            run_id=run_id,
            playbook=self._playbook,
            check=bool(cli.get("check")),
            diff=bool(cli.get("diff")),
            limit=cli.get("subset") or "",
            tags=list(cli.get("tags") or []),
            skip_tags=list(cli.get("skip_tags") or []),
            core=core_version,
            upkeep=__version__,
            expected=expected,
            systems=groups.systems(self._inventory),
            **{key: process.identity()[key] for key in ("controller", "machine", "process")},
        )

    def _task(self, result: t.Any, status: str) -> None:
        begun = self._started.pop((result.host.name, result.task._uuid), None)
        seconds = time.monotonic() - begun if begun is not None else 0.0
        fields = describe(result, status)
        if status == "unreachable":
            fields["message"] = self._reason(result) or fields["message"]

        self._write("task", play=self._play, seconds=round(seconds, 3), **fields)
        for finding in recorded(result):
            self._write("finding", play=self._play, finding=finding)

    def _reason(self, result: t.Any) -> str:
        """Return, and show, why a host did not answer a task whose result no_log hides."""
        host = result.host.name
        reason = events.silence(self._log, host, result.task._uuid) if self._log else ""
        if not reason:
            return ""

        message = with_advice(reason)
        self._display.display(f"Upkeep: {host} does not answer: {message}", color="red")

        return message

    def _write(self, event: str, **fields: t.Any) -> None:
        if self._log is None:
            return

        try:
            events.append(self._log, event, **fields)
        except OSError as error:
            self._stop(f"the event log of this run cannot be written: {error}")

    def _stop(self, trouble: str) -> None:
        """Let every further job of ours fail: a run without a record must not change anything."""
        if os.environ.get(events.ENV_TROUBLE) != trouble:
            self._display.warning(f"Upkeep: {trouble}")

        os.environ[events.ENV_TROUBLE] = trouble


def _has_failed(stats: dict[str, dict[str, int]]) -> bool:
    """Return whether Ansible itself ends the run with an error."""
    return any(numbers["failures"] or numbers["unreachable"] for numbers in stats.values())


def _has_verdict(play: t.Any) -> bool:
    """Return whether a play judges the run."""
    return any(role.get_name(include_role_fqcn=False) == "verdict" for role in play.roles)


def _load_filters() -> None:
    """Load the filters and tests of templates: workers are forked, and need not do it each."""
    for loader in (filter_loader, test_loader):
        list(loader.all())


def _since(
    earlier: dict[str, dict[str, int]], counted: dict[str, dict[str, int]]
) -> dict[str, dict[str, int]]:
    """Return what was counted since an earlier count, by host."""
    return {
        host: {key: number - earlier.get(host, {}).get(key, 0) for key, number in numbers.items()}
        for host, numbers in counted.items()
    }
