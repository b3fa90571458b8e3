"""Manifests as the objects that they ask for: checked, addressed, and in the order in which they are applied."""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from codenb.canonical import canonical_json
from codenb.errors import BadInput
from codenb.models import Entity, Severity
from codenb.servers._clients.cluster import Cluster
from codenb.servers._clients.kinds import Kind
from codenb.servers._clients.names import checked_name, checked_namespace
from codenb.servers._manifests import Document, Manifests
from codenb.servers.deployment.kubernetes._order import rank

MOST_OBJECTS = 500
LARGEST_OBJECT = 1024 * 1024
"""Bytes of JSON; the API server takes 1.5 MiB, with its own fields."""

_PSEUDONYM = re.compile(r"<redacted:[a-z-]+:[0-9a-f]{8}>|\bhmac-sha256:[0-9a-f]{32}\b")
_DROPPED = ("managedFields", "resourceVersion", "uid", "generation", "creationTimestamp", "selfLink")
_KUSTOMIZE = "kustomize.config.k8s.io"


@dataclass(frozen=True, slots=True)
class Wanted:
    """One object that the manifests ask for.

    Attributes:
        kind: As the cluster serves it, or will once its definition is applied.
        name: Its name.
        namespace: None where the kind has none.
        body: What is applied.
        where: `file:line`, for messages.
        served: Whether the cluster knows the kind already.
    """

    kind: Kind
    name: str
    namespace: str | None
    body: dict[str, Any]
    where: str
    served: bool = True

    @property
    def entity(self) -> Entity:
        """The object's name for a person."""
        return Entity(kind=self.kind.kind, name=self.name, namespace=self.namespace)

    @property
    def key(self) -> str:
        """`Kind namespace/name`, under which a change lists it."""
        return str(self.entity)


async def wanted_of(cluster: Cluster, manifests: Manifests, namespace: str | None) -> list[Wanted]:
    """The objects of some manifests, in the order in which they are applied.

    Args:
        cluster: Tells which kinds there are.
        manifests: As they were read.
        namespace: Of the objects that name none, `default` where it is None. One that names another is refused.

    Raises:
        BadInput: Something cannot be deployed as it stands; the message names the file and the line.
    """
    documents = _readable(manifests)
    kinds = await _kinds(cluster, documents)
    found = [_wanted(one, *kinds[one.kind, one.api_version], namespace) for one in documents]
    first: dict[tuple[str, str | None, str], Wanted] = {}
    for one in found:
        identity = (one.kind.permission, one.namespace, one.name)
        if (other := first.setdefault(identity, one)) is not one:
            raise BadInput(f"{one.where}: {one.key} is there a second time, after {other.where}: keep one of them")
    return sorted(found, key=lambda one: rank(one.kind.kind))


def _readable(manifests: Manifests) -> Sequence[Document]:
    for problem in manifests.problems:
        if problem.severity >= Severity.HIGH:
            raise BadInput(f"{_place(problem.file, problem.line)}: {problem.message}: mend it, then deploy")
    documents = manifests.documents
    if not documents:
        read = f" in {', '.join(manifests.files[:3])}" if manifests.files else ""
        raise BadInput(f"there is no object{read}: give manifests with apiVersion, kind and metadata.name")
    if len(documents) > MOST_OBJECTS:
        raise BadInput(
            f"the manifests have {len(documents):,} objects, more than the {MOST_OBJECTS} that one deployment may "
            f"have: split them"
        )
    return documents


async def _kinds(cluster: Cluster, documents: Iterable[Document]) -> dict[tuple[str, str], tuple[Kind, bool]]:
    """The kind of each document, and whether it is served; one that these manifests define is served soon."""
    documents = list(documents)
    defined = {(one.kind, one.api_version): one for one in _definitions(documents)}
    kinds: dict[tuple[str, str], tuple[Kind, bool]] = {}
    for one in documents:
        identity = (one.kind, one.api_version)
        if identity in kinds:
            continue
        where = _place(one.file, one.line)
        if not one.kind or not one.api_version:
            raise BadInput(f"{where}: there is no {'kind' if one.api_version else 'apiVersion'}: is this a manifest?")
        if one.api_version.startswith(_KUSTOMIZE):
            raise BadInput(f"{where}: a {one.kind} of kustomize is no object: give what `kustomize build` prints")
        if served := await cluster.served(*identity):
            kinds[identity] = (served, True)
        elif identity in defined:
            kinds[identity] = (defined[identity], False)
        else:
            raise BadInput(
                f"{where}: cluster {cluster.context} serves no {one.kind} of {one.api_version}: correct the "
                f"apiVersion, or add its CustomResourceDefinition to the manifests"
            )
    return kinds


