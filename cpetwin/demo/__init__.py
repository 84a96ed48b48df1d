"""``make demo``: a server, a simulated fleet and an inventory, to try cpetwin on.

``world`` builds it, ``steps`` holds the five commands as data, ``run`` drives both. The demo is a user like any other:
it starts ``cpetwin serve`` and ``cpetwin simulate`` as processes and speaks to them through the command line alone.
The dumps in ``dumps/`` are those of two real gateways (see NOTICE).
"""
