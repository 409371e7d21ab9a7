"""See that Debian's Chromium and a Chinese font are there; as root, install them."""

import os
import shutil
import subprocess
import sys

PACKAGES = ["chromium", "fonts-noto-cjk"]


def main() -> None:
    if shutil.which("chromium"):
        return
    if os.geteuid() != 0 or not shutil.which("apt-get"):
        sys.exit(f"浏览器测试需要 Chromium：apt-get install {' '.join(PACKAGES)}")
    print("· 安装 Chromium …", flush=True)
    environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    for command in (["update", "-q"], ["install", "-y", "-q", "--no-install-recommends", *PACKAGES]):
        done = subprocess.run(["apt-get", *command], env=environment, capture_output=True, text=True)
        if done.returncode:
            sys.exit(done.stderr[-2000:])


if __name__ == "__main__":
    main()
