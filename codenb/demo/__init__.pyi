from . import scenarios as scenarios
from .process import World as World
from .thread import WorldThread as WorldThread
