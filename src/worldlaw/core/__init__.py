"""Nouns and rules: what every room speaks of; imports no other room.

- ``types``: body, scene, trajectory, tracks, hints, conditioning, case, question
- ``region``: subsets of attribute space: contains, sample, overlaps, level
- ``seeding``: one random stream per clip, addressed by name
- ``registry``: names to things: built-in files, installed plugins, ``module:Thing``
- ``artifact``: stage folders: key, manifest, completion, checksums, atomic writes, locks
- ``errors``: bad input (exit code 2), failure (exit code 1), whose code raised
- ``strict_files``: YAML and JSON that people write: strict, every fault in one line
- ``progress``, ``progress_bars``: where long work says how far it is; bars on a terminal
- ``workers``: worker processes; results in the order of the tasks
- ``supervisor``: a command in a child of a small parent, so that no code of others can end it unnoticed
- ``foreign_output``: what others print goes to standard error
- ``time_limit``: a time limit for reading one file
- ``compiled``: machine code for the few loops that need it
- ``numbers``: statistics, closed forms, areas, colours

A type that two rooms need stands here; one that a single room needs stands there.
"""
