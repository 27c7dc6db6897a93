"""Write requirements.lock and requirements-dev.lock from pyproject.toml.

Needs `uv` on the path, which only the person who changes a dependency has to have:
`pip install uv`, then `python tools/lock.py`. The locks hold versions and hashes for every
supported Python and platform, and no registry address.
"""

from __future__ import annotations

import subprocess
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
HEADER = "# Written by tools/lock.py from pyproject.toml: versions and hashes, no registry address.\n"


def lock(target: str, *extras: str) -> None:
    command = ["uv", "pip", "compile", "--universal", "--python-version", "3.11", "--generate-hashes"]
    command += ["--no-emit-index-url", "--no-header", "--quiet", "pyproject.toml"]
    command += [word for extra in extras for word in ("--extra", extra)]
    command += ["--output-file", target]
    subprocess.run(command, cwd=ROOT, check=True)
    path = ROOT / target
    path.write_text(HEADER + path.read_text(encoding="utf-8"), encoding="utf-8")


if __name__ == "__main__":
    lock("requirements.lock", "setup")
    lock("requirements-dev.lock", "setup", "dev")
