"""Secrets are found where they are written, and nowhere repeated."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from codenb.models import Severity
from codenb.servers.security.secrets import find_secrets, find_terraform_secrets, masked

TOKEN = "ghp_" + "abcdefghijklmnopqrstuvwxyz0123456789"
TERRAFORM = f"""\
variable "db_password" {{
  type    = string
  default = "hunter22x"
}}
variable "plain" {{
  sensitive = true
  default   = "quietly1"
}}
variable "empty_password" {{
  default = ""
}}
resource "aws_db_instance" "shop" {{
  password    = var.db_password
  secret_name = "shop/database"
  tags        = {{ token = "abc123def456" }}
}}
locals {{
  api_key = "changeme"
  other   = "{TOKEN}"
}}
"""


def test_a_secret_in_a_variable_is_found_at_its_line_and_not_repeated():
    """The value of a default has no name on its own line, so that hiding line by line showed it."""
    findings = find_terraform_secrets(TERRAFORM, "main.tf")

    assert [(one.line, one.column, one.severity) for one in findings] == [
        (3, 14, Severity.HIGH),
        (7, 16, Severity.HIGH),
        (15, 28, Severity.HIGH),
        (18, 14, Severity.MEDIUM),
        (19, 14, Severity.CRITICAL),
    ]
    said = str([one.to_dict() for one in findings])
    assert not [secret for secret in ("hunter22x", "quietly1", "abc123def456", TOKEN) if secret in said]


def test_variables_files_and_heredocs_hold_secrets_too():
    """A tfvars file is where they are kept."""
    key = "-----BEGIN RSA PRIVATE KEY-----\nMIIEowIBAAKCAQEAtest1234567890\n-----END RSA PRIVATE KEY-----\n"

    findings = find_terraform_secrets(f'db_password = "s3cretvalue"\nname = "x"\ncertificate = <<EOT\n{key}EOT\n')

    assert [(one.line, one.end_line, one.rule) for one in findings] == [
        (1, None, "secrets/named"),
        (4, 6, "secrets/private-key"),
    ]


def test_a_reference_is_no_secret():
    """`password = var.password` is how it should be."""
    text = "password = var.password\npassword: ${PASSWORD}\npassword = data.vault.this.password\ntoken: <your token>\n"

    assert find_secrets(text) == []
    assert find_terraform_secrets('a {\n  password = "${var.x}"\n  token = random_password.x.result\n}\n') == []


@given(st.text(max_size=80), st.text(alphabet="abcdefgh12345678", min_size=8, max_size=20))
def test_hiding_keeps_every_line_where_it_was(before, secret):
    """Source lines are taken from the hidden text by their number."""
    text = f'{before}\nvariable "token" {{\n  default = "{secret}x"\n}}\n'

    assert masked(text, terraform=True).count("\n") == text.count("\n")


def test_a_sensitive_output_says_nothing_of_the_variable_before_it():
    """`default = "small"` was called a secret because an output further down is sensitive."""
    text = 'variable "size" {\n  default = "small"\n}\noutput "url" {\n  value     = 1\n  sensitive = true\n}\n'

    assert find_terraform_secrets(text) == []
