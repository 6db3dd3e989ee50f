"""The Hub's check of a card."""

import re

import yaml


def card_errors(content: str) -> list[str]:
    """What the Hub would refuse in a card's metadata, as far as its specification says so."""
    match = re.match(r"---\n(.*?)\n---\n", content, re.DOTALL)
    if match is None:
        return ["the card has no metadata"]
    try:
        data = yaml.safe_load(match[1])
    except yaml.YAMLError as error:
        return [f"the metadata is not YAML: {error}"]
    problems = []
    for name, kind in (("library_name", str), ("pipeline_tag", str), ("license", str), ("tags", list)):
        if name in data and not isinstance(data[name], kind):
            problems.append(f"{name} must be a {kind.__name__}")
    if "license" in data and not re.fullmatch(r"[a-z0-9][a-z0-9.-]*", str(data["license"])):
        problems.append("license must be the identifier of a licence")
    for model in data.get("model-index", []):
        for result in model["results"]:
            fine = isinstance(model.get("name"), str) and isinstance(result.get("task", {}).get("type"), str)
            fine = fine and all(isinstance(result.get("dataset", {}).get(key), str) for key in ("name", "type"))
            if not fine or not all({"type", "value"} <= set(metric) for metric in result["metrics"]):
                problems.append("model-index: a result needs task.type, dataset.name, dataset.type and metrics")
    return problems
