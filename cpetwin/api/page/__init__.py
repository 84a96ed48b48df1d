"""The page for people at ``/``: server-rendered, read-only, without scripts and without assets from elsewhere.

``session`` keeps the login in a cookie, ``views`` gathers what a page shows, ``words`` says it.
"""

from .routes import add_routes, error_page, is_page

__all__ = ["add_routes", "error_page", "is_page"]
