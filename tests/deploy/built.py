"""Looks at what `sam build` made: a program for the right processor in each function's folder, no larger than the budget.

    python3 tests/deploy/built.py FOLDER ARCHITECTURE

Nothing is started: a machine of another processor could not."""

import re
import struct
import sys
import zipfile
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]

# The field `e_machine` of an ELF header, by the name that Lambda has for the processor.
MACHINES = {"arm64": 183, "x86_64": 62}


def machine(program: Path) -> int:
    """What a program is built for. Lambda runs 64-bit little-endian ELF files and nothing else."""
    header = program.read_bytes()[:20]
    assert header[:6] == b"\x7fELF\x02\x01", f"{program} is no 64-bit little-endian ELF file"
    return struct.unpack_from("<H", header, 18)[0]


def zipped(folder: Path) -> int:
    """The size of the archive that SAM uploads of a folder, in bytes."""
    archive = folder.with_suffix(".zip")
    with zipfile.ZipFile(archive, "w", zipfile.ZIP_DEFLATED) as made:
        for file in sorted(one for one in folder.rglob("*") if one.is_file()):
            made.write(file, file.relative_to(folder))
    size = archive.stat().st_size
    archive.unlink()
    return size


def budgets() -> dict[str, float]:
    """The budget of each archive, in MiB, as the bench has it; that of all others has no name."""
    text = (ROOT / "tests/bench/src/budgets.rs").read_text()
    small = re.search(r"^const SMALL: .*?= \[(.*?)\];", text, re.MULTILINE | re.DOTALL)[1]
    named = {name: float(most) for name, most in re.findall(r'\("([a-z-]+)", ([0-9.]+)\)', small)}
    others = re.search(r"All others have ([0-9.]+)\.$", text, re.MULTILINE)[1]
    return {**named, "": float(others)}


def main(built: Path, architecture: str) -> None:
    template = (ROOT / "template.yaml").read_text()
    functions = re.findall(r"^  (\w+):\n    Type: AWS::Serverless::Function$(?:\n .*)*?\n        Binary: (\S+)$", template, re.MULTILINE)
    assert len(functions) == 8, functions
    budget_of = budgets()
    for name, binary in functions:
        program = built / name / "bootstrap"
        assert machine(program) == MACHINES[architecture], f"{name} is built for {machine(program)}"
        size = zipped(built / name)
        budget = budget_of.get(binary, budget_of[""])
        assert size <= budget * 1024 * 1024, f"the archive of {binary} has {size} bytes, and the budget is {budget} MiB"
        print(f"{binary}: {architecture}, {program.stat().st_size} bytes, {size} of {budget * 1024 * 1024:.0f} zipped")


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2])
