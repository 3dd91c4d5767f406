"""Puts the built functions and the template into the form that `sam build` gives them.

The functions are those that every other test runs, without their debug information: Lambda's emulator would carry that in
each of their archives. Of the template only two things are changed: where the code of each function lies, and what the
emulator's identity of SES does not have, the names and values of its records."""

import os
import re
import subprocess
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
BUILT = ROOT / "target/debug"


def assemble(built: Path) -> list[str]:
    """Fills a folder with the template and a folder for each function, and answers their names."""
    names = []

    def code_of(match: re.Match) -> str:
        name = match[1]
        (built / name).mkdir(parents=True, exist_ok=True)
        subprocess.run(["strip", "-o", built / name / "bootstrap", BUILT / name], check=True)
        names.append(name)
        return f"CodeUri: {name}"

    template = re.sub(r"CodeUri: functions/(\S+)", code_of, (ROOT / "template.yaml").read_text())
    template = re.sub(r"!GetAtt Identity\.DkimDNSTokenName(\d)", r"token\1._domainkey.business.example", template)
    template = re.sub(r"!GetAtt Identity\.DkimDNSTokenValue(\d)", r"token\1.dkim.amazonses.com", template)
    template = re.sub(r"\$\{Identity\.DkimDNSTokenName(\d)\}", r"token\1._domainkey.business.example", template)
    template = re.sub(r"\$\{Identity\.DkimDNSTokenValue(\d)\}", r"token\1.dkim.amazonses.com", template)
    (built / "template.yaml").write_text(template)
    return names


if __name__ == "__main__":
    names = assemble(Path(os.environ["DEPLOY_SCRATCH"]) / "built")
    print("Built:", ", ".join(names))
