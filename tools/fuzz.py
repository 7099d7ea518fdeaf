"""Runs fuzz targets for a time each, and says in a line a target what came of it.

What a target finds is in fuzz/artifacts, its corpus grows in fuzz/corpus, and it starts from
fuzz/seeds. Stable Rust will do: the sanitizer is there, only its option has to be let through.
"""

from __future__ import annotations

import argparse
import os
import re
import subprocess
import sys
from pathlib import Path

FUZZ = Path("fuzz")
# The slowest input may take this long, the memory of a run be this much, before that is a finding.
LIMITS = ("-timeout=20", "-rss_limit_mb=4096")


def main() -> int:
    """Builds all, runs each, and fails where one has found something."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("targets", nargs="*", help="all, if none is named")
    parser.add_argument("--seconds", type=int, default=60, help="for each target")
    arguments = parser.parse_args()
    # Nightly needs no permission for an unstable option and is not disturbed by it.
    os.environ["RUSTC_BOOTSTRAP"] = "1"
    subprocess.run(["cargo", "fuzz", "build"], check=True)
    targets = arguments.targets or listed()
    return 1 if [target for target in targets if not holds(target, arguments.seconds)] else 0


def listed() -> list[str]:
    """The targets that fuzz/Cargo.toml names."""
    names = subprocess.run(["cargo", "fuzz", "list"], check=True, stdout=subprocess.PIPE, text=True)
    return names.stdout.split()


def holds(target: str, seconds: int) -> bool:
    """Runs one target; where it finds something, the end of its log says what."""
    corpus, seeds = FUZZ / "corpus" / target, FUZZ / "seeds" / target
    corpus.mkdir(parents=True, exist_ok=True)
    command = ["cargo", "fuzz", "run", target, str(corpus), str(seeds), "--"]
    options = [f"-max_total_time={seconds}", "-print_final_stats=1", *LIMITS]
    run = subprocess.run(
        [*command, *options],
        check=False,
        stderr=subprocess.PIPE,
        text=True,
        errors="replace",
    )
    outcome = "nothing found" if run.returncode == 0 else "FAILED"
    print(f"{target:20} {figures(run.stderr)}: {outcome}", flush=True)
    if run.returncode != 0:
        print(*run.stderr.splitlines()[-60:], sep="\n", flush=True)
    return run.returncode == 0


def figures(log: str) -> str:
    """How often the target ran, and how many inputs were worth keeping."""
    runs = re.findall(r"^stat::number_of_executed_units:\s*(\d+)", log, re.MULTILINE)
    kept = re.findall(r"\bcorp: (\d+)/", log)
    return f"{int((runs or [0])[-1]):>12,} runs, {int((kept or [0])[-1]):>6,} inputs"


if __name__ == "__main__":
    sys.exit(main())
