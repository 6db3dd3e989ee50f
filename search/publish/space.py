"""The folder of a Space: the explorer of a search, with all that it needs to start by itself."""

import re
import shutil
from collections.abc import Iterable, Iterator
from importlib import import_module
from importlib.metadata import distribution, packages_distributions, requires, version
from importlib.util import find_spec
from pathlib import Path

import yaml
from packaging.requirements import Requirement

import autobert_zero_hf
from autobert_zero_hf.errors import AutoBertZeroError
from autobert_zero_hf.markdown import escaped
from autobert_zero_hf.writing import written_whole

from .links import check_links
from .page import load, stage_search
from .report_facts import ReportFacts, models_of

APP = "app.py"
_PACKAGE = "autobert_zero_hf"
_ELSEWHERE = ("search", "model_cards")
"""Parts of the package whose folders may lie outside its own."""
_PARTS = ("*.py", "*.html", "*.yaml", "*.md", "*.svg", "py.typed")

_SERVED = """\
\"\"\"The explorer of a search: `python app.py` serves it, where Gradio's environment says.\"\"\"

from pathlib import Path

from autobert_zero_hf.explorer.app import open_search, serve
{imports}
serve(open_search(Path(__file__).resolve().parent / "runs" / {name!r}))
"""


def stage_space(facts: ReportFacts, place: Path, repo_id: str, model: str | None = None) -> None:
    """Write the folder of a Space: the card that sets it up, requirements, app, this package, the search, its models.

    The package travels along, since a search is read by the version that wrote it; so do modules whose parts the search
    has, or their distributions are required.

    Args:
        facts: the search, finished or not.
        place: where to; what was there is replaced once all is written.
        repo_id: the Space's page.
        model: the page of the search's winner, where it has one.

    Raises:
        AutoBertZeroError: if a model of the search cannot be loaded, or a module with parts of it is not found.
        WritingError: if there is no room.
    """
    name = re.sub(r"[^\w.-]", "-", facts.search.folder.path.resolve().name).lstrip(".") or "search"
    with written_whole(place) as partial:
        run = partial / "runs" / name
        run.mkdir(parents=True)
        stage_search(facts.search, run)
        for each in models_of(facts):
            loaded, tokenizer = load(facts.search.folder.finalist(each))
            loaded.save_pretrained(run / each)
            tokenizer.save_pretrained(run / each)
        front = facts.search.folder.front
        if front.exists():
            check_links(facts.search.folder.path, (front.name,))
            shutil.copy(front, run)
        _copy_package(partial / _PACKAGE)
        modules = facts.search.modules
        imports = "".join(f"import {module}  # has parts of this search\n" for module in modules)
        (partial / APP).write_text(_SERVED.format(name=name, imports=imports), encoding="utf-8")
        needed = [*_requirements(), *_carried(modules, partial)]
        (partial / "requirements.txt").write_text("\n".join(needed) + "\n", encoding="utf-8")
        (partial / "README.md").write_text(_card(facts, repo_id, model), encoding="utf-8")


def _carried(modules: Iterable[str], place: Path) -> Iterator[str]:
    """Gives the requirements of modules that come with a distribution of an index, and copies the others."""
    distributions = packages_distributions()
    for top in sorted({module.partition(".")[0] for module in modules}):
        names = sorted(set(distributions.get(top, ())))
        # What was installed from a folder or an address is in no index.
        if names and not any(distribution(name).read_text("direct_url.json") for name in names):
            yield from (f"{name}=={version(name)}" for name in names)
            continue
        if (spec := find_spec(top)) is None or spec.origin is None:
            raise AutoBertZeroError(
                f"the search has parts of the module {top}, which is not found here: --import it, in the folder where "
                "it lies"
            )
        if (place / f"{top}.py").exists() or (place / top).exists():
            raise AutoBertZeroError(
                f"the search has parts of the module {top}, and a Space has a file of that name: rename the module, "
                "and search again"
            )
        if spec.submodule_search_locations:
            _copy(Path(spec.origin).parent, place / top)
        else:
            shutil.copyfile(spec.origin, place / f"{top}.py")


def _copy_package(place: Path) -> None:
    (own,) = autobert_zero_hf.__path__
    _copy(Path(own), place)
    for part in _ELSEWHERE:
        (folder,) = import_module(f"{_PACKAGE}.{part}").__path__
        _copy(Path(folder), place / part)


def _copy(source: Path, place: Path) -> None:
    for pattern in _PARTS:
        for file in source.rglob(pattern):
            target = place / file.relative_to(source)
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(file, target)


def _requirements() -> Iterator[str]:
    """What this package and its explorer need, in the versions that are installed here; Gradio comes with the Space."""
    for line in requires("autobert-zero-hf") or ():
        needed = Requirement(line)
        if needed.marker is None or needed.marker.evaluate({"extra": "app"}):
            installed = version(needed.name).partition("+")[0]
            if needed.name != "gradio":
                yield f"{needed.name}=={installed}"


def _card(facts: ReportFacts, repo_id: str, model: str | None) -> str:
    search = facts.search
    title = repo_id.rpartition("/")[2]
    metadata = {
        "title": title,
        "sdk": "gradio",
        "sdk_version": version("gradio"),
        "python_version": "3.11",
        "app_file": APP,
        "short_description": "A search for BERT backbones, to look at",
        "tags": ["autobert-zero", "nas", "neural-architecture-search"],
        **({"models": [model]} if model else {}),
    }
    return (
        f"---\n{yaml.safe_dump(metadata, sort_keys=False)}---\n\n# {title}\n\n"
        f"{len(facts.candidates)} candidates of a search for BERT backbones on {escaped(search.text)}: browse and "
        "compare them, type a formula and see its axes, plan, cost and picture, fill a mask.\n\n"
        "Made by `autobert-zero explore --push-space`; `python app.py` serves the same page anywhere, with what "
        f"`requirements.txt` names and gradio {version('gradio')}.\n"
    )
