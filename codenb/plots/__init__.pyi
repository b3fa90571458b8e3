from ._chart import Chart as Chart
from ._infrastructure import infrastructure_cost as infrastructure_cost
from ._latency import latency as latency
