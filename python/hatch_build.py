"""Builds libmartlet.so with SwiftPM and puts it into the wheel, which serves every CPython 3 of the platform."""
import os
import platform
import re
import shutil
import subprocess
import tempfile
from pathlib import Path

from hatchling.builders.hooks.plugin.interface import BuildHookInterface


def glibc_floor(library):
    """The newest glibc 2.x that the library asks for, read from its version strings."""
    found = [int(m) for m in re.findall(rb"GLIBC_2\.(\d+)", library.read_bytes())]
    return max(found, default=17)


class SwiftBuildHook(BuildHookInterface):
    PLUGIN_NAME = "custom"

    def initialize(self, version, build_data):
        root = Path(self.root)
        if os.environ.get("MARTLET_LIB"):
            library = Path(os.environ["MARTLET_LIB"])
        else:
            swift = shutil.which("swift")
            if swift is None:
                raise SystemExit("martlet needs the Swift 6.3 toolchain on PATH: https://www.swift.org/install")
            # SwiftPM obeys $CC, and gcc cannot build its C targets.
            environment = {k: v for k, v in os.environ.items() if k not in ("CC", "CXX")}
            subprocess.run([swift, "build", "-c", "release", "--product", "martlet"], cwd=root, check=True, env=environment)
            library = root / ".build" / "release" / "libmartlet.so"
        build_data["pure_python"] = False
        build_data["tag"] = f"py3-none-manylinux_2_{max(glibc_floor(library), 17)}_{platform.machine()}"
        if version == "editable":
            return  # a checkout finds .build/release/libmartlet.so by itself
        self._folder = tempfile.TemporaryDirectory()
        staged = Path(self._folder.name) / "libmartlet.so"
        shutil.copy2(library, staged)
        if shutil.which("strip"):
            subprocess.run(["strip", "--strip-unneeded", str(staged)], check=True)
        build_data.setdefault("force_include", {})[str(staged)] = "martlet/_lib/libmartlet.so"
