"""Validation of Terraform, Kubernetes and Docker configuration: one report, whoever checked.

`validate` guesses what the files are, runs the checkers of each type at the same time and merges what they found. A
checker that could not run makes the report `incomplete`; nothing else does, and nothing makes it `valid` then.
"""

from codenb.servers.deployment.validation._job import Checker, Job
from codenb.servers.deployment.validation._runner import validate

__all__ = ["Checker", "Job", "validate"]
