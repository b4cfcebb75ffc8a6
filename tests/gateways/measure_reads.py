"""Measures a Horizon gateway's reads by wrk: `python -m tests.gateways.measure_reads [SECONDS]`.

Prints one JSON line a load.
"""

import json
import sys
from dataclasses import asdict

from tests.gateways.reading import LOADS, measure, start_reader
from tests.support.servers import start_native_servers


def run(seconds: int) -> None:
    with start_native_servers() as servers, start_reader(servers) as reader:
        for name, load in LOADS.items():
            figures = asdict(measure(reader, load, seconds))
            rounded = {key: round(value, 2) for key, value in figures.items()}
            sys.stdout.write(json.dumps({"read": name, **rounded}) + "\n")
            sys.stdout.flush()


if __name__ == "__main__":
    run(int(sys.argv[1]) if len(sys.argv) > 1 else 5)
