"""The TR-098 <-> Device:2 view: pure functions over a native tree (mapping facts in ``data/tr098.msgpack.zst``).

    view = View(native, InstanceMap(saved), objects)
    view.get("Device.WiFi.Radio.1.Channel")      # Entry(natives, text, type, writable, kind)
    plan_write(view, "Device.WiFi.Radio.1.Channel", "6")   # WritePlan(changes, implied)

A tree under ``Device.`` is its own view. Every native path answers by itself too.
"""

from .instances import InstanceMap
from .native import Native
from .rows import AddPlan, plan_add, plan_delete
from .table import Table, table
from .view import Entry, View
from .write import Change, WritePlan, plan_write

__all__ = [
    "AddPlan",
    "Change",
    "Entry",
    "InstanceMap",
    "Native",
    "Table",
    "View",
    "WritePlan",
    "plan_add",
    "plan_delete",
    "plan_write",
    "table",
]
