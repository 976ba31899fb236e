# SPDX-License-Identifier: Apache-2.0
"""Distribution `tb-xai-plugin`: the tab, the recorder, the command `tb-xai`."""

from pathlib import Path

from setuptools import find_packages, setup

HERE = Path(__file__).parent

FAST = ["google-crc32c>=1.5"]
TORCH = ["torch>=2.4", *FAST]
LIGHTNING = [*TORCH, "lightning>=2.4"]
KERAS = ["keras>=3.5", *FAST]
TRANSFORMERS = [*TORCH, "transformers>=5.0", "accelerate>=1.1"]
ATTRIBUTION = ["captum>=0.7", "scikit-learn>=1.3", "shap>=0.46"]
DEMO = [*TORCH, "scikit-learn>=1.3"]
DEV = [
    *LIGHTNING,
    *KERAS,
    *TRANSFORMERS,
    *DEMO,
    *ATTRIBUTION,
    "tensorflow-cpu>=2.18",
    "jax>=0.6",
    "tf-keras-vis==0.8.7",
    "scipy",
    "torchcam==0.5.0; python_version >= '3.11'",
    "grpcio-tools==1.75.1",
    "hypothesis",
    "import-linter",
    "mypy",
    "build",
    "pytest",
    "pytest-timeout",
    "pytest-xdist",
    "pyyaml",
    "ruff",
    "types-protobuf",
]
BENCH = ["wandb>=0.20", "opencv-python-headless>=4.10"]

setup(
    name="tb-xai-plugin",
    version="0.1.0",
    description="A TensorBoard tab that shows what a neural network is learning while it learns.",
    long_description=(HERE / "README.md").read_text(encoding="utf-8"),
    long_description_content_type="text/markdown",
    license_expression="Apache-2.0",
    license_files=["LICENSE", "tb_xai_plugin/tab/static/THIRD_PARTY.txt"],
    python_requires=">=3.10",
    packages=[
        *find_packages(include=["tb_xai_plugin*"]),
        *find_packages("callbacks", include=["tb_xai_callbacks*"]),
    ],
    package_dir={"tb_xai_callbacks": "callbacks/tb_xai_callbacks"},
    package_data={
        "tb_xai_plugin": [
            "tab/static/*",
            "tab/static/assets/*",
            "tab/http_api.md",
            "format/schema.proto",
            "py.typed",
        ],
        "tb_xai_callbacks": ["py.typed"],
    },
    install_requires=[
        "numpy>=1.26",
        "protobuf>=6.31.1,<8",
        "tensorboard>=2.21",
        "werkzeug>=3.0",
        "pillow>=10",
    ],
    extras_require={
        "torch": TORCH,
        "lightning": LIGHTNING,
        "keras": KERAS,
        "transformers": TRANSFORMERS,
        "attribution": ATTRIBUTION,
        "fast": FAST,
        "demo": DEMO,
        "dev": DEV,
        "bench": BENCH,
    },
    entry_points={
        "tensorboard_plugins": ["xai = tb_xai_plugin.loader:XaiLoader"],
        "console_scripts": ["tb-xai = tb_xai_callbacks.cli:main"],
    },
    classifiers=[
        "Programming Language :: Python :: 3.10",
        "Programming Language :: Python :: 3.11",
        "Programming Language :: Python :: 3.12",
        "Programming Language :: Python :: 3.13",
    ],
)
