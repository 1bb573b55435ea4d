# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Find variables that are misspelled names of role variables; Ansible ignores them silently."""

from __future__ import annotations

import difflib
import functools
import re
import typing as t

from upkeep import PROJECT

#: Variables of the whole project that people set.
OWN: t.Final = frozenset(
    {"upkeep_environment", "upkeep_hooks", "upkeep_records_folder", "upkeep_store"}
)
#: How alike two names are, 0 to 1, before one counts as a slip for the other: a letter or two in a
#: whole name.
ALIKE: t.Final = 0.88


@functools.cache
def options() -> frozenset[str]:
    """Return the names of all public variables of the roles, as their argument specs have them."""
    specs = {
        path.parts[-3]: path.read_text(encoding="utf-8")
        for path in PROJECT.glob("roles/*/meta/argument_specs.yml")
    }
    found = (re.findall(rf"^ +({role}_\w+):", text, re.MULTILINE) for role, text in specs.items())

    return OWN.union(*found)


def misspelled(names: t.Iterable[str]) -> list[str]:
    """Return one sentence for each name that looks like a slip for a variable of a role."""
    known = options()
    beginnings = tuple({name.partition("_")[0] + "_" for name in known})
    suspects = sorted(name for name in names if name.startswith(beginnings) and name not in known)
    pairs = ((name, difflib.get_close_matches(name, known, 1, ALIKE)) for name in suspects)

    return [
        f"'{name}' is not a variable of a role; did you mean '{close[0]}'?"
        for name, close in pairs
        if close
    ]
