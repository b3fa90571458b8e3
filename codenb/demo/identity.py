"""Names and uids that look drawn at random and are the same for the same seed.

A recording, a screenshot and a second run must speak of the same pods.
"""

from __future__ import annotations

import json
import random
import zlib
from functools import cache
from uuid import UUID

from codenb.demo.objects import Obj

# The alphabet of k8s.io/apimachinery's rand package: no vowels, nothing that is misread.
_ALPHABET = "bcdfghjklmnpqrstvwxz2456789"


class Identity:
    """One world's source of uids and name suffixes."""

    def __init__(self, seed: int) -> None:
        self._random = random.Random(seed)  # noqa: S311 - identities, not secrets

    def uid(self) -> str:
        """A version 4 UUID."""
        return str(UUID(int=self._random.getrandbits(128), version=4))

    def suffix(self, length: int = 5) -> str:
        """The random end of a generated name."""
        return "".join(self._random.choices(_ALPHABET, k=length))

    def cluster_ip(self) -> str:
        """An address for a service."""
        return f"10.96.{self._random.randrange(1, 255)}.{self._random.randrange(1, 255)}"


def template_hash(template: Obj) -> str:
    """The pod-template-hash of a pod template: equal templates have equal ones, in every world."""
    checksum = zlib.crc32(json.dumps(template, sort_keys=True).encode())
    return "".join(_ALPHABET[ord(digit) % len(_ALPHABET)] for digit in str(checksum))


@cache
def image_digest(image: str) -> str:
    """The 64 hexadecimal digits that stand for an image's content."""
    return f"{random.Random(image).getrandbits(256):064x}"  # noqa: S311 - a likeness, not a checksum
