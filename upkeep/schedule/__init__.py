# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""When each system gets its runs: slots of the profiles, next starts, and rules for schedulers."""
