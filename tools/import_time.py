"""How light a wheel is: its size, and what `import aiowebsocket` adds to `import asyncio`.

python tools/import_time.py dist/aiowebsocket-*.whl
"""

from __future__ import annotations

import statistics
import subprocess
import sys
from pathlib import Path

RUNS = 21
# -I: neither the working directory nor the user's packages can stand in for the installed one.
PROGRAM = """
import asyncio, time
began = time.perf_counter()
import aiowebsocket
print(time.perf_counter() - began)
"""


def main() -> None:
    """Prints a line a wheel and one for the import."""
    for wheel in sys.argv[1:]:
        path = Path(wheel)
        print(f"{path.name}: {path.stat().st_size / 1e6:.2f} MB")
    times = sorted(one_import() * 1e3 for _ in range(RUNS))
    print(
        f"import aiowebsocket after import asyncio: {statistics.median(times):.2f} ms "
        f"(median of {RUNS} processes; {times[0]:.2f} to {times[-1]:.2f})"
    )


def one_import() -> float:
    """Seconds, in a process of its own."""
    command = [sys.executable, "-I", "-c", PROGRAM]
    return float(subprocess.run(command, capture_output=True, text=True, check=True).stdout)


if __name__ == "__main__":
    main()
