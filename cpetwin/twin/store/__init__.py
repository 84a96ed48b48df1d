"""Engines behind the Store interface: ``base`` is the contract, ``sqlite`` the embedded default."""
