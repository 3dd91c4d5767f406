"""Looks at what the SAM transform makes of the template.

CloudFormation refuses a template whose resources wait for each other in a ring, and no linter sees it before the SAM
transform: a function's variable made from the API that calls the function is such a ring."""

import json
import re
from pathlib import Path

from samtranslator.translator.transform import transform
from samtranslator.yaml_helper import yaml_parse


TRACES = "arn:aws:iam::aws:policy/AWSXrayWriteOnlyAccess"


class _ManagedPolicies:
    def load(self):
        return {"AWSXrayWriteOnlyAccess": TRACES, "AWSXRayDaemonWriteAccess": TRACES}


def transformed(text: str, parameters: dict[str, str] | None = None) -> dict:
    """The template as CloudFormation has it after the SAM transform."""
    # The transform wants the code where `sam deploy` has put it.
    template = yaml_parse(re.sub(r"CodeUri: \S+", "CodeUri: s3://bucket/code", text))
    return transform(template, parameters or {}, _ManagedPolicies())


def waits_for(value, names: set[str]) -> set[str]:
    """The resources that a part of a template names."""
    if isinstance(value, list):
        return set().union(*(waits_for(one, names) for one in value))
    if not isinstance(value, dict):
        return set()
    found = set()
    for key, inner in value.items():
        if key == "Ref" and isinstance(inner, str):
            found.add(inner)
        elif key == "Fn::GetAtt":
            found.add(inner[0] if isinstance(inner, list) else inner.split(".")[0])
        elif key == "Fn::Sub":
            text = inner[0] if isinstance(inner, list) else inner
            found |= {name.split(".")[0] for name in re.findall(r"\$\{([A-Za-z0-9:.]+)\}", text)}
            found |= waits_for(inner, names) if isinstance(inner, list) else set()
        else:
            found |= waits_for(inner, names)
    return found & names


def cycle(template: dict) -> list[str]:
    """A ring of resources that wait for each other, or nothing."""
    resources = template["Resources"]
    names = set(resources)
    waits = {}
    for name, resource in resources.items():
        after = resource.get("DependsOn", [])
        after = {after} if isinstance(after, str) else set(after)
        waits[name] = (waits_for(resource.get("Properties", {}), names) | after) - {name}
    done, path = set(), []

    def visit(name: str) -> list[str]:
        if name in path:
            return path[path.index(name):] + [name]
        if name in done:
            return []
        path.append(name)
        for other in sorted(waits[name]):
            if ring := visit(other):
                return ring
        path.pop()
        done.add(name)
        return []

    for name in sorted(names):
        if ring := visit(name):
            return ring
    return []


def check_tracing(text: str) -> None:
    """Traces are sent by every function where they are asked for, and otherwise no role allows them. Two roles are written
    out, with a statement that depends on the same parameter; the transform makes the others."""
    for wanted, roles, functions in (("Disabled", 0, 0), ("Active", 6, 8)):
        resources = transformed(text, {"Tracing": wanted})["Resources"]
        properties = [one.get("Properties", {}) for one in resources.values()]
        may = [one for one in properties if TRACES in one.get("ManagedPolicyArns", [])]
        does = [one for one in properties if "TracingConfig" in one]
        assert (len(may), len(does)) == (roles, functions), f"Tracing={wanted}: {len(may)} roles, {len(does)} functions"
        written = [statement for one in properties for policy in one.get("Policies", [])
                   for statement in policy["PolicyDocument"]["Statement"] if "xray:" in json.dumps(statement)]
        assert [one["Fn::If"][0] for one in written] == ["HasTracing", "HasTracing"], written


def check(root: Path) -> None:
    """Says where the template has a cycle; and makes one, to see that it would be found."""
    text = (root / "template.yaml").read_text()
    ring = cycle(transformed(text))
    if ring:
        raise AssertionError(f"template.yaml has a cycle: {' -> '.join(ring)}")
    closed = text.replace("PAYLINK_TABLE: !Ref Table", "PAYLINK_TABLE: !GetAtt Api.ApiEndpoint")
    if closed == text or not cycle(transformed(closed)):
        raise AssertionError("a function that waits for the API which calls it is not found to be a cycle")
    check_tracing(text)


if __name__ == "__main__":
    check(Path(__file__).resolve().parents[2])
    print("The transformed template has no cycle, and traces nothing unless it is asked to.")
