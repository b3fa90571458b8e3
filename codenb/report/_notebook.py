"""A run as a Jupyter notebook (nbformat 4.5) that can be opened, read and run again."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from codenb.report._step import Step


def notebook(steps: Sequence[Step]) -> str:
    """Write the steps as a notebook with their outputs.

    Returns:
        The notebook as JSON text, valid against nbformat's own schema.
    """
    import nbformat  # noqa: PLC0415  only when a run is kept
    from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook  # noqa: PLC0415

    cells: list[Any] = []
    count = 0
    for number, step in enumerate(steps, start=1):
        if step.prose:
            cells.append(new_markdown_cell(step.prose.strip(), id=f"prose-{number}"))
        if step.code:
            count += 1
            outputs = _outputs(step, count)
            cells.append(
                new_code_cell(step.code.strip(), id=f"code-{number}", execution_count=count, outputs=outputs),
            )
    document = new_notebook(
        cells=cells,
        metadata={
            "kernelspec": {"display_name": "Python 3 (ipykernel)", "language": "python", "name": "python3"},
            "language_info": {"name": "python"},
        },
    )
    nbformat.validate(document)
    return str(nbformat.writes(document)) + "\n"


def _outputs(step: Step, count: int) -> list[Any]:
    from nbformat.v4 import new_output  # noqa: PLC0415

    outputs = []
    if step.printed:
        outputs.append(new_output("stream", name="stdout", text=step.printed))
    if step.shown:
        outputs.append(new_output("execute_result", data=step.shown, execution_count=count))
    return outputs
