"""Several models as one table: CWMP and USP of one root merged, with an overlay where they differ."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import TypeVar

import msgspec
from msgspec.structs import replace

from ...errors import BadInput
from ..facts import (
    FORMAT,
    USP,
    ArgumentsRow,
    CommandRow,
    EventRow,
    ObjectRow,
    ParameterRow,
    RootRow,
    Syntax,
    Table,
    usp_since,
)
from .model import Model, read_model

Member = TypeVar("Member", ObjectRow, ParameterRow, CommandRow, EventRow)


def compile_files(files: Iterable[Path]) -> Table:
    """The table of full data-model documents. Raises BadModel with file, line and reason."""
    return compile_models([read_model(file) for file in files])


def compile_models(models: Sequence[Model]) -> Table:
    """One table of several models. Raises BadInput when two of them are the same root for the same protocol."""
    if not models:
        raise BadInput("nothing to compile", "give at least one data-model document")
    syntaxes: dict[Syntax, int] = {}
    types: dict[str, Syntax] = {}
    roots: dict[str, list[Model]] = {}
    for model in models:
        for name, syntax in model.types.items():
            types.setdefault(name, syntax)
        roots.setdefault(_key(model), []).append(model)
    rows = []
    for name, group in sorted(roots.items()):
        names = [model.row.protocol for model in group]
        if len(set(names)) != len(names):
            raise BadInput(f"two documents define {name} for {names[0]}", "give one document for each protocol")
        group.sort(key=lambda model: model.row.protocol)
        merged = [_renumbered(model, syntaxes) for model in group]
        objects = merged[0]
        for other in merged[1:]:
            objects = _merge(objects, other, _identity, _merge_object)
        rows.append(RootRow(name, group[0].row.service, _blocks(objects)))
    return Table(
        FORMAT,
        tuple(sorted((model.row for model in models), key=lambda row: (row.name, row.protocol))),
        dict(sorted(types.items())),
        tuple(msgspec.Raw(msgspec.msgpack.encode(syntax)) for syntax in syntaxes),
        tuple(rows),
    )


def _key(model: Model) -> str:
    """``Device``; of a service also its major version, because both live in the field: ``VoiceService:2``."""
    if not model.row.service:
        return model.root
    return f"{model.root}:{model.row.name.partition(':')[2].split('.')[0]}"


def _blocks(objects: Sequence[ObjectRow]) -> dict[str, msgspec.Raw]:
    """Objects by the first name below the root; the root itself is the block without name."""
    blocks: dict[str, list[ObjectRow]] = {}
    for row in objects:
        blocks.setdefault(row.path.split(".", 1)[0], []).append(row)
    return {name: msgspec.Raw(msgspec.msgpack.encode(rows)) for name, rows in sorted(blocks.items())}


def _renumbered(model: Model, syntaxes: dict[Syntax, int]) -> list[ObjectRow]:
    """The objects of a model with syntaxes numbered over all models."""
    number = [syntaxes.setdefault(syntax, len(syntaxes)) for syntax in model.syntaxes]

    def arguments(row: ArgumentsRow) -> ArgumentsRow:
        return replace(row, arguments=tuple(replace(a, syntax=number[a.syntax]) for a in row.arguments))

    return [
        replace(
            row,
            parameters=tuple(replace(p, syntax=number[p.syntax]) for p in row.parameters),
            commands=tuple(replace(c, inputs=arguments(c.inputs), outputs=arguments(c.outputs)) for c in row.commands),
            events=tuple(replace(e, arguments=arguments(e.arguments)) for e in row.events),
        )
        for row in model.objects
    ]


def _identity(row: ObjectRow) -> str:
    return row.path


def _name(row: ParameterRow | CommandRow | EventRow) -> str:
    return row.name


def _merge(
    first: Sequence[Member],
    second: Sequence[Member],
    key: Callable[[Member], str],
    both: Callable[[Member, Member], Member],
) -> list[Member]:
    """Members of either side in the order of the first, those only in the second at the end."""
    others = {key(row): row for row in second}
    merged = [both(row, others.pop(key(row))) if key(row) in others else row for row in first]
    return merged + list(others.values())


def _merge_object(first: ObjectRow, second: ObjectRow) -> ObjectRow:
    bare = replace(second, parameters=(), commands=(), events=())
    like = replace(first, parameters=(), commands=(), events=(), since=usp_since(first.since), protocols=USP)
    return replace(
        first,
        protocols=first.protocols | second.protocols,
        parameters=tuple(_merge(first.parameters, second.parameters, _name, _merge_parameter)),
        commands=tuple(_merge(first.commands, second.commands, _name, _both)),
        events=tuple(_merge(first.events, second.events, _name, _both)),
        usp=None if bare == like else bare,
    )


def _merge_parameter(first: ParameterRow, second: ParameterRow) -> ParameterRow:
    like = replace(first, since=usp_since(first.since), protocols=USP)
    return replace(first, protocols=first.protocols | second.protocols, usp=None if second == like else second)


def _both(first: Member, second: Member) -> Member:
    """Commands and events of both protocols: no document has that; the first stands."""
    return replace(first, protocols=first.protocols | second.protocols)
