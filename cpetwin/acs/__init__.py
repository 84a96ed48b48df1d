"""TR-069 (CWMP): what gateways speak to us, from their sockets to Reports and from Commands to their sockets.

Without I/O: ``codec`` (envelopes), ``session`` (the conversation as a table) with its ``jobs``, ``evidence`` for lost
answers. With it: ``http_*`` (the listener), ``endpoint`` (performs what sessions ask for), ``wake`` (connection
requests), ``reactor`` (the one loop). Nothing is imported here, so that the codec can be used without Twisted.
"""
