"""The command line, one module per noun, loaded when its command is used.

A module ``noun.py`` has a click command or group named ``cli``. It is a client of the REST API: it asks
through ``_client`` and prints through ``_output``. What can be given anywhere on the line is in ``_options``.
"""
