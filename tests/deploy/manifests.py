"""Manifests as a team writes them, small enough to be read in a test."""

from __future__ import annotations

from codenb.servers._manifests import Manifests, parse

LABELS = "labels: {app.kubernetes.io/instance: web}"

CONFIG = f"""\
apiVersion: v1
kind: ConfigMap
metadata: {{name: web, {LABELS}}}
data: {{LEVEL: info}}
"""

SERVICE = f"""\
apiVersion: v1
kind: Service
metadata: {{name: web, {LABELS}}}
spec: {{selector: {{app: web}}, ports: [{{port: 80, targetPort: 8080}}]}}
"""

DEPLOYMENT = f"""\
apiVersion: apps/v1
kind: Deployment
metadata: {{name: web, {LABELS}}}
spec:
  replicas: 2
  progressDeadlineSeconds: 60
  selector: {{matchLabels: {{app: web}}}}
  template:
    metadata: {{labels: {{app: web}}}}
    spec:
      containers:
      - name: app
        image: registry.example/shop/checkout:2.4.0
        ports: [{{containerPort: 8080}}]
        resources: {{requests: {{cpu: 50m, memory: 64Mi}}}}
"""

SECRET = f"""\
apiVersion: v1
kind: Secret
metadata: {{name: web, {LABELS}}}
stringData: {{token: correct-horse-battery}}
"""

NAMESPACE = """\
apiVersion: v1
kind: Namespace
metadata: {name: staging}
"""

DEFINITION = """\
apiVersion: apiextensions.k8s.io/v1
kind: CustomResourceDefinition
metadata: {name: widgets.shop.example}
spec:
  group: shop.example
  scope: Namespaced
  names: {kind: Widget, plural: widgets, singular: widget, listKind: WidgetList}
  versions:
  - name: v1
    served: true
    storage: true
    schema:
      openAPIV3Schema:
        type: object
        properties:
          spec: {type: object, properties: {size: {type: integer}, colour: {type: string, default: blue}}}
"""

WIDGET = """\
apiVersion: shop.example/v1
kind: Widget
metadata: {name: first}
spec: {size: 3}
"""

BUDGET = """\
apiVersion: policy/v1
kind: PodDisruptionBudget
metadata: {name: web}
spec: {minAvailable: 1, selector: {matchLabels: {app: web}}}
"""


def text_of(*documents: str) -> str:
    """One text of several documents."""
    return "---\n".join(documents)


def read(*documents: str) -> Manifests:
    """The same, read."""
    return parse(text_of(*documents), "web.yaml")
