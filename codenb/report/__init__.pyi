from ._notebook import notebook as notebook
from ._page import page as page
from ._step import Step as Step
