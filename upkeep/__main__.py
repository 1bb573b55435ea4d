# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The command ``upkeep``, which set-up installs; ``python -m upkeep`` is the same."""

from __future__ import annotations

import sys
import typing as t
from importlib.util import find_spec
from pathlib import Path

from upkeep import PROJECT

#: What a checkout has and a copy of this package alone has not.
_PARTS: t.Final = ("ansible.cfg", "module_utils/upkeep", "playbooks", "roles", "schedule.yml")


def main(arguments: t.Sequence[str] | None = None) -> int:
    """Run one verb and return its exit code; 2, and a line, where this is not a checkout."""
    problem = trouble()
    if problem:
        print(f"upkeep: {problem}", file=sys.stderr)
        return 2

    from upkeep.commands.main import main as perform  # needs the parts of a checkout

    return perform(arguments)


def trouble(project: Path = PROJECT) -> str:
    """Return why no verb can work here; '' when nothing is missing."""
    missing = [part for part in _PARTS if not (project / part).exists()]
    if missing:
        return (
            f"'{project}' is not a checkout of Upkeep: {', '.join(missing)} missing; clone the"
            " repository and run `make setup` there, or `pip install --editable` that clone"
        )
    if find_spec("ansible") is None:
        return (
            f"ansible-core is missing for '{sys.executable}'; run `make setup`, or"
            f" `pip install -r {project}/requirements.txt`"
        )

    return ""


if __name__ == "__main__":
    sys.exit(main())
