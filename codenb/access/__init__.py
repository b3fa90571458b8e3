"""Who may call what, who approved what, and the record of both: used by host and servers alike."""

from codenb.access._access import Access
from codenb.access._approvers import APPROVAL_ALGORITHMS, APPROVAL_KEYS, ApprovalKeys, fingerprint
from codenb.access._audit import AuditLog, without_entry
from codenb.access._audit_event import AuditEntries, AuditEntry, AuditEvent, AuditKind, Fault
from codenb.access._denials import Denials
from codenb.access._durable import Damaged, Durable, stamp
from codenb.access._grants import Grant, sign_grant, verify_grant
from codenb.access._principal import LOCAL, PREVIEW_TOOL, Permits, Principal

__all__ = [
    "APPROVAL_ALGORITHMS",
    "APPROVAL_KEYS",
    "LOCAL",
    "PREVIEW_TOOL",
    "Access",
    "ApprovalKeys",
    "AuditEntries",
    "AuditEntry",
    "AuditEvent",
    "AuditKind",
    "AuditLog",
    "Damaged",
    "Denials",
    "Durable",
    "Fault",
    "Grant",
    "Permits",
    "Principal",
    "fingerprint",
    "sign_grant",
    "stamp",
    "verify_grant",
    "without_entry",
]
