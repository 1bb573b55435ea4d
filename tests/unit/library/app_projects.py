# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""A small project with tests, for app_tests, and a Python that a user who is not root may run."""

from __future__ import annotations

import os
import pwd
import sys
import typing as t
from pathlib import Path

from ansible.module_utils.upkeep.app_tests.options import SETUP

from tests.unit.library.module_calls import Answer, Call

#: Somebody who is not root, so that root's tests show that privileges are given up.
USER: t.Final = "nobody" if os.geteuid() == 0 else pwd.getpwuid(os.geteuid()).pw_name
#: Root's own Python may be in a folder of root's; the system's has no pytest, so it gets a copy.
PYTHON: t.Final = "/usr/bin/python3" if os.geteuid() == 0 else sys.executable


class Project(t.NamedTuple):
    """A folder with tests, and how to call the module for it."""

    folder: Path
    site: list[str]
    call: Call

    def write(self, name: str, text: str) -> None:
        """Write a file of the project."""
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)

    def test(self, text: str, suite: dict[str, t.Any] | None = None, **arguments: t.Any) -> Answer:
        """Run one suite, ``unit``, that consists of one file with this text."""
        self.write("tests/test_it.py", text)
        return self.run(
            [{"name": "unit", "paths": ["tests"], "seconds": 30, **(suite or {})}], **arguments
        )

    def run(self, suites: list[dict[str, t.Any]], **arguments: t.Any) -> Answer:
        """Call the module; arguments that belong to its ``setup`` go there."""
        setup = {
            "user": USER,
            "folder": str(self.folder),
            "interpreter": PYTHON,
            "python_path": self.site,
            "space_mb": 20,
        }
        setup |= {key: arguments.pop(key) for key in SETUP if key in arguments}

        return self.call(suites=suites, setup=setup, **arguments)
