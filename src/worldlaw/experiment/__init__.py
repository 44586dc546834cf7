"""Who does what, when? An experiment from its file to its report.

- ``config``: the YAML: frozen, strict, checked in full before any work
- ``look_choice``: which numbers about whole splits can be asked for
- ``keys``: what goes into the key of every artifact
- ``plan``: every artifact with its key, before any work
- ``run``: the stages in order
- ``job``: one run at work: made, kept, workers, locks
- ``stages``: one stage, one file
- ``construction``: a name and options to a class and an object
- ``codecs``: codecs of an experiment
- ``training_clips``: what a world teaches
- ``clip_descriptions``: conditioning beside pixels: state and text
- ``crew``: several processes under torchrun
- ``estimate``: what it will cost
- ``check``: is what lies on disk sound?
- ``export``: artifacts in layouts that others read
"""
