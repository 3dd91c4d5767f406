"""Reads the commands of the guides and runs them: the ```sh blocks under a heading, as they stand there, in one shell that
lives as long as the test.

Every block of these pages is run, or run otherwise, or left out. Whoever writes a block under a new heading has to decide
which, because a heading that nobody follows fails the test."""

import os
import re
import shlex
import subprocess
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]

DEPLOY, BUSINESSES = "docs/deploy.md", "docs/businesses.md"
OPERATIONS, PROTECTION = "docs/operations.md", "docs/data-protection.md"
PAGES = (DEPLOY, BUSINESSES, OPERATIONS, PROTECTION)


@dataclass(frozen=True)
class Otherwise:
    """A block that is run, but not as it stands there."""

    how: str
    # What stands in the place of what.
    instead: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True)
class LeftOut:
    """A block that is not run."""

    why: str


@dataclass(frozen=True)
class Block:
    page: str
    heading: str
    text: str

    def __str__(self) -> str:
        return f"{self.page}, {self.heading}: {self.text.splitlines()[0]}"


class Shell:
    """One shell, which keeps its variables and functions from one block to the next."""

    def __init__(self, environment: dict[str, str], scratch: Path):
        self.scratch = scratch
        done, self._says_done = os.pipe()
        self._bash = subprocess.Popen(
            ["bash"],
            cwd=ROOT,
            env=environment,
            stdin=subprocess.PIPE,
            pass_fds=(self._says_done,),
            text=True,
        )
        os.close(self._says_done)
        self._done = os.fdopen(done)
        # A person's shell goes on after a failure. This one ends, so that a failure is seen.
        self.run("set -eo pipefail")

    def run(self, commands: str) -> None:
        """Runs commands and waits until they are done."""
        self._bash.stdin.write(f"{commands}\necho done >&{self._says_done}\n")
        self._bash.stdin.flush()
        if self._done.readline() != "done\n":
            raise AssertionError(f"the shell ended with {self._bash.wait()} in:\n{commands}")

    def value(self, name: str) -> str:
        """What a variable of the shell has now."""
        place = self.scratch / "value"
        self.run(f'printf %s "${name}" > {place}')
        return place.read_text()

    def set(self, name: str, value: str) -> None:
        self.run(f"export {name}={shlex.quote(value)}")

    def end(self) -> None:
        self._bash.stdin.close()
        self._bash.wait(10)


def blocks_of(page: str) -> list[Block]:
    """The blocks of commands of a page, each with the heading of the second order that it stands under."""
    found, heading = [], ""
    lines = iter((ROOT / page).read_text().splitlines(keepends=True))
    for line in lines:
        if line.startswith("## "):
            heading = line.removeprefix("## ").strip()
        if line.strip() == "```sh":
            text = ""
            for line in lines:
                if line.strip() == "```":
                    break
                text += line
            found.append(Block(page, heading, text))
    return found


class Guide:
    """The pages, and what was done with each of their blocks until now."""

    def __init__(self, shell: Shell, decisions: dict[tuple[str, str], Otherwise | LeftOut]):
        self.shell = shell
        self.decisions = decisions
        self.blocks = [block for page in PAGES for block in blocks_of(page)]
        self.followed: set[tuple[str, str]] = set()
        self.decided: set[tuple[str, str]] = set()
        self.said: list[str] = []

    def follow(self, page: str, heading: str) -> None:
        """Runs what stands under a heading."""
        blocks = [block for block in self.blocks if (block.page, block.heading) == (page, heading)]
        if not blocks:
            raise AssertionError(f"{page} has no commands under {heading!r}")
        self.followed.add((page, heading))
        for block in blocks:
            decision = self._decision(block)
            text = block.text
            if isinstance(decision, LeftOut):
                self.said.append(f"not run, because {decision.why}:\n    {first_line(block)}")
                continue
            if isinstance(decision, Otherwise):
                self.said.append(f"run otherwise: {decision.how}:\n    {first_line(block)}")
                for stands, instead in decision.instead:
                    if stands not in text:
                        raise AssertionError(f"{block} has no {stands!r} any more")
                    text = text.replace(stands, instead)
            print(f"-- {block}", flush=True)
            self.shell.run(text)

    def leave_out(self, page: str, heading: str) -> None:
        """Nothing under a heading is run, and each block of it says why."""
        for block in self.blocks:
            if (block.page, block.heading) == (page, heading) and not isinstance(self._decision(block), LeftOut):
                raise AssertionError(f"nobody decided about {block}")
        self.follow(page, heading)

    def _decision(self, block: Block) -> Otherwise | LeftOut | None:
        for (page, start), decision in self.decisions.items():
            if block.page == page and block.text.startswith(start):
                self.decided.add((page, start))
                return decision
        return None

    def everything_was_decided(self) -> None:
        """Fails where a block was not met, or where something was decided about a block that is not there."""
        headings = {(block.page, block.heading) for block in self.blocks}
        if unmet := headings - self.followed:
            raise AssertionError(f"nobody decided whether to run what stands under {sorted(unmet)}")
        if gone := set(self.decisions) - self.decided:
            raise AssertionError(f"these commands are not in the guides any more: {sorted(gone)}")

    def report(self) -> str:
        return "\n".join(f"  - {one}" for one in self.said)


def first_line(block: Block) -> str:
    return f"{block.page}: {block.text.splitlines()[0]}"
