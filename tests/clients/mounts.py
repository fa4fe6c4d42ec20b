"""File systems of a test's own, on loop devices: they go away with the test, however it ends.

enter_mount_namespace() first: mounts then live in a namespace that ends with the program, even if it is
killed, and the loop devices end with their mounts.
"""

import contextlib
import os
import subprocess
import sys

import harness

# What makes a file system of each kind.
MAKE = {
    "ext4": ["mkfs.ext4", "-q", "-m", "0"],
    "xfs": ["mkfs.xfs", "-q", "-f"],
    "btrfs": ["mkfs.btrfs", "-q", "-f"],
}
LEAST_MIB = {"ext4": 8, "xfs": 320, "btrfs": 256}
INSIDE = "CLIENT_TEST_MOUNTS"


def why_no_mounts():
    """Why this program cannot have a mount namespace; None when it can."""
    if os.geteuid() != 0:
        return "mounting a file system takes root"
    if subprocess.run(["unshare", "--mount", "--propagation", "private", "true"], capture_output=True).returncode != 0:
        return "a mount namespace cannot be made here"
    return None


def why_not_mountable(workspace, kind):
    """Why a file system of `kind` in a loop device cannot be mounted, found by trying; None when it can."""
    image, path = workspace.path / "trial.img", workspace.path / "trial"
    path.mkdir(exist_ok=True)
    with open(image, "wb") as file:
        file.truncate(LEAST_MIB[kind] << 20)
    for command in ([*MAKE[kind], image], ["mount", "-o", "loop", image, path]):
        done = subprocess.run(command, capture_output=True, text=True)
        if done.returncode != 0:
            return f"{kind} in a loop device cannot be mounted here: {done.stderr.strip()}"
    unmount(path)
    image.unlink()
    return None


def enter_mount_namespace():
    """Starts this program again where its mounts are its own. Only where why_no_mounts() is None."""
    if INSIDE in os.environ:
        return
    os.environ[INSIDE] = "1"
    os.execvp("unshare", ["unshare", "--mount", "--propagation", "private", sys.executable, *sys.argv])


def unmount(path):
    # A process that was just killed may hold the mount for a moment.
    harness.wait_until(lambda: subprocess.run(["umount", path], capture_output=True).returncode == 0, 10,
                       f"umount {path}")


@contextlib.contextmanager
def mounted(workspace, kind, size_mib=64):
    """A fresh file system of `kind` (of MAKE, or tmpfs), mounted below the workspace."""
    path = workspace.path / f"mount-{kind}"
    path.mkdir()
    image = workspace.path / f"{kind}.img"
    if kind == "tmpfs":
        harness.run(["mount", "-t", "tmpfs", "-o", f"size={size_mib}m", "penstock-test", path])
    else:
        with open(image, "wb") as file:
            file.truncate(size_mib << 20)
        harness.run([*MAKE[kind], image])
        harness.run(["mount", "-o", "loop", image, path])
    try:
        yield path
    finally:
        for server in workspace.servers:
            server.kill9()
        unmount(path)
        image.unlink(missing_ok=True)
