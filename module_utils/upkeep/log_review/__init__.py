# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Reviewing logs: what is asked (entries), finding and reading it (opening, seeking, blocks), saying what it means."""
