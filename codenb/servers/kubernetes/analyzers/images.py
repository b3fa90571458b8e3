"""Images that cannot be pulled."""

from __future__ import annotations

import re
from collections.abc import Iterator

from codenb.models import Cause, Finding, Remedy
from codenb.servers.kubernetes.analyzers._case import Case, changeable, made

_REASONS = frozenset(
    {
        "ErrImagePull",
        "ImagePullBackOff",
        "InvalidImageName",
        "ErrImageNeverPull",
        "ImageInspectError",
        "RegistryUnavailable",
    }
)
_WHY = tuple(
    (re.compile(pattern, re.IGNORECASE), words)
    for pattern, words in (
        (r"unauthorized|denied|forbidden|authentication|\b40[13]\b", "the registry refuses the credentials"),
        (r"not found|manifest unknown|does not exist|\b404\b", "the registry has no such name or tag"),
        (r"no such host|dial tcp|i/o timeout|connection refused|tls|x509", "the registry cannot be reached"),
        (r"toomanyrequests|rate limit", "the registry limits how often one may pull"),
        (r"invalid reference|InvalidImageName|couldn't parse", "the name is no image reference"),
    )
)


def image_pull(case: Case) -> Iterator[Finding]:
    """A container waits for an image that does not come."""
    for pod, state, workload in case.states():
        if state.reason not in _REASONS:
            continue
        root = case.snapshot.owner_of(pod)
        image = case.container(workload, state.name).image if workload else ""
        pulls = [
            one.message for one in case.events("Failed", "FailedPull", about=root) if "image" in one.message.lower()
        ]
        told = next((one for one in pulls if image and image in one), "")
        said = f"{told} {state.message} {state.reason}"
        why = next((words for pattern, words in _WHY if pattern.search(said)), "the cluster does not say why")
        before = case.previous(workload) if workload else None
        old = before.images.get(state.name, "") if before else ""
        group = f"image of {root}"
        remedies = []
        if workload and before and old and old != image:
            remedies = case.back(workload, group, f"which ran {old}")
            if changeable(workload):
                text = f"set the image back to {old}"
                remedies.append(case.patched(workload, state.name, {"image": old}, text=text, group=group))
        yield made(
            "images/pull",
            Cause.IMAGE_PULL,
            case.severity(workload),
            entity=case.entity("Pod", pod.name),
            root=root,
            message=f"container {state.name} of {root} cannot pull {image or 'its image'}: {why}",
            quotes=[told, state.message, f"image: {image}" if image else "", f"reason: {state.reason}"],
            remedies=[*remedies, *_words(why, image)],
        )


def _words(why: str, image: str) -> list[Remedy]:
    advice = {
        "the registry refuses the credentials": f"give the pods an imagePullSecret that may read {image}",
        "the registry cannot be reached": "check the registry's name, and the nodes' way to it",
        "the registry limits how often one may pull": "pull with credentials, or through a mirror",
    }
    return [Remedy(text=advice.get(why, f"publish {image}, or name a tag that exists"))]
