"""Follows docs/deploy.md: the commands under "First deploy", as they stand there, in one shell."""

import re
import subprocess
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]

# What the emulator leaves out, by the first words of the block, and why.
LEFT_OUT = {
    "export AWS_REGION": "the test chooses for itself, and the emulator has credentials of its own",
    "make tools-deploy": "nothing is compiled for another machine: the emulator runs the functions on this one",
}


def commands(heading: str) -> list[str]:
    """The blocks of commands under a heading."""
    text = (ROOT / "docs/deploy.md").read_text()
    section = re.search(rf"^## {re.escape(heading)}\n(.*?)(?=^## |\Z)", text, re.MULTILINE | re.DOTALL)
    blocks = re.findall(r"^```sh\n(.*?)^```", section[1], re.MULTILINE | re.DOTALL) if section else []
    if not blocks:
        raise AssertionError(f"docs/deploy.md has no commands under {heading!r}")
    return blocks


def follow(environment: dict[str, str]) -> dict[str, str]:
    """Runs the commands and answers what the shell knows at the end: the API's address, its key, the
    CRM's endpoint and the first link."""
    script = ["set -euo pipefail"]
    left_out = dict(LEFT_OUT)
    for block in commands("First deploy"):
        reason = next((left_out.pop(start) for start in list(left_out) if block.startswith(start)), None)
        if reason:
            print(f"-- left out, because {reason}:\n{block}", end="")
        else:
            script.append(block)
    if left_out:
        raise AssertionError(f"these commands are not in the guide any more: {list(left_out)}")
    ended = Path(environment["DEPLOY_SCRATCH"]) / "ended"
    script.append(f"printf '%s\\0' \"$API\" \"$KEY\" \"$ENDPOINT\" \"$LINK\" > {ended}")
    subprocess.run(["bash", "-c", "\n".join(script)], cwd=ROOT, env=environment, check=True)
    return dict(zip(("api", "key", "endpoint", "link"), ended.read_text().split("\0")))
