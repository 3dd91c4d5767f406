"""Puts the built functions and the template into the form that `sam build` gives them.

Nothing of the template is changed but where the code of each function lies."""

import os
import re
import shutil
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


def assemble(built: Path) -> list[str]:
    """Fills a folder with the template and a folder for each function, and answers their names."""
    names = []

    def code_of(match: re.Match) -> str:
        name = match[1]
        binary = ROOT / "target/lambda" / name / "bootstrap"
        (built / name).mkdir(parents=True, exist_ok=True)
        shutil.copy2(binary, built / name / "bootstrap")
        names.append(name)
        return f"CodeUri: {name}"

    template = re.sub(r"CodeUri: functions/(\S+)", code_of, (ROOT / "template.yaml").read_text())
    (built / "template.yaml").write_text(template)
    return names


if __name__ == "__main__":
    names = assemble(Path(os.environ["DEPLOY_SCRATCH"]) / "built")
    print("Built:", ", ".join(names))
