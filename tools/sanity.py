# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Run ansible-test sanity over our modules: ``python -m tools.sanity [TEST...]``.

ansible-test works on collections only, so modules and what they use are staged as one: a copy in
which they name each other as a collection does. Action plugins are left out, since a collection
could not hold the controller package that they import.
"""

from __future__ import annotations

import argparse
import importlib.util
import re
import sys
import tempfile
import typing as t
from collections.abc import Sequence
from pathlib import Path

from tools import PROJECT
from tools.process import environment, run_logged, tail, tool

CACHE: t.Final = PROJECT / ".cache" / "sanity"
NAME: t.Final = "upkeep.staged"
PYTHON: t.Final = f"{sys.version_info.major}.{sys.version_info.minor}"
TIMEOUT: t.Final = 900.0
#: What ansible-test says, with exit code 0, when it found no file to test.
NOTHING: t.Final = "All targets skipped"
#: Tests that other tools of ours do (pylint, pep8, yamllint: ruff and yamllint over the sources),
#: that need a program which is not installed, or that look at what is not staged.
LEFT_OUT: t.Final = (
    *("pep8", "pylint", "pslint", "shellcheck", "yamllint"),
    *("changelog", "action-plugin-docs"),
)

#: Folder of the project -> folder of the collection's plugins.
_FOLDERS: t.Final = {
    "library": "modules",
    "module_utils": "module_utils",
    "doc_fragments": "doc_fragments",
    "filter_plugins": "filter",
}
_GALAXY: t.Final = """\
namespace: upkeep
name: staged
version: 0.1.0
readme: README.md
authors: [Upkeep contributors]
license: [GPL-3.0-or-later]
"""
#: ansible-test fetches a script that installs pip into its environments; Python brings one itself.
_BOOTSTRAP: t.Final = "import ensurepip\n\nensurepip.bootstrap()\n"


def stage(target: Path) -> Path:
    """Copy the plugins into a collection below ``target`` and return its folder.

    It must lie outside this repository, or ansible-test asks git which files there are.
    """
    root = target / "ansible_collections" / NAME.replace(".", "/")

    for source, kind in _FOLDERS.items():
        for path in sorted((PROJECT / source).rglob("*.py")):
            place = root / "plugins" / kind / path.relative_to(PROJECT / source)
            place.parent.mkdir(parents=True, exist_ok=True)
            place.write_text(as_in_collection(path.read_text(encoding="utf-8")), encoding="utf-8")

    (root / "meta").mkdir()
    (root / "meta" / "runtime.yml").write_text("---\nrequires_ansible: '>=2.19.0'\n")
    (root / "galaxy.yml").write_text(_GALAXY)
    (root / "README.md").write_text("A copy of the plugins, for ansible-test.\n")

    return root


def as_in_collection(text: str) -> str:
    """Return a plugin's source with the names that a collection gives to what it uses."""
    utils = f"ansible_collections.{NAME}.plugins.module_utils.upkeep"
    text = text.replace("ansible.module_utils.upkeep", utils)
    text = re.sub(r"\bM\((\w+)\)", rf"M({NAME}.\1)", text)

    return re.sub(
        r"^extends_documentation_fragment: \[(.*)\]$",
        lambda match: f"extends_documentation_fragment: [{_qualified(match[1])}]",
        text,
        flags=re.MULTILINE,
    )


def _qualified(names: str) -> str:
    return ", ".join(f"{NAME}.{name.strip()}" for name in names.split(","))


def home(target: Path = CACHE) -> Path:
    """Return the home of ansible-test's environments, with the stand-in for its download."""
    place = target / "home"
    scripts = place / ".ansible" / "test" / "cache"
    scripts.mkdir(parents=True, exist_ok=True)
    for version in pip_versions():
        (scripts / f"get_pip_{version.replace('.', '_')}.py").write_text(_BOOTSTRAP)

    return place


def pip_versions() -> list[str]:
    """Return the versions of pip that the installed ansible-test asks for."""
    spec = importlib.util.find_spec("ansible_test")
    if spec is None or spec.origin is None:
        return []

    source = Path(spec.origin).parent / "_internal" / "python_requirements.py"

    return re.findall(r"\bpip='([0-9.]+)'", source.read_text(encoding="utf-8"))


def command(tests: Sequence[str]) -> list[str]:
    """Return the command line for some tests, or for all but those that are left out."""
    chosen = [part for name in tests for part in ("--test", name)]
    skipped = [] if tests else [part for name in LEFT_OUT for part in ("--skip-test", name)]

    return [
        tool("ansible-test"),
        *("sanity", "--python", PYTHON, "--requirements", "--color", "no"),
        *(chosen or skipped),
    ]


def run(tests: Sequence[str] = ()) -> bool:
    """Stage the plugins and test them; return whether nothing was found."""
    variables = environment(HOME=str(home()), LC_ALL="C.UTF-8")
    with tempfile.TemporaryDirectory(prefix="upkeep-sanity-") as folder:
        place = stage(Path(folder))
        outcome = run_logged("sanity", command(tests), timeout=TIMEOUT, env=variables, cwd=place)

    good = outcome.code == 0 and NOTHING not in outcome.log.read_text(encoding="utf-8")
    print(f"  {'ansible-test sanity':<24}{outcome.seconds:7.1f} s  {'ok' if good else 'FAILED'}")
    if not good:
        print(tail(outcome.log), flush=True)

    return good


def main(argv: list[str] | None = None) -> int:
    """Run the tests; returns the exit code."""
    parser = argparse.ArgumentParser(prog="python -m tools.sanity", description=__doc__)
    parser.add_argument("test", nargs="*", help="e.g. validate-modules; default: all that apply")

    return int(not run(parser.parse_args(argv).test))


if __name__ == "__main__":
    sys.exit(main())
