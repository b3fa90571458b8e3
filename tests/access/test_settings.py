"""`[access]` of codenb.toml: what is written there holds, and what is misspelt lets nobody in."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from codenb.access import Access, Permits
from codenb.access._keys import read_private, write_pair
from codenb.config import load
from codenb.errors import ConfigError
from tests.access.issuer import ISSUER, Issuer

SECRET = "correct-horse-battery-staple-0123456789"
HEAD = f'[access]\nissuer = "{ISSUER}"\naudience = "codenb"\n'
KEYS = 'algorithm = "EdDSA"\nkeys = { one = "keys/one.pub" }\n'
Read = Callable[..., Access | None]


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A project folder with two pairs of keys."""
    write_pair(tmp_path / "keys", "one")
    write_pair(tmp_path / "keys", "two", "ES256")
    return tmp_path


@pytest.fixture
def read(project: Path) -> Read:
    """Reads a codenb.toml."""

    def access(text: str, **env: str) -> Access | None:
        (project / "codenb.toml").write_text(text)
        return Access.of(load(project, {}), env)

    return access


def test_without_access_nobody_is_asked(read: Read) -> None:
    """A laptop with a kubeconfig needs no issuer."""
    assert read("") is None


def test_without_access_nothing_heavy_is_loaded(tmp_path: Path) -> None:
    """Most sessions have no access, and must not wait for cryptography in their first cell."""
    program = (
        "import sys; from codenb.access import Access; from codenb.config import load; from pathlib import Path\n"
        f"assert Access.of(load(Path({str(tmp_path)!r}), {{}})) is None\n"
        "print(sorted({'jwt', 'cryptography'} & set(sys.modules)))"
    )

    ran = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)

    assert ran.stdout.strip() == "[]"


def test_what_is_configured_holds(read: Read, project: Path) -> None:
    """A token of the configured key is taken, and its principal may do what is written for it and for everybody."""
    access = read(
        HEAD + KEYS + 'leeway_s = 10\n[[access.permits]]\nprincipal = "ci"\ntools = ["deployment/validate_*"]\n'
        '[[access.permits]]\nprincipal = "*"\ntools = ["kubernetes/get_*"]\nresources = ["*/memory://*"]\n'
        '[[access.permits]]\nprincipal = "ci"\ntools = ["deployment/plan_*"]\n'
    )
    issuer = Issuer(read_private(project / "keys" / "one.key"))

    assert access
    assert access.leeway_s == 10
    assert access.authenticate(issuer.token()).permits == Permits(
        ("kubernetes/get_*", "deployment/validate_*", "deployment/plan_*"), ("*/memory://*",)
    )
    assert access.authenticate(issuer.token(sub="zoe")).permits == Permits(("kubernetes/get_*",), ("*/memory://*",))


def test_a_shared_secret_comes_from_the_environment(read: Read) -> None:
    """The file names the variable, so that it can be committed."""
    access = read(HEAD + 'algorithm = "HS256"\nsecrets = { dev = "CODENB_TOKEN_SECRET" }\n', CODENB_TOKEN_SECRET=SECRET)

    assert access
    assert access.keys["dev"].material == SECRET.encode()
    assert SECRET not in repr(access)


def test_several_audiences_and_another_claim(read: Read) -> None:
    """`audience` may be a list, and `principal_claim` another one."""
    access = read(f'[access]\nissuer = "i"\naudience = ["a", "b"]\nprincipal_claim = "user_id"\n{KEYS}')

    assert access
    assert (access.audiences, access.principal_claim) == (("a", "b"), "user_id")


