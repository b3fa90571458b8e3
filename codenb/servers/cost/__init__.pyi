from .book import PriceBook as PriceBook
from .deltas import (
    monthly_delta_of_manifests as monthly_delta_of_manifests,
)
from .deltas import (
    monthly_delta_of_plan as monthly_delta_of_plan,
)
from .deltas import (
    monthly_deltas_of_plan as monthly_deltas_of_plan,
)
from .estimates import (
    compare as compare,
)
from .estimates import (
    estimate as estimate,
)
