"""What connections live through, as a table: `make soak`.

Each scene has a process of its own and an hour at most. Ends with 1 if a row is not as promised.
"""

from __future__ import annotations

import argparse
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

from . import page
from .performing import perform
from .scenes import SCENES

if TYPE_CHECKING:
    from .scene import Scene

LIMIT, SHORT_LIMIT = 3600.0, 90.0


def main() -> int:
    """Scene after scene; the page is written anew after each: a run may be stopped."""
    options = parse_arguments()
    began = time.monotonic()
    performances = []
    for scene in chosen(options.names):
        print(page.head(scene), flush=True)
        performances.append(perform(scene, options.short, options.limit))
        print(page.body(performances[-1]), flush=True)
        if options.page:
            options.page.write_text(page.whole(performances))
    broken = page.broken(performances)
    print(f"\n{len(broken)} not as promised; {time.monotonic() - began:.0f} s")
    for line in broken:
        print(f"- {line}")
    return 1 if broken else 0


def parse_arguments() -> argparse.Namespace:
    """What can be asked for on the command line."""
    parser = argparse.ArgumentParser(prog="soak", description=__doc__)
    add = parser.add_argument
    names = [scene.name for scene in SCENES]
    add("names", nargs="*", metavar="name", help=f"scenes: {', '.join(names)}; all by default")
    add("--short", action="store_true", help="each in seconds, to see that it holds at all")
    add("--limit", type=float, help="seconds that one scene may take, at most")
    add("--page", type=Path, help="a file for the table, such as tests/soak/RESULTS.md")
    options = parser.parse_args()
    if unknown := set(options.names) - set(names):
        parser.error(f"there is no scene {' or '.join(sorted(unknown))}")
    options.limit = options.limit or (SHORT_LIMIT if options.short else LIMIT)
    return options


def chosen(names: list[str]) -> list[Scene]:
    """The scenes of these names, or all of them, in the order of the table."""
    return [scene for scene in SCENES if not names or scene.name in names]


if __name__ == "__main__":
    sys.exit(main())
