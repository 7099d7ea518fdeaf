"""Memory: what an attack may cost, in a fresh client process for each.

`make attacks` shows the same as figures, over TLS too.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from . import memory
from .attacks import ATTACKS, MIB, Attack
from .victim import under_attack

if TYPE_CHECKING:
    from peers.process import ServerProcess

pytestmark = pytest.mark.skipif(
    not memory.is_measurable(), reason="only Linux tells a process its peak of memory"
)


@pytest.mark.every("face")
@pytest.mark.parametrize("attack", ATTACKS, ids=lambda attack: attack.name)
def test_an_attack_costs_no_more_than_its_bound(
    attacker: ServerProcess, attack: Attack, face: str
) -> None:
    damage = under_attack(attack, face, "ws", attacker.ports)
    bound = attack.bound(face)
    assert damage.ending == attack.ending
    assert damage.growth <= bound, f"{damage.growth / MIB:.1f} MiB of {bound / MIB:.0f}"
