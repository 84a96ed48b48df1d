"""cpetwin: a controller server that keeps a digital twin of every home gateway."""

__version__ = "0.1.0"
