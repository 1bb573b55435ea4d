# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Model files: what is expected of them (entries), reading them (reading, metadata, in_use), saying what was seen."""
