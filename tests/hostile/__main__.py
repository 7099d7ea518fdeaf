"""Every attack on memory, as a table: `make attacks`.

Ends with 1 if an attack cost more than it may.
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
from pathlib import Path

from peers.authority import Authority
from peers.process import python_server

from . import memory, results
from .attacks import ATTACKS, LIMITS
from .victim import under_attack


def main() -> int:
    """Set up, run, print."""
    options = parse_arguments()
    if not memory.is_measurable():
        print("Attacks skipped: this system does not tell a process its peak of memory")
        return 0
    with tempfile.TemporaryDirectory() as folder:
        authority = Authority(Path(folder))
        # The victims are processes of their own, and trust what their environment says.
        os.environ["SSL_CERT_FILE"] = str(authority.ca_file)
        attacker = python_server("hostile.attacker", authority.server_files)
        try:
            rows = list(run(options, attacker.ports))
        finally:
            attacker.stop()
    if options.record:
        results.record(rows)
    return 1 if any(row.is_over for row in rows) else 0


def parse_arguments() -> argparse.Namespace:
    """What can be asked for on the command line."""
    parser = argparse.ArgumentParser(prog="hostile", description=__doc__)
    add = parser.add_argument
    add("--faces", nargs="+", choices=LIMITS, default=list(LIMITS))
    add("--schemes", nargs="+", choices=["ws", "wss"], default=["ws", "wss"])
    add("--only", default="", help="attacks with these words in their names")
    add("--record", action="store_true", help=f"write the table to {results.FILE.name}")
    return parser.parse_args()


def run(options: argparse.Namespace, ports: dict[str, int]) -> list[results.Row]:
    """Attack after attack, each printed as it ends."""
    rows = []
    print(results.HEAD)
    for face in options.faces:
        for scheme in options.schemes:
            for attack in (attack for attack in ATTACKS if options.only in attack.name):
                damage = under_attack(attack, face, scheme, ports)
                rows.append(results.Row(face, scheme, attack, damage))
                print(rows[-1], flush=True)
    return rows


if __name__ == "__main__":
    sys.exit(main())
