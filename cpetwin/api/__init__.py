"""North-bound: REST under ``/api/v1``, health and metrics, and the page for people.

``operation`` is one line of the API; ``routes`` holds the table of all of them, from which the router and the OpenAPI
document are made. ``shapes`` says how things look in JSON, ``page`` renders what people see. ``build_app(services)``
in ``app`` makes the aiohttp application; it opens no socket and makes nothing of its own.
"""