def _definitions(documents: Iterable[Document]) -> Iterable[Kind]:
    """The kinds that custom resource definitions among the manifests will give."""
    for one in documents:
        if one.kind != "CustomResourceDefinition":
            continue
        spec = one.data.get("spec")
        names = spec.get("names") if isinstance(spec, Mapping) else None
        if not isinstance(spec, Mapping) or not isinstance(names, Mapping):
            continue  # the API server says what is wrong with it
        for version in spec.get("versions") or []:
            if isinstance(version, Mapping) and version.get("served") is not False:
                yield Kind(
                    kind=str(names.get("kind")),
                    api_version=f"{spec.get('group')}/{version.get('name')}",
                    plural=str(names.get("plural")),
                    namespaced=spec.get("scope") == "Namespaced",
                )


def _wanted(document: Document, kind: Kind, served: bool, namespace: str | None) -> Wanted:  # noqa: FBT001  a pair
    where = _place(document.file, document.line)
    metadata = document.data.get("metadata")
    if not isinstance(metadata, Mapping) or not isinstance(metadata.get("name"), str) or not metadata["name"]:
        generated = " (generateName gives another object each time)" if _generated(metadata) else ""
        raise BadInput(f"{where}: {document.kind} has no metadata.name{generated}: give it one")
    try:
        name = checked_name(metadata["name"])
        place = _namespace(document, kind, namespace)
    except BadInput as error:
        raise BadInput(f"{where}: {error}") from error
    told = {key: value for key, value in metadata.items() if key not in (*_DROPPED, "namespace")}
    told |= {"namespace": place} if place else {}
    body = {key: value for key, value in document.data.items() if key != "status"} | {"metadata": told}
    _check(body, where)
    if kind.kind == "Secret" and not kind.group:
        body = _encoded(body, where)
    return Wanted(kind, name, place, body, where, served)


def _check(body: dict[str, Any], where: str) -> None:
    try:
        text = canonical_json(body).decode()
    except BadInput as error:
        raise BadInput(f"{where}: {error}") from error
    if len(text) > LARGEST_OBJECT:
        raise BadInput(f"{where}: the object has {len(text):,} bytes, over the limit of {LARGEST_OBJECT:,}")
    if found := _PSEUDONYM.search(text):
        raise BadInput(
            f"{where}: {found[0]} stands where a secret was hidden: deploying it would set the secret to these letters"
        )


def _namespace(document: Document, kind: Kind, asked: str | None) -> str | None:
    if not kind.namespaced:
        return None
    said = document.namespace
    if said and asked and said != asked:
        raise BadInput(
            f"{document.kind} {document.name} says namespace {said!r}, and the call says {asked!r}: leave one out, or "
            f"make them agree"
        )
    return checked_namespace(said or asked or "default")


def _generated(metadata: Any) -> bool:
    return isinstance(metadata, Mapping) and "generateName" in metadata


def _encoded(body: dict[str, Any], where: str) -> dict[str, Any]:
    """A Secret with its `stringData` in its `data`: the server does not keep whose the former was."""
    plain, data = body.get("stringData") or {}, body.get("data") or {}
    if not isinstance(plain, Mapping) or not isinstance(data, Mapping):
        raise BadInput(f"{where}: data and stringData of a Secret are mappings of names to text")
    for key, value in data.items():
        try:
            base64.b64decode("".join(str(value).split()), validate=True)
        except (binascii.Error, ValueError):
            raise BadInput(
                f"{where}: data.{key} of the Secret is no base64: write plain text under stringData"
            ) from None
    encoded = {key: base64.b64encode(str(value).encode()).decode() for key, value in plain.items()}
    rest = {key: value for key, value in body.items() if key not in ("data", "stringData")}
    return rest | ({"data": {**data, **encoded}} if data or encoded else {})


def _place(file: str, line: int | None) -> str:
    return f"{file}:{line}" if line else file
