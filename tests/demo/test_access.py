"""Who may do what."""

from __future__ import annotations

import pytest

MERGE = "application/merge-patch+json"
DEPLOYMENTS = "/apis/apps/v1/namespaces/shop/deployments"
PODS = "/api/v1/namespaces/shop/pods"


@pytest.fixture
def viewer(steady_world, talk):
    """The viewer's side of the healthy shop."""
    return talk(steady_world, "viewer")


def test_a_viewer_reads_and_a_dry_run_is_refused_like_the_write_itself(viewer):
    """A preview with too little permission must fail at the preview, not at the change."""
    assert viewer("GET", PODS)[0] == 200
    for query in ("", "?dryRun=All"):
        status, body = viewer("PATCH", f"{DEPLOYMENTS}/checkout/scale{query}", {"spec": {"replicas": 9}}, kind=MERGE)
        assert (status, body["reason"]) == (403, "Forbidden")
        assert body["message"] == (
            'deployments.apps "checkout" is forbidden: User "codenb-viewer" cannot patch resource "deployments/scale" '
            'in API group "apps" in the namespace "shop"'
        )


def test_a_viewer_does_not_see_secrets(viewer):
    """As the view role of a real cluster."""
    assert viewer("GET", "/api/v1/namespaces/shop/secrets")[0] == 403
    assert viewer("GET", "/api/v1/namespaces/shop/secrets/payment-provider")[0] == 403


def test_without_a_token_the_caller_is_anonymous_and_may_nothing(steady_world, talk):
    """As the recording of a real server has it."""
    status, body = talk(steady_world, "")("GET", PODS)
    assert status == 403
    assert body["message"] == (
        'pods is forbidden: User "system:anonymous" cannot list resource "pods" in API group "" in the namespace "shop"'
    )
    assert talk(steady_world, "")("GET", "/version")[0] == 200
    assert talk(steady_world, "")("GET", "/api")[0] == 403


def test_an_unknown_token_is_401(steady_world, talk):
    """As the recording of a real server has it: expired credentials look like this."""
    status, body = talk(steady_world, "not-a-token")("GET", PODS)
    assert (status, body["reason"], body["message"]) == (401, "Unauthorized", "Unauthorized")


@pytest.mark.parametrize(("user", "allowed"), [("admin", True), ("viewer", False)])
def test_everybody_may_ask_what_they_may(steady_world, talk, user, allowed):
    """`can_i` asks before it offers a change."""
    wanted = {"namespace": "shop", "verb": "patch", "group": "apps", "resource": "deployments", "subresource": "scale"}
    body = {
        "apiVersion": "authorization.k8s.io/v1",
        "kind": "SelfSubjectAccessReview",
        "spec": {"resourceAttributes": wanted},
    }
    status, answer = talk(steady_world, user)("POST", "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews", body)
    assert status == 201
    assert answer["status"] == {"allowed": allowed}


@pytest.mark.parametrize("user", ["viewer", ""])
def test_only_the_admin_moves_the_clock(steady_world, talk, user):
    """The paths that no real server has are not for everybody either."""
    assert talk(steady_world, user)("POST", "/_demo/clock", {"advance": 1})[0] == 403


def test_the_clock_is_moved_over_http_too(world, http_):
    """A world in another process is driven the same way as one in a thread."""
    before = world.now
    assert http_("POST", "/_demo/clock", {"advance": 90})[0] == 200
    assert (world.now - before).total_seconds() == 90
    for wrong in ({"advance": -1}, {"advance": "soon"}, {}, []):
        assert http_("POST", "/_demo/clock", wrong)[0] == 400


def test_the_kubeconfig_is_only_for_its_owner_and_tokens_are_new_each_time(serve):
    """It holds bearer tokens; equal seeds must not give equal secrets."""
    first, second = serve("healthy", seed=1), serve("healthy", seed=1)
    assert first.kubeconfig.stat().st_mode & 0o777 == 0o600
    assert first.kubeconfig.read_text() != second.kubeconfig.read_text()
