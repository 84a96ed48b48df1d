"""Fault codes of CWMP as data (TR-069 A.5.1 for CPEs, A.5.2 for ACSs) with what to do about each."""

from __future__ import annotations

from typing import Literal, NamedTuple

RetryClass = Literal["transient", "permanent", "policy", "credentials"]
"""transient: try again later. permanent: the same call fails again. policy: the device does not want to;
a human or another policy decides. credentials: wrong login of a file server."""


class FaultInfo(NamedTuple):
    """``faultcode`` is ``Client`` when the sender of the request erred, else ``Server``; ``section`` of TR-069."""

    code: int
    meaning: str
    retry: RetryClass
    faultcode: Literal["Client", "Server"]
    section: str


def _row(code: int, meaning: str, retry: RetryClass, faultcode: Literal["Client", "Server"] = "Server") -> FaultInfo:
    return FaultInfo(code, meaning, retry, faultcode, "A.5.2" if code < 9000 else "A.5.1")


FAULTS: dict[int, FaultInfo] = {
    row.code: row
    for row in (
        _row(8000, "Method not supported", "permanent"),
        _row(8001, "Request denied", "policy"),
        _row(8002, "Internal error", "transient"),
        _row(8003, "Invalid arguments", "permanent", "Client"),
        _row(8004, "Resources exceeded", "transient"),
        _row(8005, "Retry request", "transient"),
        _row(8006, "ACS version incompatible with CPE", "permanent"),
        _row(9000, "Method not supported", "permanent"),
        _row(9001, "Request denied", "policy"),
        _row(9002, "Internal error", "transient"),
        _row(9003, "Invalid arguments", "permanent", "Client"),
        _row(9004, "Resources exceeded", "transient"),
        _row(9005, "Invalid parameter name", "permanent", "Client"),
        _row(9006, "Invalid parameter type", "permanent", "Client"),
        _row(9007, "Invalid parameter value", "permanent", "Client"),
        _row(9008, "Attempt to set a non-writable parameter", "permanent", "Client"),
        _row(9009, "Notification request rejected", "policy"),
        _row(9010, "File transfer failure", "transient"),
        _row(9011, "Upload failure", "transient"),
        _row(9012, "File transfer server authentication failure", "credentials"),
        _row(9013, "Unsupported protocol for file transfer", "permanent"),
        _row(9014, "File transfer failure: unable to join multicast group", "transient"),
        _row(9015, "File transfer failure: unable to contact file server", "transient"),
        _row(9016, "File transfer failure: unable to access file", "transient"),
        _row(9017, "File transfer failure: unable to complete download", "transient"),
        _row(9018, "File transfer failure: file corrupted or unusable", "transient"),
        _row(9019, "File transfer failure: file authentication failure", "permanent"),
        _row(9020, "File transfer failure: not completed within the time windows", "transient"),
        _row(9021, "Cancelation of file transfer not permitted in current transfer state", "permanent"),
        _row(9022, "Invalid UUID format", "permanent"),
        _row(9023, "Unknown execution environment", "permanent"),
        _row(9024, "Disabled execution environment", "permanent"),
        _row(9025, "Deployment unit to execution environment mismatch", "permanent"),
        _row(9026, "Duplicate deployment unit", "permanent"),
        _row(9027, "System resources exceeded", "transient"),
        _row(9028, "Unknown deployment unit", "permanent"),
        _row(9029, "Invalid deployment unit state", "permanent"),
        _row(9030, "Invalid deployment unit update: downgrade not permitted", "permanent"),
        _row(9031, "Invalid deployment unit update: version not specified", "permanent"),
        _row(9032, "Invalid deployment unit update: version already exists", "permanent"),
    )
}
"""code -> what it means. Retry classes of 9011 and 9020-9029 are ours, the others follow cwmp.md section 10."""


def fault_info(code: int) -> FaultInfo:
    """The row of a code; vendor and unknown codes are permanent, because nothing says a retry would help."""
    known = FAULTS.get(code)
    if known is not None:
        return known
    vendor = 8800 <= code <= 8899 or 9800 <= code <= 9899
    return _row(code, "Vendor fault" if vendor else "Unknown fault", "permanent")
