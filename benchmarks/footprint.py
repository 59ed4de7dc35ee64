"""Time and peak memory of a cold demonstration, and the memory of web, worker and database at rest.

Packages are installed already (that is what "cached" means here); data folder and database are new.
Memory is proportional set size (PSS) where the kernel tells it, summed over a process and its children.
"""

import os
import re
import resource
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

GONGZHI = Path(sys.executable).with_name("gongzhi")


def pss_mb(pid: int) -> float:
    """Proportional set size of one process in MB."""
    text = Path(f"/proc/{pid}/smaps_rollup").read_text(encoding="ascii")
    found = re.search(r"^Pss:\s+(\d+) kB", text, re.MULTILINE)
    return int(found[1]) / 1024 if found else 0.0


def processes() -> dict[int, str]:
    """Command lines by process id."""
    found = {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                found[int(entry.name)] = (entry / "cmdline").read_bytes().replace(b"\0", b" ").decode()
            except OSError:
                continue
    return found


def at_rest(environment: dict[str, str], folder: str) -> None:
    """Start the demonstration, wait until it runs, print the memory of its parts, stop it."""
    demo = subprocess.Popen(
        [GONGZHI, "demo"], env=environment, stdout=subprocess.PIPE, text=True, start_new_session=True
    )
    assert demo.stdout is not None
    for line in demo.stdout:
        if "Ctrl-C" in line:
            break
    postmaster = next(Path(folder).rglob("postmaster.pid"), None)
    database_pid = int(postmaster.read_text().split()[0]) if postmaster else 0
    parts = {"web": 0.0, "worker": 0.0, "database": 0.0}
    for pid, command in processes().items():
        if (command.startswith("postgres") and parent_of(pid) == database_pid) or pid == database_pid:
            parts["database"] += pss_mb(pid)
        elif "gongzhi.core.cli" in command and folder in Path(f"/proc/{pid}/environ").read_text():
            parts["web" if " serve" in command else "worker"] += pss_mb(pid)
    for name, size in parts.items():
        print(f"at rest, {name}: {size:.0f} MB")
    print(f"at rest, together: {sum(parts.values()):.0f} MB")
    demo.send_signal(signal.SIGINT)
    demo.communicate(timeout=60)


def parent_of(pid: int) -> int:
    """The parent of a process, 0 when it is gone."""
    try:
        return int(Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[1])
    except OSError:
        return 0


def main() -> None:
    """Measure and print."""
    with tempfile.TemporaryDirectory(prefix="gongzhi-bench-") as folder:
        Path(folder).chmod(0o711)
        environment = os.environ | {"GONGZHI_DATA_DIR": folder, "GONGZHI_PORT": "0"}
        times = []
        for run in ("cold", "second"):
            begun = time.perf_counter()
            subprocess.run(
                [GONGZHI, "demo", "--exit"], env=environment, check=True, stdout=subprocess.DEVNULL
            )
            times.append(time.perf_counter() - begun)
            print(f"{run} demonstration: {times[-1]:.1f} s")
        print(f"second / cold: {times[1] / times[0]:.2f}")
        peak = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1024
        print(f"peak memory of the largest single process: {peak:.0f} MB")
        at_rest(environment, folder)


if __name__ == "__main__":
    main()
