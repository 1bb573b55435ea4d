# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""``upkeep controller``: files for AWX and Semaphore, and what a server has made of them."""

from __future__ import annotations

import argparse
import json
from pathlib import Path

from upkeep.commands.common import Verbs, print_json
from upkeep.controller.drift import differences
from upkeep.controller.files import FOLDER, server_data, write
from upkeep.controller.semaphore import differences as cron_differences
from upkeep.controller.settings import SETTINGS_FILE, ControllerError, load_settings
from upkeep.run.clean import line
from upkeep.schedule.load import read

_LARGEST: int = 64 << 20


def add(verbs: Verbs, shared: argparse.ArgumentParser) -> None:
    """Add the verb and its arguments."""
    parser = verbs.add_parser("controller", help="make and compare the files for AWX and Semaphore")
    parser.add_argument(
        "--settings", type=Path, default=SETTINGS_FILE, help="default: controller/settings.yml"
    )
    actions = parser.add_subparsers(required=True, metavar="action")

    render = actions.add_parser("render", help="check the data and write the files")
    render.add_argument("--output", type=Path, default=FOLDER, help="default: controller/rendered")
    render.set_defaults(perform=_render)

    diff = actions.add_parser(
        "diff", help="say what differs in an export of a server; 1 when something does"
    )
    diff.add_argument("export", type=Path, help="written by `awx export` or Semaphore's export")
    diff.add_argument("--json", action="store_true", help="print JSON")
    diff.set_defaults(perform=_diff)


def _render(options: argparse.Namespace) -> int:
    """Write the files and print what changed; raises ControllerError, ScheduleError, OSError."""
    for path in write(options.output, server_data(options.settings)):
        print(path)
    for sentence in cron_differences(read(), load_settings(options.settings)):
        print(f"note: {sentence}")

    return 0


def _diff(options: argparse.Namespace) -> int:
    """Print the differences; raises ControllerError, ScheduleError, OSError."""
    data = server_data(options.settings)
    found = differences(_export(options.export), data.awx, data.semaphore, data.prefix)

    if options.json:
        print_json([difference._asdict() for difference in found])
    else:
        for difference in found:
            print(line(difference.sentence()))
        if not found:
            print("nothing differs")

    return int(bool(found))


def _export(path: Path) -> object:
    if path.stat().st_size > _LARGEST:
        raise ControllerError(f"'{path}' has more than {_LARGEST >> 20} MiB")

    try:
        return json.loads(path.read_text(encoding="utf-8-sig"))
    except (ValueError, RecursionError) as error:
        raise ControllerError(f"'{path}' is not JSON: {error}") from error
