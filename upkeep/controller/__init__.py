# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""AWX and Semaphore as code: templates and schedules made from the profiles, checked, compared."""
