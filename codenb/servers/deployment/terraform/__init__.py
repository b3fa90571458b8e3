"""OpenTofu and Terraform: plans that can be read and approved, and applies of exactly what was approved."""

from codenb.servers.deployment.terraform._program import Program, Ran
from codenb.servers.deployment.terraform._workspaces import Workspaces

__all__ = ["Program", "Ran", "Workspaces"]
