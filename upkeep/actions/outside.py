# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Health checks that the controller carries out, since another machine has to ask.

They run in a process of their own, which reads what a service answers and has nothing else in it:
``python -m upkeep.actions.outside`` takes the options of health_probe and prints findings, as JSON.
"""

from __future__ import annotations

import json
import subprocess
import sys
import typing as t
from collections.abc import Mapping

from ansible.module_utils.upkeep.findings import Finding, FindingError, finding, validate_partial
from ansible.module_utils.upkeep.health_check.options import OPTIONS
from ansible.module_utils.upkeep.health_check.run import run
from ansible.module_utils.upkeep.health_check.settings import CONTROLLER, parse

from upkeep import PROJECT

#: What such a check needs of the options; it keeps nothing for a next run.
_TAKEN: t.Final = ("checks", "components", "cadence", "timeout", "latency_factor")
#: Seconds beyond those of all checks together.
_MARGIN: t.Final = 15.0


def is_asked(args: Mapping[str, t.Any]) -> bool:
    """Return whether a check of these options is one for the controller."""
    checks = args.get("checks")

    return isinstance(checks, list) and any(
        isinstance(check, Mapping) and check.get("asked_from") == CONTROLLER for check in checks
    )


def findings(args: Mapping[str, t.Any]) -> list[Finding]:
    """Return the partial findings of the checks for the controller; never raises for them."""
    options = {name: args[name] for name in _TAKEN if args.get(name) is not None}
    seconds = float(options.get("timeout") or OPTIONS["timeout"]["default"]) + _MARGIN

    try:
        done = subprocess.run(
            [sys.executable, "-m", "upkeep.actions.outside"],
            input=json.dumps(options),
            capture_output=True,
            text=True,
            check=True,
            timeout=seconds,
            cwd=PROJECT,
        )
        found = json.loads(done.stdout)
        for partial in found:
            validate_partial(partial)
    except subprocess.TimeoutExpired:
        return [_failed(f"they took more than {seconds:g} s")]
    except (OSError, subprocess.CalledProcessError, ValueError, FindingError) as error:
        return [_failed(type(error).__name__)]

    return t.cast(list[Finding], found)


def _failed(reason: str) -> Finding:
    message = f"The checks of the controller could not be carried out: {reason}."

    return finding("health:controller", "unknown", message)


def main() -> int:
    """Carry out the checks that standard input names; returns the exit code."""
    options = json.load(sys.stdin)
    found = run(parse({**options, "place": CONTROLLER}), check_mode=True)
    json.dump([partial for partial in found if partial["check"] != "health:checks"], sys.stdout)

    return 0


if __name__ == "__main__":
    sys.exit(main())
