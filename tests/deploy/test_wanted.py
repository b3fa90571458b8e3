"""What cannot be deployed is refused before anything is asked of the cluster, with the file and the line."""

from __future__ import annotations

import base64
from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from codenb.demo import WorldThread
from codenb.errors import BadInput
from codenb.redaction import redactor
from codenb.servers._clients.cluster import Cluster
from codenb.servers.deployment.kubernetes._order import rank
from codenb.servers.deployment.kubernetes._wanted import MOST_OBJECTS, wanted_of
from tests.deploy.manifests import CONFIG, DEPLOYMENT, NAMESPACE, SECRET, read

ROLE = "apiVersion: rbac.authorization.k8s.io/v1\nkind: ClusterRole\nmetadata: {name: reader, namespace: shop}\n"


@pytest.fixture(scope="module")
def world() -> Iterator[WorldThread]:
    """One cluster for all of this file: nothing here writes."""
    with WorldThread("oom", frozen=True) as started:
        yield started


def config(name: str, rest: str = "") -> str:
    return f"apiVersion: v1\nkind: ConfigMap\nmetadata: {{name: {name}{rest}}}\n"


@pytest.mark.parametrize(
    ("documents", "said"),
    [
        ([], "there is no object"),
        ([CONFIG, CONFIG], r"web\.yaml:6: ConfigMap shop/web is there a second time, after web\.yaml:1"),
        ([config("a", ", namespace: other")], r"web\.yaml:1: .*says namespace 'other', and the call says 'shop'"),
        ([config("a", ", namespace: '../x'")], "is no namespace|says namespace"),
        (["apiVersion: v1\nkind: ConfigMap\nmetadata: {generateName: a-}\n"], "generateName gives another object"),
        (["apiVersion: v1\nkind: ConfigMap\n"], "has no metadata.name"),
        ([config("'a/../b'")], "is no object's name"),
        (["kind: ConfigMap\nmetadata: {name: a}\n"], "there is no apiVersion"),
        (["apiVersion: v1\nmetadata: {name: a}\n"], "there is no kind"),
        (
            ["apiVersion: kustomize.config.k8s.io/v1beta1\nkind: Kustomization\nmetadata: {name: a}\n"],
            "kustomize build",
        ),
        (["apiVersion: x.example/v1\nkind: Gadget\nmetadata: {name: a}\n"], "serves no Gadget of x.example/v1"),
        ([SECRET.replace("stringData: {token", "data: {token")], "is no base64: write plain text under stringData"),
        ([config("a") + "data: [1\n"], r"web\.yaml:\d+: "),
        ([config(f"a{number}") for number in range(MOST_OBJECTS + 1)], "501 objects, more than the 500"),
    ],
)
async def test_what_cannot_be_deployed_is_refused_where_it_stands(
    cluster: Cluster, documents: list[str], said: str
) -> None:
    """A message without a line sends people through ten thousand of them."""
    with pytest.raises(BadInput, match=said):
        await wanted_of(cluster, read(*documents), "shop")


async def test_a_pseudonym_is_never_deployed(cluster: Cluster) -> None:
    """Text that was redacted on its way through a notebook would set the password to its pseudonym."""
    redacted = redactor().text(SECRET)
    assert "correct-horse" not in redacted

    with pytest.raises(BadInput, match="stands where a secret was hidden"):
        await wanted_of(cluster, read(redacted), "shop")


async def test_a_namespace_of_a_cluster_wide_object_is_left_out(cluster: Cluster) -> None:
    """Charts write one on everything; the API server drops it too."""
    (role,) = await wanted_of(cluster, read(ROLE), None)

    assert (role.key, role.namespace, role.body["metadata"]) == ("ClusterRole reader", None, {"name": "reader"})


async def test_plain_text_of_a_secret_becomes_data(cluster: Cluster) -> None:
    """The server does not keep whose `stringData` was: a key that was dropped from it would live on."""
    (secret,) = await wanted_of(cluster, read(SECRET), "shop")

    assert secret.body["data"] == {"token": base64.b64encode(b"correct-horse-battery").decode()}
    assert "stringData" not in secret.body


async def test_who_names_no_namespace_means_default(cluster: Cluster) -> None:
    """As every other tool has it; the kubeconfig of whoever runs the server must not decide."""
    (config_map,) = await wanted_of(cluster, read(CONFIG), None)

    assert config_map.key == "ConfigMap default/web"


async def test_objects_of_one_step_keep_the_order_of_the_files(cluster: Cluster) -> None:
    """What a team put in an order of its own must not be shuffled."""
    names = ["b", "a", "c"]

    found = await wanted_of(cluster, read(DEPLOYMENT, *map(config, names), NAMESPACE), "shop")

    assert [one.key for one in found] == [
        "Namespace staging",
        *(f"ConfigMap shop/{name}" for name in names),
        "Deployment shop/web",
    ]


KINDS = ["Namespace", "CustomResourceDefinition", "ConfigMap", "ServiceAccount", "Role", "RoleBinding"]
KINDS += ["PersistentVolumeClaim", "Service", "Deployment", "Ingress", "Widget", "ValidatingWebhookConfiguration"]


@given(st.permutations(KINDS))
def test_the_order_does_not_depend_on_the_order_of_the_files(shuffled: list[str]) -> None:
    """Names of files decide nothing: what others need comes first however they are sorted."""
    assert sorted(shuffled, key=rank) == KINDS
