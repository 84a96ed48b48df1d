"""The committed data models as the schema that expressions are checked against."""

from __future__ import annotations

from ..element import Parameter
from ..schema import Schema, schema
from ..secrets import is_secret
from .check import SchemaEntry


class Standard:
    """``SchemaLookup`` over a compiled schema; without one it is that of this program, loaded when first asked."""

    def __init__(self, models: Schema | None = None) -> None:
        self._models = models

    @property
    def models(self) -> Schema:
        return self._models if self._models is not None else schema()

    def lookup(self, template: str) -> SchemaEntry | None:
        """What the models say of a parameter or object."""
        if template.endswith("."):
            return None if self.models.object(template) is None else SchemaEntry("")
        found = self.models.parameter(template)
        if found is None:
            return None
        return SchemaEntry(found.base, self._choices(found), found.list is not None, is_secret(template))

    def _choices(self, parameter: Parameter) -> tuple[str, ...]:
        """The values it can have; those of another parameter where the model says so (TR-106 enumerationRef)."""
        source = parameter.reference
        if source is None or source.kind != "enumeration":
            return tuple([item.value for item in parameter.enumeration])
        others = [self.models.parameter(target) for target in source.targets]
        values = [item.value for other in others if other is not None for item in other.enumeration]
        return (*values, *([source.null_value] if values and source.null_value else ()))

    def nearest(self, template: str) -> str | None:
        """The likeliest template."""
        return next(iter(self.models.nearest(template, 1)), None)
