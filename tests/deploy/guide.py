"""Follows docs/deploy.md: the commands under "First deploy", as they stand there, in one shell."""

import re
import subprocess
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]

# What is run otherwise than it stands there, by the first words of the block, and how: tests/deploy/sam stands before SAM.
RUN_OTHERWISE = {
    'PATH="$PWD/.tools/lambda/bin:$PATH" sam build': (
        "the functions were built for this machine already, and are laid out as SAM would"
    ),
    "sam deploy": "SAM deploys, and the routes that the emulator leaves out are added",
}

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


def take(reasons: dict[str, str], block: str) -> str | None:
    """What is said of a block by its first words; it is said once."""
    return next((reasons.pop(start) for start in list(reasons) if block.startswith(start)), None)


def follow(environment: dict[str, str]) -> dict[str, str]:
    """Runs the commands and answers what the shell knows at the end: the API's address, its key, the CRM's endpoint, the
    first link, and the names of the tables."""
    script = ["set -euo pipefail"]
    left_out, otherwise = dict(LEFT_OUT), dict(RUN_OTHERWISE)
    for block in commands("First deploy"):
        if reason := take(left_out, block):
            print(f"-- left out, because {reason}:\n{block}", end="")
            continue
        if how := take(otherwise, block):
            print(f"-- run otherwise: {how}:\n{block}", end="")
        script.append(block)
    if left_out or otherwise:
        raise AssertionError(f"these commands are not in the guide any more: {[*left_out, *otherwise]}")
    ended = Path(environment["DEPLOY_SCRATCH"]) / "ended"
    known = {
        "api": "API",
        "key": "KEY",
        "endpoint": "ENDPOINT",
        "link": "LINK",
        "PAYLINK_TABLE": "PAYLINK_TABLE",
        "PAYLINK_SECRETS_TABLE": "PAYLINK_SECRETS_TABLE",
    }
    values = " ".join(f'"${variable}"' for variable in known.values())
    script.append(f"printf '%s\\0' {values} > {ended}")
    subprocess.run(["bash", "-c", "\n".join(script)], cwd=ROOT, env=environment, check=True)
    return dict(zip(known, ended.read_text().split("\0")))
