"""The checkers of Kubernetes manifests."""

from __future__ import annotations

from codenb.servers.deployment.validation._apis import Apis
from codenb.servers.deployment.validation._job import Checker
from codenb.servers.deployment.validation._names import Names
from codenb.servers.deployment.validation._policies import Policies
from codenb.servers.deployment.validation._references import References
from codenb.servers.deployment.validation._schema import SchemaChecker
from codenb.servers.deployment.validation._syntax import Syntax

CHECKERS: tuple[Checker, ...] = (Syntax(), SchemaChecker(), Apis(), References(), Names(), Policies())
