# SPDX-License-Identifier: Apache-2.0
"""`make screenshots`: trains the demo and takes the README's pictures in real Chromium."""

import os
import subprocess
import sys
import tempfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))
from chromium import find
from server import tensorboard

from tb_xai_callbacks.demo.run import train_all

FRONTEND = Path(__file__).parents[2] / "frontend"


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        train_all(Path(folder))
        with tensorboard(Path(folder), runs=3) as url:
            environment = {**os.environ, "CHROMIUM": find() or "", "TAB_URL": url}
            subprocess.run(["node", "browser/screenshots.mjs"], cwd=FRONTEND, env=environment, check=True)


if __name__ == "__main__":
    main()
