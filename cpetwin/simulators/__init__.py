"""CPE fleets over real CWMP sockets, with a physics of their own and injected faults.

One process holds many devices: a shared immutable ``Tree`` per dump, a small overlay per device, values that
move are pure functions of seed and time. Everything a device does on the wire is written here a second time,
apart from the server: the room imports the words of ``datamodel`` and ``twin`` but never the ACS, so that a bug
on one side cannot hide one on the other. What the ACS sends is parsed strictly; violations are counted.

``trees`` and ``generate`` make parameter trees, ``cpe`` is the device, ``rpc`` its methods, ``session`` the sans-I/O
conversation, ``faults`` what goes wrong on purpose, ``fleet`` puts them on sockets, ``control`` lets others steer.
"""
