"""All benchmarks, one table each: ``python -m benchmarks [--devices 100000] [--folder DIR] [--only TEXT]``."""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
from pathlib import Path

from . import bench_cwmp


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--devices", type=int, default=100_000)
    parser.add_argument("--folder", help="keep the stores here and use them again")
    parser.add_argument("--only", default="", help="rows whose name contains this text")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        base = Path(arguments.folder or temporary)
        base.mkdir(parents=True, exist_ok=True)
        os.environ.setdefault("CPETWIN_KEY_FILE", str(base / "key"))
        bench_cwmp.main(base, arguments.devices, arguments.only)
    if not arguments.only:
        subprocess.run([sys.executable, "-m", "benchmarks.bench_store"], check=True)


if __name__ == "__main__":
    main()
