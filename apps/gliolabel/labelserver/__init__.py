"""GlioLabel inside MONAI Label: the only package that imports ``monailabel``.

It implements MONAI Label's interfaces (app, datastore, inference tasks, strategies) by calling the rest of GlioLabel, and replaces those
HTTP routes that would block the server, trust the caller or hide the reason of a failure.
"""
