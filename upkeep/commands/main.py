# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""All verbs: ``upkeep --help`` lists them."""

from __future__ import annotations

import argparse
import io
import itertools
import os
import shutil
import sys
import typing as t
from pathlib import Path

from upkeep.commands import backups, controller, doctor, findings, run, runs, schedule
from upkeep.commands.common import note_nothing, positive, store_target
from upkeep.controller.settings import ControllerError
from upkeep.kpi import open_history
from upkeep.kpi.figures import FigureHistoryError, address_of, parse_keep
from upkeep.report import render as report
from upkeep.report import summary, text, trends
from upkeep.schedule.settings import ScheduleError
from upkeep.store import Store, StoreError, open_store
from upkeep.store.base import LATEST

#: Verbs that have a file of their own.
_VERBS: t.Final = (run, runs, findings, backups, schedule, controller, doctor)
#: Errors whose message is for people, a line for each problem.
_EXPECTED: t.Final = (
    StoreError,
    FigureHistoryError,
    ScheduleError,
    ControllerError,
    run.RunError,
    OSError,
)


def main(arguments: t.Sequence[str] | None = None) -> int:
    """Run one verb; 2 with a line on the error stream when it could not be done.

    Else 0, or what the verb says by its exit code: `run` as ansible-playbook, `doctor` 1.
    """
    options = _parser().parse_args(arguments)
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="replace")  # a message may hold what the terminal cannot show

    code = 0
    try:
        if "perform" in options:
            code = options.perform(options)
        else:
            options.target = store_target(options.store)
            options.run(open_store(options.target, create=False), options)
        sys.stdout.flush()
    except BrokenPipeError:  # the reader (head, less) has seen enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    except _EXPECTED as error:
        for problem in str(error).splitlines():
            print(f"upkeep: {problem}", file=sys.stderr)
        return 2

    return code


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="upkeep", description="Start runs of Upkeep and look at kept ones."
    )
    shared = argparse.ArgumentParser(add_help=False)
    shared.add_argument(
        "--store",
        help="a directory or a SQLAlchemy address (default: the environment variable UPKEEP_STORE, "
        "then the project's directory 'store'); prefer the variable for an address with a password",
    )
    commands = parser.add_subparsers(required=True, metavar="command")
    for verb in _VERBS:
        verb.add(commands, shared)

    listing = commands.add_parser("list", parents=[shared], help="list the kept runs, newest first")
    listing.add_argument(
        "--limit", type=positive, default=20, help="how many at most (default: 20)"
    )
    listing.set_defaults(run=_list)

    show = commands.add_parser("show", parents=[shared], help="show a run as a table")
    show.add_argument("id", nargs="?", default=LATEST, help="run id (default: latest)")
    show.add_argument(
        "--all", action="store_true", help="also show notes and acknowledged findings"
    )
    show.set_defaults(run=_show)

    report = commands.add_parser(
        "report", parents=[shared], help="render a run's page again and print its path"
    )
    report.add_argument("id", nargs="?", default=LATEST, help="run id (default: latest)")
    report.add_argument(
        "--output", type=Path, help="folder to write to (needed for a run from a database)"
    )
    report.set_defaults(run=_report)

    prune = commands.add_parser(
        "prune", parents=[shared], help="remove old runs and print their ids"
    )
    prune.add_argument(
        "--keep-days",
        type=positive,
        required=True,
        help="keep runs that started within this many days",
    )
    prune.add_argument(
        "--keep-min", type=positive, default=10, help="keep at least this many runs (default: 10)"
    )
    prune.add_argument("--dry-run", action="store_true", help="only print what would be removed")
    prune.set_defaults(run=_prune)

    figures = commands.add_parser(
        "kpis", parents=[shared], help="show key figures over time as a tracking sheet (CSV)"
    )
    figures.add_argument("--system", default="", help="only this system")
    figures.add_argument(
        "--days", type=positive, help="only the last days (default: all that is kept)"
    )
    figures.add_argument("--csv", type=Path, metavar="FILE", help="file to write (default: print)")
    figures.add_argument(
        "--history", help="address of the history (default: UPKEEP_HISTORY, then beside the runs)"
    )
    figures.add_argument(
        "--rebuild", action="store_true", help="first take in all kept runs that are missing there"
    )
    figures.set_defaults(run=_kpis)

    return parser


def _list(store: Store, options: argparse.Namespace) -> None:
    found = list(itertools.islice(store.facts(), options.limit))
    for facts in found:
        print(runs.text_line(facts))
    if not found:
        note_nothing("no run is kept yet; --store or UPKEEP_STORE names another store")


def _show(store: Store, options: argparse.Namespace) -> None:
    style = text.Style(
        colour=text.colour_wanted(sys.stdout, os.environ),
        width=shutil.get_terminal_size((text.WIDTH, 24)).columns,
    )
    print(text.overview(store.load(options.id), style, everything=options.all), end="")


def _report(store: Store, options: argparse.Namespace) -> None:
    print(store.write_report(options.id, options.output))


def _prune(store: Store, options: argparse.Namespace) -> None:
    for name in store.prune(options.keep_days, options.keep_min, dry_run=options.dry_run):
        print(name)


def _kpis(store: Store, options: argparse.Namespace) -> None:
    given = options.history or os.environ.get("UPKEEP_HISTORY", "")
    keep = parse_keep(os.environ.get("UPKEEP_HISTORY_DAYS", ""))
    history = open_history(address_of(options.target, given), keep)

    try:
        if options.rebuild:
            taken = sum(history.keep(record) for record in reversed(store.runs()))
            print(f"{summary.plural(taken, 'run')} taken in", file=sys.stderr)

        figures, days = history.figures(options.system), history.days(options.system, options.days)
        sheet = trends.sheet(figures, days, history.outcomes())
    finally:
        history.close()

    if options.csv:
        report.write_atomically(options.csv, sheet)
    else:
        print(sheet, end="")
