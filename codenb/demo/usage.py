"""What the containers of a world take: CPU and memory, as a metrics server would have measured them.

Nothing is drawn at random. A process takes what its program says, give or take a little that comes and goes with the
windows of measurement, and one that needs more and more memory until it is killed is measured on its way there.
"""

from __future__ import annotations

import zlib
from dataclasses import dataclass
from decimal import Decimal

from codenb.demo import quantity
from codenb.demo.objects import Obj, dig
from codenb.demo.programs import Run

WINDOW_S = 15
"""A metrics server looks at each container this often; one that has not lived so long was not measured yet."""

_TURNS = tuple(map(Decimal, ("1", "1.07", "0.94", "1.03", "0.97")))


@dataclass(frozen=True, slots=True)
class Usage:
    """What one container takes, or several together.

    Attributes:
        cpu: Cores.
        memory: Bytes of its working set.
    """

    cpu: Decimal
    memory: Decimal

    def __add__(self, other: Usage) -> Usage:
        return Usage(self.cpu + other.cpu, self.memory + other.memory)

    @property
    def shown(self) -> Obj:
        """In the units of a metrics server."""
        return {"cpu": f"{int(self.cpu * 10**9)}n", "memory": f"{int(self.memory / 1024)}Ki"}


def measured(run: Run, container: Obj, moment: float) -> Usage | None:
    """What a container took in the window that ended at a moment.

    Args:
        run: Of its process.
        container: Its spec, for its limit of memory.
        moment: Of the world's clock.

    Returns:
        None where it did not run for all of that window.
    """
    if run.ended is not None or run.started > moment - WINDOW_S:
        return None
    program = run.program
    turn = _TURNS[(zlib.crc32(run.pod.encode()) + int(moment // WINDOW_S)) % len(_TURNS)]
    memory = quantity.parse(program.memory) * turn
    for crash in program.crashes:
        if crash.needs_memory:
            grown = Decimal(min(1.0, (moment - run.started) / crash.after))
            memory = max(memory, quantity.parse(crash.needs_memory) * grown)
    limit = dig(container, "resources", "limits", "memory")
    return Usage(quantity.parse(program.cpu) * turn, memory if limit is None else min(memory, quantity.parse(limit)))
