# SPDX-License-Identifier: Apache-2.0
"""Finds Chrome or Chromium, or installs Debian's package where it may; otherwise says what to do.

`python tests/browser/chromium.py` prints the path, or fails with a sentence.
"""

import os
import shutil
import subprocess
import sys

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome")

#: A fresh profile, nothing that calls home.
FLAGS = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)


def find() -> str | None:
    """The system's browser, or $CHROMIUM if it is set."""
    given = os.environ.get("CHROMIUM")
    return given or next((path for name in NAMES if (path := shutil.which(name))), None)


def install() -> None:
    """Debian's package, as root."""
    subprocess.run(["apt-get", "update", "-qq"], check=True)
    environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    subprocess.run(["apt-get", "install", "-y", "-qq", "chromium"], check=True, env=environment)


def main() -> int:
    """Print the browser's path; install it if it is missing and we may."""
    if find() is None and os.geteuid() == 0 and shutil.which("apt-get"):
        install()
    path = find()
    if path is None:
        print(
            "The browser tests need Chrome or Chromium and found none on PATH. Install one "
            "(Debian: apt-get install chromium) or set CHROMIUM=/path/to/chrome.",
            file=sys.stderr,
        )
        return 1
    print(path)
    return 0


if __name__ == "__main__":
    sys.exit(main())
