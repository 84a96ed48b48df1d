"""The yard: CPU time of lxml parsing and walking a 227 kB GetParameterValuesResponse of 1,500 values.

Ratios to it hold on any machine. On two hardware threads of one core everything is slower while both
work, so the yard is also measured beside a busy process: that one is comparable with a server under load.
"""

from __future__ import annotations

import subprocess
import sys
import time

from lxml import etree

VALUES = 1500
_TYPE = "{http://www.w3.org/2001/XMLSchema-instance}type"
_PARSER = etree.XMLParser(resolve_entities=False, no_network=True, huge_tree=False)


def document() -> bytes:
    """227 kB, give or take one."""
    rows = "".join(
        f"<ParameterValueStruct><Name>Device.Hosts.Host.{i}.X_Bench_SomeNumber12</Name>"
        f'<Value xsi:type="xsd:unsignedInt">{i * 7919 % 100000}</Value></ParameterValueStruct>'
        for i in range(VALUES)
    )
    return (
        '<SOAP-ENV:Envelope xmlns:SOAP-ENV="http://schemas.xmlsoap.org/soap/envelope/" '
        'xmlns:SOAP-ENC="http://schemas.xmlsoap.org/soap/encoding/" xmlns:xsd="http://www.w3.org/2001/XMLSchema" '
        'xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance" xmlns:cwmp="urn:dslforum-org:cwmp-1-0">'
        '<SOAP-ENV:Header><cwmp:ID SOAP-ENV:mustUnderstand="1">1</cwmp:ID></SOAP-ENV:Header><SOAP-ENV:Body>'
        '<cwmp:GetParameterValuesResponse><ParameterList SOAP-ENC:arrayType="cwmp:ParameterValueStruct[1500]">'
        f"{rows}</ParameterList></cwmp:GetParameterValuesResponse></SOAP-ENV:Body></SOAP-ENV:Envelope>"
    ).encode()


def measure(rounds: int = 100) -> float:
    """Mean CPU milliseconds of one yard."""
    body = document()
    start = time.process_time()
    for _ in range(rounds):
        root = etree.fromstring(body, _PARSER)
        walked = [(s[0].text, s[1].text, s[1].get(_TYPE)) for s in root.iter("ParameterValueStruct")]
        assert len(walked) == VALUES
    return (time.process_time() - start) / rounds * 1000


def measure_beside_load(rounds: int = 100) -> float:
    """The yard while another process keeps the other hardware thread busy."""
    busy = subprocess.Popen([sys.executable, "-c", "while True: sum(range(10000))"])
    try:
        return measure(rounds)
    finally:
        busy.kill()
        busy.wait()


if __name__ == "__main__":
    print(f"{len(document())} bytes: {measure():.2f} ms alone, {measure_beside_load():.2f} ms beside a busy process")
