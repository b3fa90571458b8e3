"""Requests to deploy in the founding words: read as the target that is meant."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from codenb.errors import BadInput
from codenb.models import Target
from codenb.session import _given

REQUEST = {
    "application": "test-app",
    "environment": "staging",
    "replicas": 3,
    "resources": {"cpu": "500m", "memory": "1Gi"},
    "image": "registry.example/test-app:1.0",
}


@pytest.mark.parametrize(
    "read", [Target.from_dict, lambda data: _given.target(data, {}), lambda data: _given.target(None, data)]
)
def test_a_request_is_the_target_that_is_meant(read):
    """People bring the dict that they have: as a target, to `gather`, and to a server."""
    target = read(REQUEST)

    assert (target.namespace, target.workload, target.environment) == ("staging", "test-app", "staging")
    assert (target.replicas, target.resources) == (3, {"cpu": "500m", "memory": "1Gi"})
    assert target.extra == {"image": "registry.example/test-app:1.0"}
    assert target.asks
    assert Target.from_dict(target.to_dict()) == target


@pytest.mark.parametrize("name", ["application", "app", "name"])
def test_an_application_has_several_names(name):
    """Teams say app, applications say name."""
    assert Target.from_dict({name: "shop"}) == Target(workload="shop")


def test_what_has_its_own_field_stays_as_it_is():
    """The environment is a label where a namespace is given, and `name` is extra where the workload is."""
    told = _given.target({"namespace": "shop", "environment": "Production", "workload": "checkout", "name": "x"}, {})

    assert (told.namespace, told.environment, told.workload) == ("shop", "Production", "checkout")
    assert told.extra == {"name": "x"}
    assert not told.asks


def test_amounts_may_be_numbers():
    """YAML and JSON write one core as 1."""
    assert Target.from_dict({"resources": {"cpu": 1, "memory": 0.5}}).resources == {"cpu": "1", "memory": "0.5"}


@pytest.mark.parametrize("environment", ["Our Staging", "../etc", "", "a" * 64, "-x"])
def test_an_environment_that_is_no_namespace_asks_for_one(environment):
    """It must not become a namespace that cannot be, nor quietly the default one."""
    with pytest.raises(BadInput, match="is no name of a namespace: give the namespace as well"):
        Target.from_dict({"app": "shop", "environment": environment})


@given(
    st.dictionaries(
        st.sampled_from([*REQUEST, *Target.model_fields]),
        st.none() | st.text(max_size=5) | st.integers() | st.dictionaries(st.text(max_size=3), st.floats(), max_size=2),
    )
)
def test_whatever_a_request_holds_it_is_a_target_or_one_line(data):
    """It comes from a cell or from a server: no other error may come of it."""
    try:
        assert isinstance(Target.from_dict(data), Target)
    except BadInput as error:
        assert len(str(error).splitlines()) == 1  # noqa: PT017  either outcome is right, another error is not
