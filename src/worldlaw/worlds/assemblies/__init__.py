"""Scenes of many rigid bodies: what they consist of, where they start, how they move.

- ``body_kinds``: forms and sizes of the eight kinds
- ``templates``: which four kinds a scene has
- ``layout``: where everything starts
- ``spacing``: exact distances between bodies
- ``engine``: their motion, with contacts and energies
- ``contact_steps``: the compiled steps of the engine
"""
