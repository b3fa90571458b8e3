"""What programs of other people get to see of our environment."""

from __future__ import annotations

from codenb.servers.deployment.terraform._program import environment_of


def test_programs_of_other_people_get_no_token_and_no_key() -> None:
    """A provider or a `local-exec` of a workspace could call and approve with what it finds in its environment."""
    ours = dict.fromkeys(("CODENB_TOKEN", "CODENB_TOKEN_SECRET", "CODENB_DIGEST_KEY", "CODENB_STATE_KEY"), "secret")
    logging = {"TF_LOG": "trace", "TF_LOG_PATH": "/tmp/log", "TF_CLI_ARGS_plan": "-lock=false"}
    theirs = {"PATH": "/usr/bin", "AWS_PROFILE": "prod", "TF_VAR_region": "eu", "TF_DATA_DIR": ".terraform"}

    assert environment_of(ours | logging | theirs) == theirs
