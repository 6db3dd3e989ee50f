"""The explorer's page, by Gradio."""

from functools import partial
from pathlib import Path
from typing import Any

import gradio as gr
from markupsafe import Markup
from starlette.middleware import Middleware

from autobert_zero_hf.search.recipe.recipe import Recipe

from ..errors import AutoBertZeroError
from ..model import AutoBertZeroConfig
from ..places import without_places
from ..search.publish.report_facts import ReportFacts, models_of, read_report_facts
from ..search.publish.worth import RandomDraws, Ties
from ..search.recipe.options import OF_SOURCE
from .candidates import show_candidates
from .closing import UploadsClosed
from .controls import text_of
from .masks import MaskFiller
from .steering import can_be_steered, steer
from .views import compare, matching, show_formula

EXAMPLES = (
    "matmul(softmax(scale(matmul(q, transpose(k)))), v)",
    "matmul(softmax(cosine_similarity(q, k)), add(q, v))",
    "conv(9)",
)
CSS = """
.chart { overflow-x: auto; }
.chart svg { width: 100%; min-width: 34rem; max-width: 60rem; height: auto; background: #fff; cursor: pointer; }
.picture { overflow-x: auto; } .picture svg { max-width: 100%; height: auto; }
.picture svg { background: #fff; border-radius: 6px; }
.error { color: #a40000; } .dark .error { color: #ff9b8f; } pre.error { overflow-x: auto; }
.shown code { overflow-wrap: anywhere; } .shown table { border-collapse: collapse; }
.shown td, .shown th { text-align: left; vertical-align: top; padding: 0.35rem 1rem 0.35rem 0; border: 0; }
.shown tr { border: 0; border-bottom: 1px solid var(--border-color-primary); }
.comparison { width: 100%; table-layout: fixed; } .comparison th:first-child { width: 11rem; }
.comparison th { font-weight: 600; }
.beside { display: grid; grid-template-columns: repeat(auto-fit, minmax(min(24rem, 100%), 1fr)); gap: 1rem; }
@media (max-width: 40rem) {
  .comparison tr { display: grid; grid-template-columns: 1fr 1fr; }
  .comparison th:first-child { grid-column: 1 / -1; width: auto; }
  .comparison td, .comparison th { padding: 0.2rem 0.6rem 0.2rem 0; }
}
"""
_THEME = gr.themes.Default(font=["system-ui", "sans-serif"], font_mono=["ui-monospace", "monospace"])


def open_search(folder: Path) -> gr.Blocks:
    """The page of a folder of a search, with the models that it holds.

    Raises:
        AutoBertZeroError: if it holds no search, or a damaged one.
    """
    facts = read_report_facts(folder)
    return make_app(facts, {name: facts.search.folder.finalist(name) for name in models_of(facts)})


def make_app(facts: ReportFacts, models: dict[str, Path]) -> gr.Blocks:
    """The page of a search.

    Args:
        facts: the search.
        models: by their names the folders of finished models, to fill masks with.
    """
    recipe = Recipe.restored(facts.recipe)
    config = recipe.make_config(recipe.data.vocab_size)
    if recipe.sub_models.supernet_from and (found := next(iter(models.values()), None)):
        like = AutoBertZeroConfig.from_pretrained(found)
        config.update({name: getattr(like, name) for name in OF_SOURCE})
    name = facts.search.folder.path.resolve().name
    title = f"{name}: a search for BERT backbones"
    with gr.Blocks(title=title, analytics_enabled=False) as app:
        constant = facts.search.constant_answer if facts.scored else None
        worth = [constant, RandomDraws.of(facts.history), Ties.of(facts.history)]
        said = " ".join(str(each) for each in worth if each)
        gr.HTML(Markup("<h1>{}</h1><p>{}. {}</p>").format(name, facts.state, said))
        if facts.candidates:
            with gr.Tab("Candidates"):
                show_candidates(facts, config)
            with gr.Tab("Compare"):
                _compare(facts, config)
            if can_be_steered(recipe):
                with gr.Tab("Steer"):
                    steer(facts, recipe)
        with gr.Tab("Formula"):
            _formula(config, recipe.data.sequence_length)
        if models:
            with gr.Tab("Fill a mask"):
                _fill_mask(models)
    return app


def serve(app: gr.Blocks, host: str | None = None, port: int | None = None, wait: bool = True) -> None:
    """Serve the page until it is interrupted, and no file besides; none is taken.

    Args:
        app: the page.
        host: the address; None for what the environment says, as that of a Space does, and else for loopback.
        port: None likewise, and else for the first free one from 7860.
        wait: until it is interrupted; otherwise it is served meanwhile, and `app.close` ends it.

    Raises:
        OSError: if the port is taken.
    """
    closed = {"middleware": [Middleware(UploadsClosed)]}
    app.launch(
        server_name=host,
        server_port=port,
        theme=_THEME,
        css=CSS,
        footer_links=[],
        quiet=False,
        app_kwargs=closed,
        prevent_thread_lock=not wait,
    )


def _compare(facts: ReportFacts, config: AutoBertZeroConfig) -> None:
    names = [
        (f"{each.number}: {'failed' if each.score is None else f'{each.score:.4f}'}", each.number)
        for each in matching(facts)
    ]
    show = partial(compare, facts, config=config)
    with gr.Row():
        chosen = [names[min(place, len(names) - 1)][1] for place in range(2)]
        numbers = [
            gr.Dropdown(names, value=value, label=f"candidate {name}") for value, name in zip(chosen, "AB", strict=True)
        ]
    shown = gr.HTML(show(*chosen), elem_classes="shown")
    for each in numbers:
        each.change(show, numbers, shown, show_progress="hidden", preprocess=False)


def _formula(config: AutoBertZeroConfig, tokens: int) -> None:
    text = gr.Textbox(EXAMPLES[0], label="a layer", lines=2)
    examples = gr.Dataset(components=[text], samples=[[example] for example in EXAMPLES], label="Examples")

    def show(typed: Any) -> str:
        return show_formula(text_of(typed), config, tokens)

    def example(place: Any) -> Any:
        return EXAMPLES[place] if isinstance(place, int) and 0 <= place < len(EXAMPLES) else gr.skip()

    shown = gr.HTML(show(EXAMPLES[0]), elem_classes="shown")
    examples.click(example, examples, text, show_progress="hidden", preprocess=False)
    text.input(show, text, shown, show_progress="hidden", preprocess=False)
    text.change(show, text, shown, show_progress="hidden", preprocess=False)


def _fill_mask(models: dict[str, Path]) -> None:
    fillers = {name: MaskFiller(folder) for name, folder in models.items()}

    def fill(name: Any, text: Any) -> tuple[dict[str, float] | None, str]:
        filler = fillers.get(text_of(name))
        try:
            if filler is None:
                raise AutoBertZeroError("Choose one of the models.")
            return filler.fill(text_of(text)), ""
        except AutoBertZeroError as error:
            said = text_of(without_places(str(error)))
            return None, Markup('<p class="error" role="alert">{}</p>').format(said)

    name = gr.Dropdown(list(models), value=next(iter(models)), label="model")
    text = gr.Textbox("The government has [MASK] a new law.", label="a text with one [MASK]")
    button = gr.Button("Fill")
    said = gr.HTML()
    words = gr.Label(label="words", show_heading=False)
    gr.on([button.click, text.submit], fill, [name, text], [words, said], preprocess=False)
