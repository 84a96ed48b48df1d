"""From Broadband Forum data-model XML (TR-106 Annex B) to the compact facts table.

Takes full (flattened) documents, one model each. ``document`` reads hostile XML, ``syntax`` resolves types,
``model`` collects one document, ``merge`` makes one table of several. Needs lxml, which nothing else in this
room does: import this package only to compile.
"""

from .document import BadModel
from .merge import compile_files, compile_models
from .model import Model, read_model

__all__ = ["BadModel", "Model", "compile_files", "compile_models", "read_model"]
