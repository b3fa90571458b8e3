"""Manifests on a cluster: what they would change, and changing it.

Every object is applied by server-side apply as field manager `codenb`, so that the API server itself knows whose each
field is: what others set is never overwritten unseen, what the manifests no longer say is given up, and a diff is about
what the manifests manage and nothing else.
"""

from codenb.servers.deployment.kubernetes._deploying import deployed
from codenb.servers.deployment.kubernetes._diffing import diff
from codenb.servers.deployment.kubernetes._models import ManifestDiff, ObjectDiff, Report

__all__ = ["ManifestDiff", "ObjectDiff", "Report", "deployed", "diff"]
