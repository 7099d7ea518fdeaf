"""Results: what they are, the files that keep them, the table that shows them, and the verdict.

Knows the words of the Autobahn testsuite; knows nothing of how a case is run.
"""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

FOLDER = Path(__file__).parent / "results"
BEHAVIORS = ("OK", "NON-STRICT", "INFORMATIONAL", "FAILED", "UNIMPLEMENTED")
PASSED = frozenset({"OK", "NON-STRICT", "INFORMATIONAL"})
CLOSED_WELL = frozenset({"OK", "INFORMATIONAL"})
# Sent octet by octet: whether a message and the bad frame behind it are read together, and so
# whether its echo goes out, is TCP's affair. OK and NON-STRICT count as the same.
OCTET_WISE = frozenset({"3.4", "4.1.5", "4.2.5"})
SECTIONS = {
    "1": "Framing",
    "2": "Pings and pongs",
    "3": "Reserved bits",
    "4": "Opcodes",
    "5": "Fragmentation",
    "6": "UTF-8 handling",
    "7": "Close handling",
    "9": "Limits and performance",
    "10": "Auto-fragmentation",
    "12": "Compression: payloads",
    "13": "Compression: parameters",
}
FACTS = (
    "description",
    "expectation",
    "result",
    "resultClose",
    "expected",
    "received",
    "expectedClose",
    "remoteCloseCode",
    "wasClean",
    "wasNotCleanReason",
    "closedByMe",
    "failedByMe",
    "droppedByMe",
    "duration",
)
FACT_WIDTH = 300


class Outcome(NamedTuple):
    """What the server made of a case: of the messages, and of how the connection was closed."""

    behavior: str
    close: str

    @property
    def passed(self) -> bool:
        """Whether the issue's bar is met; a NON-STRICT one has to be argued in the README."""
        return self.behavior in PASSED and self.close in CLOSED_WELL

    def __str__(self) -> str:
        return f"{self.behavior}, close {self.close}"


class Finding(NamedTuple):
    """An outcome with what is known beside it."""

    outcome: Outcome
    failure: str | None
    report: dict[str, Any]


def steady(case: str, outcome: Outcome) -> Outcome:
    """The outcome as it is recorded and compared."""
    if case in OCTET_WISE and outcome.behavior == "OK":
        return outcome._replace(behavior="NON-STRICT")
    return outcome


def recorded(agent: str) -> dict[str, Outcome]:
    """The committed results of an agent."""
    path = FOLDER / f"{agent}.json"
    if not path.exists():
        return {}
    entries = json.loads(path.read_text())
    return {
        case: Outcome(entry["behavior"], entry["behaviorClose"]) for case, entry in entries.items()
    }


def record(agent: str, findings: Mapping[str, Finding]) -> None:
    """Write an agent's results, one line a case; cases that were not run keep theirs."""
    outcomes = recorded(agent)
    outcomes |= {case: steady(case, finding.outcome) for case, finding in findings.items()}
    lines = [
        f'"{case}": {json.dumps({"behavior": outcome.behavior, "behaviorClose": outcome.close})}'
        for case, outcome in sorted(outcomes.items(), key=lambda item: _numbers(item[0]))
    ]
    FOLDER.mkdir(exist_ok=True)
    (FOLDER / f"{agent}.json").write_text("{\n" + ",\n".join(lines) + "\n}\n")


def table(findings: Mapping[str, Finding], seconds: Mapping[str, float]) -> Iterator[str]:
    """The rows of the table by section."""
    columns = ("cases", *BEHAVIORS, "wrong close", "seconds")
    yield f"{'section':27}" + "".join(f"{column:>{len(column) + 2}}" for column in columns)
    for section in (*SECTIONS, "all"):
        outcomes = [
            finding.outcome
            for case, finding in findings.items()
            if section in ("all", _section(case))
        ]
        if not outcomes:
            continue
        name = f"{section:>3} {SECTIONS.get(section, '')}"
        time = sum(seconds.values()) if section == "all" else seconds[section]
        cells = [*map(str, _counts(outcomes)), f"{time:.1f}"]
        yield f"{name:27}" + "".join(
            f"{cell:>{len(column) + 2}}" for column, cell in zip(columns, cells, strict=True)
        )


def complaints(findings: Mapping[str, Finding], known: Mapping[str, Outcome]) -> Iterator[str]:
    """What keeps a run from passing, a paragraph each."""
    if not known:
        yield "no committed results to compare with: --record writes them"
    for case, finding in findings.items():
        outcome, failure = steady(case, finding.outcome), finding.failure
        was = known.get(case)
        differs = bool(known) and was != outcome
        if not differs and failure is None and outcome.passed:
            continue
        said = f"{case}: {outcome}" + (f" (committed: {was or 'nothing'})" if differs else "")
        if failure is not None:
            said += f"; the client raised {failure}"
        yield "\n".join([said, *_facts(finding)])


def _facts(finding: Finding) -> Iterator[str]:
    for fact in FACTS:
        if fact in finding.report:
            text = " ".join(str(finding.report[fact]).split())
            yield f"    {fact}: {text[:FACT_WIDTH]}"


def _counts(outcomes: list[Outcome]) -> list[int]:
    behaviors = Counter(
        outcome.behavior if outcome.behavior in BEHAVIORS else "FAILED" for outcome in outcomes
    )
    wrong_closes = sum(outcome.close not in CLOSED_WELL for outcome in outcomes)
    return [len(outcomes), *(behaviors[behavior] for behavior in BEHAVIORS), wrong_closes]


def _section(case: str) -> str:
    return case.partition(".")[0]


def _numbers(case: str) -> list[int]:
    return [int(number) for number in case.split(".")]
