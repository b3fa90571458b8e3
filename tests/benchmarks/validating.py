"""Validating Kubernetes manifests: a thousand Deployments, no two alike, with schema, references and policies."""

from __future__ import annotations

import time
from itertools import count

from codenb.servers._base._paths import Roots
from codenb.servers.deployment.validation import validate
from tests.benchmarks.measure import one_by_one, quantile
from tests.benchmarks.report import Row

DISTINCT = 1_000

_GROUP = "validation"


async def measured(many: int = DISTINCT) -> list[Row]:
    """One manifest at a time, then all of them in one call.

    Args:
        many: How many manifests.
    """
    roots, numbers = Roots(()), count()
    reports = []

    async def one() -> None:
        reports.append(await validate([manifest(next(numbers))], roots, type="kubernetes", kubernetes_version="1.37"))

    first = (await one_by_one(one)(1))[0]
    begun = time.perf_counter()
    seconds = await one_by_one(one)(many)
    rate = many / (time.perf_counter() - begun)
    text = "---\n".join(manifest(next(numbers)) for _ in range(many))
    begun = time.perf_counter()
    whole = await validate([text], roots, type="kubernetes", kubernetes_version="1.37")
    took = time.perf_counter() - begun
    checked = sorted({run.name for run in reports[-1].checkers})
    p95 = quantile(seconds, 0.95)
    return [
        Row(_GROUP, "the first, checkers loaded", first, note=", ".join(checked)),
        Row(
            _GROUP,
            f"{many:,} different Deployments, one at a time",
            quantile(seconds, 0.5),
            p95,
            rate,
            goal="p95 < 15 ms, > 300/s",
            met=p95 < 0.015 and rate > 300,
            note=f"{len(reports[-1].findings)} findings each",
        ),
        Row(_GROUP, f"{many:,} more in one call", took, rate=many / took, note=f"{len(whole.findings):,} findings"),
    ]


def manifest(number: int) -> str:
    """A Deployment of an ordinary size, with some of the faults that are usual."""
    return f"""apiVersion: apps/v1
kind: Deployment
metadata:
  name: service-{number}
  namespace: shop
  labels: {{app: service-{number}, team: team-{number % 17}}}
spec:
  replicas: {1 + number % 9}
  selector: {{matchLabels: {{app: service-{number}}}}}
  template:
    metadata:
      labels: {{app: service-{number}, team: team-{number % 17}}}
    spec:
      serviceAccountName: service-{number}
      containers:
        - name: app
          image: registry.example/shop/service-{number % 40}:{number // 40}.{number % 7}
          ports: [{{name: http, containerPort: {8000 + number % 1000}}}]
          env:
            - {{name: DEPLOY_ENV, value: production}}
            - {{name: NUMBER, value: "{number}"}}
          resources:
            requests: {{cpu: {50 + number % 400}m, memory: {64 + number % 512}Mi}}
            limits: {{memory: {128 + number % 1024}Mi}}
          readinessProbe: {{httpGet: {{path: /healthz, port: http}}, periodSeconds: 5}}
"""
