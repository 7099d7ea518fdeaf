"""The page of the benchmarks says what the samples say: nothing in it is written by hand."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from benchmarks.method.results import Pairs, Results, Series, Workload
from benchmarks.method.rounds import Turn, TurnError, measure
from benchmarks.page import figures, tables, targets

if TYPE_CHECKING:
    from pathlib import Path

ECHO = Workload("echo 256 B", "echo", "an echo", "seconds", "us", "picows callbacks", awake=True)
OURS = "aiowebsocket connect"


def series(contender: str, loop: str, seconds: list[float]) -> Series:
    return Series("echo 256 B", contender, loop, {"seconds": seconds, "cpu": seconds})


def results(*found: Series, pairs: list[Pairs] | None = None) -> Results:
    roles = {
        one.contender: "ours" if one.contender.startswith("aiowebsocket") else "peer"
        for one in found
    }
    return Results(
        {"cores": "2"},
        {},
        {},
        roles=roles,
        workloads=[ECHO],
        series=list(found),
        pairs=pairs or [],
    )


TARGET = targets.Target("echo 256 B", OURS, "seconds", 1.0, targets.CALLBACKS)


def test_a_target_is_met_only_on_the_worst_of_our_loops_against_the_rivals_best() -> None:
    found = results(
        series(OURS, "asyncio", [9e-6, 9e-6, 9e-6]),
        series(OURS, "uvloop", [11e-6, 11e-6, 11e-6]),
        series("picows callbacks", "asyncio", [20e-6, 20e-6, 20e-6]),
        series("picows callbacks, aiofastnet", "uvloop", [10e-6, 10e-6, 10e-6]),
    )
    verdict = targets.judge(TARGET, found)
    assert verdict is not None
    assert verdict.values == {"asyncio": pytest.approx(0.9), "uvloop": pytest.approx(1.1)}
    assert verdict.rival == "picows callbacks, aiofastnet (uvloop)"
    assert not verdict.met
    assert "**not met**" in targets.table(found)


def test_pairs_count_more_than_rounds() -> None:
    pairs = Pairs(
        "echo 256 B",
        OURS,
        "asyncio",
        "picows callbacks",
        "asyncio",
        {"seconds": [0.8, 0.9, 1.4]},
    )
    found = results(
        series(OURS, "asyncio", [12e-6]),
        series("picows callbacks", "asyncio", [10e-6]),
        pairs=[pairs],
    )
    verdict = targets.judge(TARGET, found)
    assert verdict is not None
    assert verdict.values == {"asyncio": 0.9}
    assert verdict.met


def test_a_target_that_was_not_measured_is_not_met() -> None:
    assert targets.judge(TARGET, results(series(OURS, "asyncio", [1e-6]))) is None
    assert "not measured" in targets.table(results())


def test_a_peer_that_is_cheaper_is_said_to_be() -> None:
    found = results(
        series(OURS, "asyncio", [10e-6, 10e-6, 10e-6]),
        series("faster", "asyncio", [8e-6, 8e-6, 30e-6]),
        series("slower", "asyncio", [11e-6, 11e-6, 1e-6]),
    )
    assert [(loss[2].contender, loss[3]) for loss in targets.losses(found)] == [
        ("faster", "seconds"),
        ("faster", "cpu"),
    ]
    assert "1.25" in targets.table_of_losses(found)


def test_a_ratio_is_taken_within_its_round() -> None:
    mine, other = series(OURS, "asyncio", [1e-6, 8e-6]), series("a", "asyncio", [2e-6, 4e-6])
    assert figures.ratios(mine, other, "seconds") == [0.5, 2.0]


def test_a_table_has_a_row_a_contender_and_its_ratio_to_the_baseline() -> None:
    found = results(
        series(OURS, "asyncio", [10e-6, 30e-6, 20e-6]),
        series("picows callbacks", "asyncio", [10e-6, 10e-6, 10e-6]),
    )
    table = tables.table(ECHO, found)
    assert "| aiowebsocket connect | 20.0 (10.0 to 30.0) | " in table
    assert table.count("2.00 (1.00 to 3.00) |") == 1


def test_results_come_back_from_json_as_they_were(tmp_path: Path) -> None:
    pairs = Pairs("echo 256 B", OURS, "asyncio", "a", "uvloop", {"seconds": [1.0]})
    found = results(series(OURS, "asyncio", [1e-6]), pairs=[pairs])
    found.write(tmp_path / "results.json")
    assert Results.read(tmp_path / "results.json") == found


class Steady(Turn):
    """Takes as long as it is told, and remembers when it was asked."""

    def __init__(self, name: str, seconds: float, order: list[str]) -> None:
        super().__init__(name, "asyncio")
        self.seconds, self.order = seconds, order

    def take(self) -> dict[str, float]:
        self.order.append(self.contender)
        return {"seconds": self.seconds}


def test_each_contender_has_its_turn_in_each_round_and_the_first_changes() -> None:
    order: list[str] = []
    turns = [Steady(name, 1e-3, order) for name in "abc"]
    found, failures = measure("echo", list(turns), rounds=3, block=0.0)
    assert not failures
    assert order == [*"abc", *"bca", *"cab"]
    assert [len(one.figures["seconds"]) for one in found] == [3, 3, 3]


class Failing(Steady):
    """Fails from its second block on."""

    def take(self) -> dict[str, float]:
        if self.contender in self.order:
            raise TurnError(self, "echo", TimeoutError("stuck"))
        return super().take()


def test_who_fails_is_named_and_takes_no_further_part() -> None:
    order: list[str] = []
    turns: list[Turn] = [Steady("a", 1e-3, order), Failing("b", 1e-3, order)]
    found, failures = measure("echo", turns, rounds=3, block=0.0)
    assert [one.contender for one in found] == ["a"]
    assert [len(one.figures["seconds"]) for one in found] == [3]
    assert [str(one) for one in failures] == ["b on asyncio failed in echo: TimeoutError('stuck')"]
    assert failures[0].contender == "b"


def test_a_block_holds_as_many_operations_as_fill_it() -> None:
    turn = Steady("a", 1e-3, [])
    turn.warm_up(0.5)
    assert turn.operations == 500
