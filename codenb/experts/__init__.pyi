from ._advice import recommendations as recommendations
from ._circle import ask as ask
from ._consensus import consensus as consensus
from ._embedded import embedded as embedded
from ._expert import Expert as Expert
from ._gate import checked as checked
from ._question import question as question
from ._weight import (
    HitRate as HitRate,
)
from ._weight import (
    vocabulary_size as vocabulary_size,
)
