"""How is it called? One command, one file, and an ``add`` in it that hooks the command in.

- ``command_line``: ``main``, exit codes, the order of the commands
- ``command``: what commands share: declaring one, options, complaints, progress
- ``list``, ``preview``, ``run`` (and its stages), ``check``, ``export``, ``rate``, ``judge``: the commands
- ``exam``: the verbs of ``worldlaw exam``

One more command: its file, and its name in ``command_line.COMMANDS``; from an installed package an entry
point of the group ``worldlaw.commands``. docs/extending.md.
"""

from worldlaw.cli.command_line import main

__all__ = ["main"]
