"""What programs write of their trouble, held against the state of the cluster.

Log text is data: it is matched, quoted and compared with objects that exist. Nothing in it becomes an argument of a
proposal.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from codenb.models import Cause, Finding, Remedy, Severity
from codenb.servers.kubernetes.analyzers._case import Case, lines_like, made, selects
from codenb.servers.kubernetes.snapshot import NetworkPolicy, Service, Workload

_DNS = re.compile(
    r"no such host|name resolution|could not resolve|cannot resolve|EAI_AGAIN|ENOTFOUND|NXDOMAIN|getaddrinfo"
    r"|lookup \S+(?: on \S+)?: |name or service not known|resolve host|dns (?:lookup|query|error|timeout)",
    re.IGNORECASE,
)
_UNREACHED = re.compile(
    r"connection refused|ECONNREFUSED|connection reset|timed? ?out|ETIMEDOUT|deadline exceeded|unreachable"
    r"|unavailable|no such host|no route to host|failed to connect|could not connect|cannot connect"
    r"|connection (?:failed|lost|error|closed)|lost connection|\b50[234]\b",
    re.IGNORECASE,
)
_POOL = re.compile(
    r"pool[^\n]{0,40}?\b(?P<used>[1-9]\d*)/(?P=used)\b|pool[^\n]{0,30}(?:exhausted|is full|limit of size \d+)"
    r"|(?:exhausted|no (?:free|available|idle))[^\n]{0,30}(?:pool|connections?\b|workers?\b)"
    r"|too many (?:connections|clients)"
    r"|remaining connection slots|unable to acquire (?:a )?connection|timed? ?out[^\n]{0,40}\bfrom (?:the )?pool",
    re.IGNORECASE,
)
_FORBIDDEN = re.compile(
    r'(?P<what>\S+) is forbidden: User "system:serviceaccount:(?P<namespace>[^:"]+):(?P<account>[^"]+)" cannot '
    r'(?P<verb>\w+) resource "(?P<resource>[^"]+)"'
)
_FULL = re.compile(r"no space left on device|disk (?:is )?full|ENOSPC|disk quota exceeded", re.IGNORECASE)
_EXPIRED = re.compile(
    r"certificate has expired|certificate is not yet valid|certificate expired|CERT_HAS_EXPIRED", re.IGNORECASE
)
_DNS_PORT = "53/"


def pools(case: Case) -> Iterator[Finding]:
    """A pool of connections or workers is used up."""
    for workload, line, _ in _first_lines(case, _POOL):
        root = case.of(workload)
        yield made(
            "logs/pool",
            Cause.POOL_EXHAUSTED,
            Severity.HIGH,
            entity=root,
            root=root,
            message=f"{root} has used up a pool, as its log says",
            quotes=[line],
            remedies=[
                Remedy(text="find what holds the connections; raise the pool only as far as the other side allows")
            ],
        )


def permissions(case: Case) -> Iterator[Finding]:
    """The API server refuses what a program asks of it."""
    for workload, line, match in _first_lines(case, _FORBIDDEN):
        account = workload.service_account or "default"
        if match["account"] != account:
            continue
        root = case.of(workload)
        yield made(
            "logs/rbac",
            Cause.RBAC_DENIED,
            Severity.HIGH,
            entity=case.entity("ServiceAccount", account),
            root=root,
            message=f"the service account {account} of {root} may not do what its program asks for",
            quotes=[line],
            remedies=[Remedy(text=f"bind a role to service account {account} that allows what the log names")],
        )


def environments(case: Case) -> Iterator[Finding]:
    """A disk is full, or a certificate has expired."""
    told = (
        (_FULL, Cause.DISK_FULL, "writes to a volume that is full", "free or grow the volume"),
        (_EXPIRED, Cause.CERTIFICATE_EXPIRED, "meets a certificate that has expired", "renew the certificate"),
    )
    for pattern, cause, words, advice in told:
        for workload, line, _ in _first_lines(case, pattern):
            root = case.of(workload)
            yield made(
                f"logs/{cause.name.lower().replace('_', '-')}",
                cause,
                Severity.HIGH,
                entity=root,
                root=root,
                message=f"{root} {words}, as its log says",
                quotes=[line],
                remedies=[Remedy(text=advice)],
            )


def network(case: Case) -> Iterator[Finding]:
    """Names cannot be resolved or a service cannot be reached, and a network policy explains it."""
    for workload, line, _ in _first_lines(case, _DNS):
        policies = [one for one in _binding(case, workload) if "Egress" in one.types]
        if not policies or any(_lets_dns_out(rule) for one in policies for rule in one.egress):
            continue
        root, names = case.of(workload), ", ".join(one.name for one in policies)
        yield made(
            "logs/dns-blocked",
            Cause.DNS_BLOCKED,
            case.severity(workload),
            entity=case.entity("NetworkPolicy", policies[0].name),
            root=root,
            message=f"{root} cannot resolve names: network policy {names} lets nothing out to port 53",
            quotes=[line, f"name: {policies[0].name}"],
            remedies=[Remedy(text=f"allow egress to kube-dns on 53/UDP and 53/TCP beside {names}")],
        )
    for workload, line, service in _unreached(case):
        served = next(iter(case.behind(service)), None)
        if served is None or not case.endpoints_of(service).ready:
            continue
        closed = [one for one in _binding(case, served) if "Ingress" in one.types and not _lets_in(one, workload)]
        if closed:
            root = case.of(workload)
            yield made(
                "logs/policy-blocks",
                Cause.NETWORK_POLICY_BLOCKS,
                case.severity(workload),
                entity=case.entity("NetworkPolicy", closed[0].name),
                root=root,
                message=f"{root} does not reach service {service.name}: network policy {closed[0].name} lets it not in",
                quotes=[line, f"name: {closed[0].name}"],
                remedies=[Remedy(text=f"allow ingress from the pods of {root} in {closed[0].name}")],
            )


def dependencies(case: Case) -> Iterator[Finding]:
    """A program cannot reach another service, and that service has nobody ready."""
    for workload, line, service in _unreached(case):
        behind = case.behind(service)
        if not case.nobody_ready(service) or workload in behind:
            continue
        end = _last(case, behind[0], {workload.name}) if behind else None
        root = case.of(end) if end else case.entity("Service", service.name)
        yield made(
            "logs/dependency",
            Cause.DEPENDENCY_DOWN,
            case.severity(workload),
            entity=case.of(workload),
            root=root,
            message=f"{case.of(workload)} fails because service {service.name} has no ready endpoints"
            + (f"; what is down is {root}" if end else ""),
            quotes=[line, f"name: {service.name} type: {service.type}"],
            remedies=[Remedy(text=f"mend {root} first; {case.of(workload)} follows")],
        )


def _first_lines(case: Case, pattern: re.Pattern[str]) -> Iterator[tuple[Workload, str, re.Match[str]]]:
    """Of every workload the newest line that a pattern finds."""
    for workload in case.snapshot.workloads:
        for _, line, match in lines_like(pattern, case.logs(workload))[:1]:
            yield workload, line, match


def _unreached(case: Case) -> Iterator[tuple[Workload, str, Service]]:
    """Workloads whose log says that a service of this namespace cannot be reached."""
    names = {one.name: _as_host(one.name, case.namespace) for one in case.snapshot.services}
    for workload in case.snapshot.workloads:
        seen = set()
        for _, line, _match in lines_like(_UNREACHED, case.logs(workload)):
            for service in case.snapshot.services:
                mine = selects(service.selector, workload.labels)
                if service.name not in seen and not mine and names[service.name].search(line):
                    seen.add(service.name)
                    yield workload, line, service


def _as_host(name: str, namespace: str) -> re.Pattern[str]:
    """Finds a service's name where it stands for a host, and not as a word like any other."""
    word, full = re.escape(name), rf"(?:\.{re.escape(namespace)}(?:\.svc[\w.]*)?)"
    before = "".join(
        f"(?<={lead})|" for lead in ("//", "@", "lookup ", "to ", "host ", "host=", "from ", "tcp ", "'", '\\"')
    )
    return re.compile(rf"(?:{before[:-1]}){word}{full}?(?![\w.-])|(?<![\w.-]){word}(?:{full}|{full}?:\d+)(?![\w-])")


