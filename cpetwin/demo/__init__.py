"""``make demo``: a server, a simulated fleet and an inventory, to try cpetwin on.

``world`` holds its processes and who lives in it, ``steps`` the five commands as data, ``__main__`` plays them. The
demo is a user like any other: it starts ``cpetwin serve`` and ``cpetwin simulate`` as processes and speaks to them
through the command line alone. The fleet serves the parameter trees of two real gateways (see NOTICE).
"""
