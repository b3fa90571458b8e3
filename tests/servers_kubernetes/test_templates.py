"""What one pod template changed of another, and what of it may be shown."""

from __future__ import annotations

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from codenb.servers.kubernetes.differences import differing
from codenb.servers.kubernetes.templates import changes, containers, references

_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner, max_size=3),
    max_leaves=12,
)


def _template(**container: Any) -> dict[str, Any]:
    return {
        "metadata": {"labels": {"app": "web"}},
        "spec": {"containers": [{"name": "app", "image": "web:1", **container}]},
    }


def test_a_changed_limit_is_one_line_that_can_be_quoted() -> None:
    """The line that experts quote most; its form is part of the contract between rooms."""
    before = _template(resources={"limits": {"memory": "256Mi"}})
    after = _template(resources={"limits": {"memory": "128Mi"}})

    assert changes(before, after) == ("containers[app].resources.limits.memory: 256Mi -> 128Mi",)


def test_a_variable_taken_away_says_what_it_was() -> None:
    """A missing variable is mended with the value that it had."""
    before = _template(env=[{"name": "DEPLOY_ENV", "value": "production"}, {"name": "B", "value": "2"}])
    after = _template(env=[{"name": "B", "value": "2"}])

    assert changes(before, after) == ("containers[app].env[DEPLOY_ENV]: production -> (absent)",)


def test_a_secret_value_is_hidden_in_a_change_and_in_the_facts() -> None:
    """People do put passwords into templates; neither a snapshot nor a history may carry them further."""
    before = _template(env=[{"name": "DB_PASSWORD", "value": "hunter2-old"}])
    after = _template(env=[{"name": "DB_PASSWORD", "value": "hunter2-new"}])

    told = str(changes(before, after)) + str(containers(after["spec"]))

    assert "hunter2" not in told
    assert "containers[app].env[DB_PASSWORD]: <hidden> -> <hidden>" in told


def test_the_hash_that_the_controller_adds_is_no_change() -> None:
    """Every ReplicaSet has another pod-template-hash."""
    before, after = _template(), _template()
    after["metadata"]["labels"] = {"app": "web", "pod-template-hash": "abc"}

    assert changes(before, after) == ()


def test_everything_a_pod_needs_to_start_is_a_reference() -> None:
    """Config maps and secrets are referenced in five places; one forgotten is a diagnosis missed."""
    spec = {
        "volumes": [
            {"name": "a", "configMap": {"name": "from-volume", "items": [{"key": "k"}]}},
            {"name": "b", "projected": {"sources": [{"secret": {"name": "from-projected"}}]}},
            {"name": "c", "persistentVolumeClaim": {"claimName": "disk"}},
        ],
        "initContainers": [{"name": "init", "envFrom": [{"secretRef": {"name": "from-init"}}]}],
        "containers": [
            {
                "name": "app",
                "env": [
                    {"name": "X", "valueFrom": {"configMapKeyRef": {"name": "from-env", "key": "x", "optional": True}}}
                ],
            }
        ],
    }

    found = {(one.kind, one.name, one.keys, bool(one.optional)) for one in references(spec)}

    assert found == {
        ("ConfigMap", "from-volume", ("k",), False),
        ("Secret", "from-projected", (), False),
        ("PersistentVolumeClaim", "disk", (), False),
        ("Secret", "from-init", (), False),
        ("ConfigMap", "from-env", ("x",), True),
    }


@given(_JSON, _JSON)
def test_a_difference_is_empty_only_between_equals(before: Any, after: Any) -> None:
    """A change that shows no difference would be approved as nothing."""
    was, will = differing(before, after)

    if before == after:
        assert (was, will) == (None, None)
    else:
        assert (was, will) != (None, None) or None in (before, after)


def test_a_difference_keeps_the_name_of_the_container_it_is_in() -> None:
    """Two containers with the same limit must not be told apart by guessing."""
    one = {"name": "app", "image": "web:1", "env": [{"name": "A", "value": "1"}]}
    other = {"name": "sidecar", "image": "mesh:1"}

    was, will = differing({"containers": [one, other]}, {"containers": [one, {**other, "image": "mesh:2"}]})

    assert was == {"containers": [{"name": "sidecar", "image": "mesh:1"}]}
    assert will == {"containers": [{"name": "sidecar", "image": "mesh:2"}]}