def _last(case: Case, workload: Workload, seen: set[str]) -> Workload:
    """The end of a chain of failing dependencies."""
    for source, _, service in _unreached(case):
        if source.name != workload.name or not case.nobody_ready(service):
            continue
        further = next((one for one in case.behind(service) if one.name not in seen), None)
        if further is not None:
            return _last(case, further, seen | {workload.name})
    return workload


def _binding(case: Case, workload: Workload) -> list[NetworkPolicy]:
    """The policies that bind a workload's pods; an empty selector binds all."""
    return [one for one in case.snapshot.network_policies if not one.selector or selects(one.selector, workload.labels)]


def _lets_dns_out(rule: str) -> bool:
    where, _, ports = rule.partition(" on ")
    local = where.startswith("to pods")  # pods of this namespace, where no resolver runs
    return (_DNS_PORT in ports or ports == "any port") and not local


def _lets_in(policy: NetworkPolicy, source: Workload) -> bool:
    for rule in policy.ingress:
        peers = rule.partition(" on ")[0].removeprefix("from ")
        for peer in peers.split(" or "):
            labels = dict(one.split("=", 1) for one in peer.removeprefix("pods ").split(",") if "=" in one)
            mine = peer.startswith("pods ") and (not labels or selects(labels, source.labels))
            if (
                peer in ("anywhere", "pods any", "namespaces any")
                or mine
                or peer.startswith(("namespaces", "0.0.0.0/0"))
            ):
                return True
    return False
