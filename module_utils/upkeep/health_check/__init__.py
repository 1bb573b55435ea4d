# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Health checks: the engine that carries them out.

``options`` and ``settings`` turn a profile into checks, ``scheduler`` carries them out through
``workers`` and ``attempt``, ``state`` keeps what is compared between runs, ``run`` is the one call.
What a check asks stands in ``kinds/``, one file a kind, and how to speak to a service in
``clients/``. The engine knows no kind by name.
"""
