# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Health probes: what a check is (model, plan), how checks are run (attempt, runner), one file per kind."""
