"""``cpetwin datamodel``: what the data models say about a path, and the compiler of the table behind it (no server)."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click

from ..errors import CpetwinError, NotFound
from ._datamodel_map import map_
from ._options import Everywhere
from ._output import document, pairs, table


@click.group("datamodel", short_help="what the data models say about a path (no server needed)")
def cli() -> None:
    """Device:2, InternetGatewayDevice:1 and VoiceService: paths, types, ranges, enumerations. No server needed."""


# -- show


@cli.command("show")
@click.argument("path")
@click.option("--protocol", type=click.Choice(["cwmp", "usp"]), help="as this protocol sees it")
@click.pass_obj
def show(everywhere: Everywhere, path: str, protocol: str | None) -> None:
    """What PATH is: type, range, values, unit, access, version. Instances are numbers, * or {i}."""
    from ..datamodel.element import Command, Event, Object, Parameter
    from ..datamodel.schema import schema

    found = schema().find(path, protocol)
    if found is None:
        near = schema().nearest(path)
        raise NotFound(
            f"the data models know no {path}" + (f" for {protocol}" if protocol else ""),
            "nearest: " + ", ".join(near) if near else "see cpetwin datamodel show Device.",
        )
    facts = _about(found)
    if isinstance(found, Parameter):
        facts |= _parameter(found)
    elif isinstance(found, Object):
        facts |= _object(found)
    elif isinstance(found, Command):
        facts |= {
            "async": found.asynchronous,
            "input": [_argument(argument) for argument in found.inputs],
            "output": [_argument(argument) for argument in found.outputs],
        }
    elif isinstance(found, Event):
        facts |= {"arguments": [_argument(argument) for argument in found.arguments]}
    if everywhere.json:
        document(facts)
    else:
        _print(facts)


def _about(found: Any) -> dict[str, Any]:
    return {
        "path": found.template,
        "kind": type(found).__name__.lower(),
        "model": found.model,
        "protocols": list(found.protocols),
        "since": found.since or None,
        "status": found.status,
    }


def _typed(value: Any) -> dict[str, Any]:
    """The syntax of a parameter or argument; what does not bound it is left out."""
    of = value.list
    reference = value.reference
    facts = {
        "type": value.type,
        "base": value.base,
        "list": of is not None,
        "items": _bounds(of.low, of.high) if of is not None and (of.low or of.high is not None) else None,
        "list_size": [_bounds(size.low, size.high) for size in of.sizes] if of is not None else None,
        "range": [_bounds(one.low, one.high) | ({"step": one.step} if one.step else {}) for one in value.ranges],
        "size": [_bounds(size.low, size.high) for size in value.sizes],
        "patterns": list(value.patterns),
        "enumeration": [
            {"value": item.value}
            | ({"access": item.access} if item.access != "readWrite" else {})
            | ({"optional": True} if item.optional else {})
            | ({"status": item.status} if item.status != "current" else {})
            | ({"since": item.since} if item.since else {})
            for item in value.enumeration
        ],
        "units": value.units,
        "reference": None if reference is None else {"kind": reference.kind, "targets": list(reference.targets)},
        "hidden": value.hidden,
        "secured": value.secured,
    }
    return {name: fact for name, fact in facts.items() if fact not in (None, [], "", False)}


def _bounds(low: int | None, high: int | None) -> dict[str, int | None]:
    return {"min": low, "max": high}


def _parameter(found: Any) -> dict[str, Any]:
    from ..datamodel.writing import allowed

    facts = {"access": found.access, **_typed(found), "notify": found.notify, "forced_inform": found.forced_inform}
    if found.default_type:
        facts["default"] = {"type": found.default_type, "value": found.default}
    if found.writable:
        facts["allowed"] = allowed(found)
    return facts


def _object(found: Any) -> dict[str, Any]:
    return {
        "access": found.access,
        "table": found.is_table,
        "entries": _bounds(found.low, found.high),
        "unique_keys": [{"parameters": list(key.parameters), "functional": key.functional} for key in found.keys],
        "count_parameter": found.count_parameter or None,
        "enable_parameter": found.enable_parameter or None,
        "discriminator": found.discriminator or None,
        "mount": found.mount or None,
        "parameters": [_last(path) for path in found.parameters],
        "objects": [path[len(found.template) :] for path in found.objects],
        "commands": [_last(path) for path in found.commands],
        "events": [_last(path) for path in found.events],
    }


def _argument(argument: Any) -> dict[str, Any]:
    return {"name": argument.path, "mandatory": argument.mandatory, "since": argument.since, **_typed(argument)}


def _last(path: str) -> str:
    return path.rpartition(".")[2]


def _print(facts: dict[str, Any]) -> None:
    """For people: bounds in words, lists on one line, arguments as a table."""
    tables = {name: facts.pop(name) for name in ("input", "output", "arguments") if name in facts}
    words: list[tuple[str, object]] = []
    for name, fact in facts.items():
        if name in ("base", "allowed") or fact is False:
            continue
        words.append((name.replace("_", " "), _in_words(name, fact)))
    pairs(words)
    if "allowed" in facts:
        click.echo(f"A write: {facts['allowed']}.")
    for name, arguments in tables.items():
        if arguments:
            click.echo(f"\n{name}")
            table(
                ("name", "type", "mandatory", "values"),
                [(a["name"], _type_word(a), a["mandatory"], _values(a)) for a in arguments],
            )


def _type_word(facts: dict[str, Any]) -> str:
    return f"list of {facts['type']}" if facts.get("list") else str(facts["type"])


def _values(facts: dict[str, Any]) -> str:
    """What bounds an argument, in one cell."""
    names = ("enumeration", "range", "size", "units")
    return " ".join(str(_in_words(name, facts[name])) for name in names if name in facts)


def _in_words(name: str, fact: Any) -> object:
    if name == "default":
        return f"{fact['value']!r} ({fact['type']})"
    if name == "reference":
        return f"{fact['kind']} {', '.join(fact['targets'])}".strip()
    if name in ("entries", "items"):
        return _span(fact)
    if name in ("range", "size", "list_size"):
        return " or ".join(_span(one) for one in fact)
    if name == "unique_keys":
        return "; ".join(" + ".join(key["parameters"]) for key in fact)
    if name == "enumeration":
        return ", ".join(item["value"] + (" (read-only)" if "access" in item else "") for item in fact)
    return ", ".join(fact) if isinstance(fact, list) else fact


def _span(bounds: dict[str, int | None]) -> str:
    low, high = bounds["min"], bounds["max"]
    if low is not None and low == high:
        return str(low)
    step = f" step {bounds['step']}" if "step" in bounds else ""
    return f"{'' if low is None else low}..{'' if high is None else high}{step}"


# -- compile


@dataclass
class _Counts:
    """What one compiled model holds."""

    model: str
    protocol: str
    objects: int
    parameters: int
    commands: int
    events: int
    profiles: int


@cli.command("compile")
@click.argument("files", nargs=-1, required=True, type=click.Path(path_type=Path), metavar="XML...")
@click.option("--output", required=True, type=click.Path(path_type=Path, dir_okay=False), help="the table to write")
@click.pass_obj
def compile_(everywhere: Everywhere, files: tuple[Path, ...], output: Path) -> None:
    """Compile full data-model documents (XML, also .xz or .gz) to one facts table."""
    from ..datamodel import facts
    from ..datamodel.compiler import compile_models, read_model

    models = [read_model(file) for file in files]
    packed = facts.pack(compile_models(models))
    try:
        output.write_bytes(packed)
    except OSError as error:
        raise CpetwinError(f"cannot write {output}: {error.strerror}") from error
    counts = [_counts(model) for model in models]
    if everywhere.json:
        document({"output": str(output), "bytes": len(packed), "models": [vars(one) for one in counts]})
        return
    titles = tuple(_Counts.__dataclass_fields__)
    table(titles, [tuple(vars(one).values()) for one in counts], right=titles[2:])
    click.echo(f"{output}: {len(packed)} bytes")


def _counts(model: Any) -> _Counts:
    total: Counter[str] = Counter()
    for row in model.objects:
        total["objects"] += bool(row.path) or not model.row.service
        total["parameters"] += len(row.parameters)
        total["commands"] += len(row.commands)
        total["events"] += len(row.events)
    return _Counts(
        model.row.name, model.row.protocol, total["objects"], total["parameters"], total["commands"],
        total["events"], len(model.row.profiles),
    )  # fmt: skip


# -- map


cli.add_command(map_)
