"""Who may call what, who approved what, and the record of both: used by host and servers alike."""

from codenb.access._principal import LOCAL, PREVIEW_TOOL, Permits, Principal

__all__ = ["LOCAL", "PREVIEW_TOOL", "Permits", "Principal"]
