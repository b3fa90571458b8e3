"""What a project says about its servers and about what may be changed.

`.mcp.json` names the servers, in the form that other MCP hosts use, so that a team's file works unchanged.
`codenb.toml` says the rest: what may be changed and where, which tools of other people's servers only read, what is
secret. With neither file the built-in servers stand on the current context and nothing may be changed.

The two files are met with different strictness. Other hosts own keys in `.mcp.json`, so what is unknown there is noted
and passed over, and what is wrong with one server is kept with that server. `codenb.toml` is ours and its settings
guard clusters, so a misspelt key there is an error.
"""

from codenb.config._gather import GatherRule
from codenb.config._load import load, project_folder
from codenb.config._servers import ServerSettings
from codenb.config._settings import CacheLimits, Limits, Retries, Settings

__all__ = ["CacheLimits", "GatherRule", "Limits", "Retries", "ServerSettings", "Settings", "load", "project_folder"]
