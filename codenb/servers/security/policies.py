"""What the validation and the security server ask: check these objects, these files, against the policies.

All of it is synchronous and safe in threads; the engine is loaded by the first call, in half a second to two.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from codenb.servers.security import _docker, _kubernetes, _terraform
from codenb.servers.security._engine import version
from codenb.servers.security._results import CHECKER, Scan

if TYPE_CHECKING:
    from codenb.servers._manifests import Document

__all__ = ["CHECKER", "Scan", "scan_dockerfile", "scan_manifests", "scan_terraform", "version"]


def scan_manifests(documents: Sequence[Document]) -> Scan:
    """Check Kubernetes objects; each container that breaks a policy is a finding at its value.

    Args:
        documents: The objects, as they were read. Those that go together belong into one call: some policies are on
            several at once.

    Raises:
        PartMissing: checkov is not installed.
    """
    return _kubernetes.scan(documents)


def scan_terraform(files: Mapping[str, str]) -> Scan:
    """Check Terraform modules, with the values that are written down for their variables.

    Args:
        files: Texts of `.tf` and `.tfvars` files by name, as relative paths.

    Raises:
        PartMissing: checkov is not installed.
    """
    return _terraform.scan(files)


def scan_dockerfile(text: str, file: str = "<text>") -> Scan:
    """Check a Dockerfile.

    Args:
        text: Its text.
        file: As it was named.

    Raises:
        PartMissing: checkov is not installed.
    """
    return _docker.scan(text, file)