BAD = {
    "[access]\n": "access.algorithm is missing: say one of HS256, RS256, ES256, EdDSA",
    HEAD: "access.algorithm is missing",
    HEAD + 'algorithm = "none"\n': "access.algorithm is 'none', not one of HS256, RS256, ES256, EdDSA",
    HEAD + 'algorithm = "hs256"\n': "access.algorithm is 'hs256', not one of",
    HEAD + 'algorithm = ["EdDSA", "HS256"]\n': "access.algorithm is a list, not text",
    HEAD + 'algorithm = "EdDSA"\n': "access.keys is missing: say { ID = FILE } with a public key in PEM",
    HEAD + 'algorithm = "EdDSA"\nkeys = {}\n': "access.keys is missing",
    HEAD + 'algorithm = "EdDSA"\nkeys = { one = "" }\n': "access.keys.one is missing",
    HEAD + 'algorithm = "EdDSA"\nkeys = { one = "keys/none.pub" }\n': "keys/none.pub cannot be read: No such file",
    HEAD + 'algorithm = "EdDSA"\nkeys = { one = "keys/one.key" }\n': "keys/one.key is a private key",
    HEAD + 'algorithm = "EdDSA"\nkeys = { one = "keys/two.pub" }\n': "is a key for ES256, not for EdDSA",
    HEAD
    + 'algorithm = "EdDSA"\nsecrets = { a = "A" }\n': "access.secrets is for other algorithms than EdDSA: use access",
    HEAD + 'algorithm = "HS256"\nkeys = { one = "keys/one.pub" }\n': "access.keys is for other algorithms than HS256",
    HEAD + 'algorithm = "HS256"\n': "access.secrets is missing: say { ID = VARIABLE }",
    HEAD
    + 'algorithm = "HS256"\nsecrets = { a = "NOT_SET" }\n': "access.secrets.a names an environment variable that is",
    HEAD + f'algorithm = "HS256"\nsecrets = {{ a = "{SECRET}" }}\n': "access.secrets.a is no name of an environment",
    f'[access]\naudience = "codenb"\n{KEYS}': "access.issuer is missing: say who makes the tokens",
    f'[access]\nissuer = "i"\n{KEYS}': "access.audience is missing: say whom tokens have to be for",
    f'[access]\nissuer = "i"\naudience = []\n{KEYS}': "access.audience is missing",
    f'[access]\nissuer = "i"\naudience = ["a", ""]\n{KEYS}': "access.audience is missing",
    f'[access]\nissuer = "i"\naudience = 7\n{KEYS}': "access.audience is a number, not text",
    HEAD + KEYS + "leeway_s = 121\n": "access.leeway_s is 121, not between 0 and 120",
    HEAD + KEYS + "leeway_s = -1\n": "access.leeway_s is -1, not between",
    HEAD + KEYS + 'principal_claim = ""\n': "access.principal_claim is missing",
    HEAD + KEYS + "leway_s = 5\n": "access.leway_s is not a setting: did you mean leeway_s?",
    HEAD + KEYS + 'permit = "x"\n': "access.permit is not a setting: did you mean permits?",
    HEAD + KEYS + 'permits = "ci"\n': "access.permits is text, not a list",
    HEAD + KEYS + "[[access.permits]]\n": "access.permits[0].principal is missing: say who it is for",
    HEAD
    + KEYS
    + '[[access.permits]]\nprincipal = "ci-*"\n': "access.permits[0].principal is 'ci-*': write a whole name",
    HEAD + KEYS + '[[access.permits]]\nprincipal = "local"\n': "is 'local', which can be nobody's name: it is local",
    HEAD + KEYS + '[[access.permits]]\nprincipal = "ci "\n': "is 'ci ', which can be nobody's name: it is empty, or",
    HEAD
    + KEYS
    + '[[access.permits]]\nprincipal = "ci"\ntool = []\n': "access.permits[0].tool is not a setting: did you",
    HEAD
    + KEYS
    + '[[access.permits]]\nprincipal = "ci"\ntools = "a/b"\n': "access.permits[0].tools is text, not a list",
    HEAD
    + KEYS
    + '[[access.permits]]\nprincipal = "ci"\ntools = ["*"]\n': "access.permits[0]: '*' is no permit on a tool",
    HEAD + KEYS + '[[access.permits]]\nprincipal = "ci"\nresources = ["x"]\n': "'x' is no permit on a resource",
}


@pytest.mark.parametrize("text", BAD)
def test_what_is_wrong_is_named_with_its_file_and_key(read: Read, project: Path, text: str) -> None:
    """Access that cannot be understood is an error at once, for everybody; it is never taken for no access."""
    with pytest.raises(ConfigError) as refused:
        read(text)

    said = str(refused.value)
    assert said.startswith(f"{project / 'codenb.toml'}: ")
    assert BAD[text] in said
    assert SECRET not in said
    assert "\n" not in said
