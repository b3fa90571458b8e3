"""Services and ingresses that lead nowhere."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterator

from codenb.models import Cause, Finding, Remedy, Severity
from codenb.servers.kubernetes.analyzers._case import Case, made
from codenb.servers.kubernetes.remedies import scale
from codenb.servers.kubernetes.snapshot import Service, ServicePort, Workload

_FROM = re.compile(r"\bfrom (\d{1,6}) to 0$")


def services(case: Case) -> Iterator[Finding]:
    """A service selects nobody, asks a port that nobody has, or has nobody ready behind it."""
    for service in case.snapshot.services:
        if not service.selector or service.external_name:
            continue
        behind = case.behind(service)
        ends = case.endpoints_of(service)
        if not behind and case.nobody_ready(service) and not ends.not_ready:
            yield from _unselected(case, service)
            continue
        for workload in behind:
            yield from _ports(case, service, workload)
            if case.nobody_ready(service):
                yield from _nobody(case, service, workload)


def ingresses(case: Case) -> Iterator[Finding]:
    """An ingress sends traffic to a service or a port that does not exist."""
    if not case.snapshot.whole("services"):
        return
    by_name = {one.name: one for one in case.snapshot.services}
    for ingress in case.snapshot.ingresses:
        entity = case.entity("Ingress", ingress.name)
        for backend in ingress.backends:
            service = by_name.get(backend.service)
            ports = (
                {str(port.port) for port in service.ports} | {port.name for port in service.ports} if service else set()
            )
            if not backend.service or (service and (service.external_name or backend.port in ports)):
                continue
            lacking = f"port {backend.port} of service {backend.service}" if service else f"service {backend.service}"
            yield made(
                "services/ingress",
                Cause.INGRESS_BACKEND_MISSING,
                Severity.HIGH,
                entity=entity,
                root=entity,
                message=f"ingress {ingress.name} sends {backend.host}{backend.path} to {lacking}, which does not exist",
                quotes=[f"service: {backend.service}", f"port: {backend.port}", f"name: {ingress.name}"],
                remedies=[Remedy(text=f"create {lacking}, or correct the ingress{_near(backend.service, by_name)}")],
            )


def _unselected(case: Case, service: Service) -> Iterator[Finding]:
    if not case.snapshot.whole("workloads"):
        return
    entity = case.entity("Service", service.name)
    meant = _meant(case, service)
    wanted = ", ".join(f"{key}={value}" for key, value in service.selector.items())
    if meant is None:
        yield made(
            "services/unselected",
            Cause.NO_ENDPOINTS,
            Severity.LOW,
            entity=entity,
            root=entity,
            message=f"service {service.name} selects {wanted}, and nothing runs with these labels",
            quotes=[_line(service)],
            remedies=[Remedy(text=f"deploy what service {service.name} is for, or delete it")],
        )
        return
    differing = [key for key, value in service.selector.items() if meant.labels.get(key) != value]
    has = ", ".join(f"{key}={meant.labels.get(key, '(none)')}" for key in differing)
    yield made(
        "services/selector",
        Cause.SELECTOR_MISMATCH,
        Severity.CRITICAL,
        entity=entity,
        root=entity,
        message=f"service {service.name} selects {wanted}, but the pods of {case.of(meant)} have {has}",
        quotes=[*(f"{key}: {service.selector[key]}" for key in differing), _line(service)],
        remedies=[Remedy(text=f"set the selector of service {service.name} to the labels of {case.of(meant)}")],
    )


def _meant(case: Case, service: Service) -> Workload | None:
    """The workload that a service was most likely written for: of its name, or with most of its labels."""
    lasting = [one for one in case.snapshot.workloads if one.kind in ("Deployment", "StatefulSet", "DaemonSet")]
    shared = {one.name: sum(one.labels.get(key) == value for key, value in service.selector.items()) for one in lasting}
    best = max(lasting, key=lambda one: (one.name == service.name, shared[one.name]), default=None)
    if best is not None and (best.name == service.name or shared[best.name]):
        return best
    near = difflib.get_close_matches(service.name, [one.name for one in lasting], n=1, cutoff=0.8)
    near = near or difflib.get_close_matches(next(iter(service.selector.values())), list(shared), n=1, cutoff=0.8)
    return next((one for one in lasting if near and one.name == near[0]), None)


def _ports(case: Case, service: Service, workload: Workload) -> Iterator[Finding]:
    declared = [one for box in workload.containers if not box.init for one in box.ports]
    if not declared:
        return
    for port in service.ports:
        if any(_is(port, one) for one in declared):
            continue
        entity = case.entity("Service", service.name)
        yield made(
            "services/port",
            Cause.PORT_MISMATCH,
            Severity.HIGH,
            entity=entity,
            root=entity,
            message=f"service {service.name} sends port {port.port} to {port.target}, but the containers of "
            f"{case.of(workload)} listen on {', '.join(declared)}",
            quotes=[f"target: {port.target}", f"- {declared[0]}", _line(service)],
            remedies=[Remedy(text=f"set targetPort of service {service.name} to a port of its containers")],
        )


def _is(port: ServicePort, declared: str) -> bool:
    name, _, number = declared.rpartition(" ")
    return port.target in (name, number.partition("/")[0]) and number.endswith(f"/{port.protocol}")


def _nobody(case: Case, service: Service, workload: Workload) -> Iterator[Finding]:
    root = case.of(workload)
    if workload.desired == 0:
        group = f"replicas of {root}"
        held = [one for one in case.scaled(workload) if one.message.endswith("to 0")]
        before = next((int(found[1]) for one in held if (found := _FROM.search(one.message))), 0)
        words = f"run {before} replicas of {root} again, as before" if before else f"run one replica of {root} again"
        up = [scale(words, workload.name, case.namespace, before or 1, group)]
        yield made(
            "services/scaled-to-zero",
            Cause.SCALED_TO_ZERO,
            Severity.CRITICAL,
            entity=root,
            root=root,
            message=f"{root} is scaled to zero, and service {service.name} has nobody else behind it",
            quotes=["desired: 0", *(one.message for one in held[:1]), _line(service)],
            remedies=[*(up if workload.kind == "Deployment" else []), Remedy(text="scale it to what it needs")],
        )
        return
    yield made(
        "services/no-endpoints",
        Cause.NO_ENDPOINTS,
        case.severity(workload),
        entity=case.entity("Service", service.name),
        root=root,
        message=f"service {service.name} has no ready endpoints, because no pod of {root} is ready",
        quotes=[_line(service)],
        remedies=[Remedy(text=f"mend the pods of {root}; the service itself is right")],
    )


def _line(service: Service) -> str:
    """How a service stands in the snapshot."""
    return f"name: {service.name} type: {service.type}"


def _near(name: str, there: dict[str, Service]) -> str:
    near = difflib.get_close_matches(name, list(there), n=1, cutoff=0.6)
    return f" (service {near[0]} exists)" if near else ""
