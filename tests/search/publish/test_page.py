"""What a page is made of: files, card, picture, results, recipe, journal."""

import json
import re
from pathlib import Path

import pytest
import yaml
from autobert_zero_hf.search.publish.facts import read_search
from datasets import load_dataset
from huggingface_hub import parse_eval_result_entries
from safetensors.torch import load_file
from transformers import AutoConfig, BertTokenizer, pipeline

from autobert_zero_hf import (
    AutoBertZeroConfig,
    AutoBertZeroForQuestionAnswering,
    AutoBertZeroForSequenceClassification,
    AutoBertZeroModel,
    __version__,
)
from autobert_zero_hf.commands.main import main
from autobert_zero_hf.model import AUTO_MAP
from autobert_zero_hf.places import without_places
from tests.search.small_search import journal, rewrite

from .staging import FINE_TUNED, PRE_TRAINED, SPANS, card_of, section, stage, write


def test_a_search_is_shown_whole_and_nothing_is_sent(run: Path, capsys: pytest.CaptureFixture[str]) -> None:
    before = {file: file.read_bytes() for file in run.rglob("*") if file.is_file()}
    printed = stage(capsys, run, "--push-history", "someone/search")
    files = {file.relative_to(run / "hub").as_posix() for file in (run / "hub").rglob("*") if file.is_file()}
    modules = {place.split(".")[0] + ".py" for place in AUTO_MAP.values()}
    assert files > {
        "README.md", "backbone.svg", "config.json", "model.safetensors", "tokenizer.json", "tokenizer_config.json",
        "recipe.yaml", "journal.jsonl",
    } | modules  # fmt: skip
    for name in files:
        assert re.search(rf"^ +[\d,]+  {re.escape(name)}$", printed, re.MULTILINE), name
    assert (run / "hub" / "README.md").read_text() in printed
    assert (run / "hub-history" / "README.md").read_text() in printed
    assert json.loads((run / "hub" / "config.json").read_text())["auto_map"] == AUTO_MAP
    ours, theirs = (load_file(folder / "model.safetensors") for folder in (run / "best", run / "hub"))
    assert ours.keys() == theirs.keys() and all((ours[name] == theirs[name]).all() for name in ours)
    assert {file: file.read_bytes() for file in before} == before


def test_the_card_of_a_winner_tells_the_search_and_both_scores(run: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["push", str(run), "someone/first", "--dry-run"]) == 0
    assert "no licence is named" in capsys.readouterr().err
    words = ["--license", "apache-2.0", "--language", "en", "--tag", "v1"]
    assert main(["push", str(run), "someone/first", "--dry-run", *words]) == 0
    assert "licence" not in capsys.readouterr().err
    card, events = card_of(run), journal(run)
    best, bert = (event for event in events if event["event"] == "trained")
    assert all(f"| `{layer}` |" in section(card, "Backbone") for layer in best["layers"])
    assert "](backbone.svg)" in card.text
    searched = section(card, "What was searched")
    failed = sum(event.get("score", 0) is None for event in events)
    assert f"13 candidates were evaluated, {failed} of them failed" in searched
    assert "Strategy: OP-NAS, seed 0" in searched
    assert f"Cost: {max(event['elapsed'] for event in events) / 3600:.2f} hours with 1 process" in searched
    results = section(card, "Results")
    assert f"| {best['accuracy']:.4f} ± {best['standard_error']:.4f} |" in results
    assert f"| {bert['accuracy']:.4f} ± {bert['standard_error']:.4f} (a BERT of the same size) |" in results
    assert f"{sum(best['masked']):,} words of {len(best['masked']):,} held-out rows" in results
    read = read_search(run)
    assert "{:+.4f} ± {:.4f}".format(*read.scores["best"].difference(read.scores["bert"])) in results
    assert "then 6 steps of 8 rows of 32 tokens" in section(card, "Training")
    use = section(card, "Use")
    assert use.count('AutoModelForMaskedLM.from_pretrained("someone/first", revision="v1"') == 2
    assert "trust_remote_code=True" in use
    assert "arXiv:2107.07445" in section(card, "Citation") and f"version {__version__}" in section(card, "Citation")
    assert section(card, "Intended use and limits").strip()
    data = card.data
    assert (data.library_name, data.pipeline_tag, data.license, data.language) == (
        "transformers", "fill-mask", "apache-2.0", "en",
    )  # fmt: skip
    assert "nas" in data.tags and data.metrics == ["accuracy"] and data.get("base_model") is None
    (result,) = data.eval_results
    assert result.metric_value == pytest.approx(best["accuracy"], abs=1e-6)
    assert (data.model_name, result.metric_type, result.task_type) == ("first", "accuracy", "fill-mask")
    assert not (run / "hub" / ".eval_results").exists()  # no benchmark of the Hub


def test_a_card_leads_to_the_report_and_shows_an_answer(run: Path, capsys: pytest.CaptureFixture[str]) -> None:
    stage(capsys, run)
    report, searched = run / "hub" / "report.html", section(card_of(run), "What was searched")
    assert [(run / "hub" / name).is_file() for name in re.findall(r"\]\(([a-z.]+)\)", searched)] == [True] * 3
    assert "</html>" in report.read_text() and "UTC" not in report.read_text()
    sample = section(card_of(run), "Use").split("`pipeline('fill-mask', ...)` answers to ")[1]
    assert sample.startswith('"The minister said that the &#91;MASK&#93; will be ready next year.":')
    filler = pipeline("fill-mask", model=str(run / "best"))
    wanted = filler("The minister said that the [MASK] will be ready next year.", top_k=3)
    assert re.findall(r"^- (.*) \(([\d.]+)\)$", sample, re.MULTILINE) == [
        (each["token_str"], f"{each['score']:.3f}") for each in wanted
    ]
    stage(capsys, run, "--language", "de")
    assert "pipeline(" not in section(card_of(run), "Use")
    stage(capsys, run, "--language", "de", "--example", "Die [...] war neu.")
    assert '"Die &#91;MASK&#93; war neu."' in section(card_of(run), "Use")


@pytest.mark.parametrize(
    ("example", "reason"),
    [
        ("No word is left out.", "this model takes a text with one [...], the word that is left out"),
        ("[...] and [...]", "this model takes a text with one [...], the word that is left out"),
        ("", "it is empty"),
        ("[...]" + " and" * 40, "it has 43 tokens, and this model takes 32: shorten it"),
    ],
)
def test_an_example_that_cannot_be_answered_is_refused(
    run: Path, capsys: pytest.CaptureFixture[str], example: str, reason: str
) -> None:
    assert main(["push", str(run), "someone/first", "--dry-run", "--example", example]) == 1
    assert reason in capsys.readouterr().err
    assert not (run / "hub").exists()


def test_a_classifier_shows_its_answer(model: Path, capsys: pytest.CaptureFixture[str]) -> None:
    stage(capsys, model, "--example", "The economy is growing.")
    use = section(card_of(model), "Use")
    assert re.search(r"answers to \"The economy is growing\.\":\n\n- LABEL_\d \(0\.\d{3}\)$", use, re.MULTILINE)


def test_a_card_says_how_the_package_is_installed(
    model: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    stage(capsys, model)
    assert f"of which {__version__} is not published: `pip install .` in its source" in card_of(model).text
    released = tmp_path / "autobert_zero_hf-9.9.dist-info"
    released.mkdir()
    (released / "METADATA").write_text(
        "Metadata-Version: 2.1\nName: autobert-zero-hf\nVersion: 9.9\nProject-URL: Source, https://example.org/it\n"
    )
    monkeypatch.syspath_prepend(tmp_path)
    stage(capsys, model)
    assert 'pip install "autobert-zero-hf>=9.9"`; [its source](https://example.org/it))' in card_of(model).text


def test_the_baseline_of_a_search_has_a_card_of_its_own(run: Path, capsys: pytest.CaptureFixture[str]) -> None:
    stage(capsys, run / "bert")
    card = card_of(run / "bert")
    bert = next(event for event in journal(run) if event.get("name") == "bert")
    assert "# A small BERT" in card.text
    assert f"| {bert['accuracy']:.4f} ± {bert['standard_error']:.4f} |" in section(card, "Results")
    assert "(the backbone that the search found)" in section(card, "Results")


def test_a_search_by_tasks_tells_their_scores(run: Path, capsys: pytest.CaptureFixture[str]) -> None:
    events = journal(run)
    events[0]["recipe"] |= {"proxy": "tasks", "tasks": ["rte", "bbc_topics"]}
    scores = {"best": (0.75, 0.02), "bert": (0.5, 0.03)}
    for event in events:
        if event["event"] == "trained":
            event["task_score"], event["task_error"] = scores[event["name"]]
    rewrite(run, events)
    stage(capsys, run)
    card = card_of(run)
    assert "fine-tuning on tasks (rte, bbc_topics; 100 steps on each), after 2" in section(card, "What was searched")
    assert (
        "| rte, bbc_topics | mean score after a short fine-tuning | 0.7500 ± 0.0200 | 0.5000 ± 0.0300 (a BERT of the "
        "same size) | the validation rows that chose the winner, which flatter it |"
    ) in section(card, "Results")
    assert [each.task_type for each in card.data.eval_results] == ["fill-mask"]


def test_pages_name_files_and_not_where_they_lie(run: Path, capsys: pytest.CaptureFixture[str]) -> None:
    stage(capsys, run, "--push-history", "someone/search")
    text = journal(run)[0]["recipe"]["text"]
    assert Path(text[0]).is_absolute()
    for place in (run / "hub", run / "hub-history"):
        for file in place.rglob("*"):
            if file.is_file():
                assert str(Path(text[0]).parent).encode() not in file.read_bytes(), file
        assert yaml.safe_load((place / "recipe.yaml").read_text())["text"] == ["news.txt"]
        events = journal(place)
        assert events[1:] == journal(run)[1:]
    assert without_places({"a": ["/x/one/train.txt", "/x/two/train.txt"], "b": "/x/y", "c": ["runs/a", 3]}) == {
        "a": ["one/train.txt", "two/train.txt"], "b": "y", "c": ["runs/a", 3],
    }  # fmt: skip


def test_the_history_has_a_row_for_each_candidate(
    run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    stage(capsys, run, "--push-history", "someone/search")
    rows = load_dataset(str(run / "hub-history"), split="train", cache_dir=str(tmp_path / "cache"))
    candidates = sorted((e for e in journal(run) if e["event"] == "candidate"), key=lambda e: e["number"])
    assert rows.to_list() == [{name: each[name] for name in rows.column_names} for each in candidates]
    assert {"number", "layers", "score", "standard_error", "parent", "failure", "seconds"} <= set(rows.column_names)


def test_a_fine_tuned_model_brings_its_result_to_the_card_and_to_the_benchmark(
    model: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write(model, "result.json", FINE_TUNED)
    stage(capsys, model, "--base-model", "someone/first")
    card = card_of(model)
    assert "| stsb | mean of pearson and spearman | 0.8000 ± 0.0125 | 0.0000 (the same answer to all) |" in card.text
    assert "| learning rate | 0.0005 |" in section(card, "Training")
    data = card.data
    assert (data.pipeline_tag, data.datasets, data.base_model) == (
        "text-classification", ["nyu-mll/glue"], "someone/first",
    )  # fmt: skip
    # Each value under its own metric; their mean is none of the Hub's.
    assert [(each.metric_type, each.metric_value) for each in data.eval_results] == [
        ("pearsonr", 0.81),
        ("spearmanr", 0.79),
    ]
    assert {(each.dataset_type, each.dataset_config) for each in data.eval_results} == {("nyu-mll/glue", "stsb")}
    written = yaml.safe_load((model / "hub" / ".eval_results" / "autobert-zero.yaml").read_text())
    (entry,) = parse_eval_result_entries(written)
    assert (entry.dataset_id, entry.task_id, entry.value) == ("nyu-mll/glue", "stsb", 0.8)
    assert entry.notes == "mean of pearson and spearman, standard error 0.0125, 1,500 held-out rows"
    assert json.loads((model / "hub" / "result.json").read_text()) == FINE_TUNED
    write(model, "result.json", {**FINE_TUNED, "standard_error": None})  # of a single row
    stage(capsys, model)
    assert "| stsb | mean of pearson and spearman | 0.8000 ± unknown | 0.0000" in card_of(model).text
    assert "standard error unknown" in (model / "hub" / ".eval_results" / "autobert-zero.yaml").read_text()


def test_spans_and_pre_training_and_a_grid(
    model: Path, tiny_config: AutoBertZeroConfig, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    AutoBertZeroForQuestionAnswering(tiny_config).save_pretrained(model)
    write(model, "result.json", SPANS)
    write(model, "pretraining.json", PRE_TRAINED)
    grid = {
        "models": ["elsewhere", str(model)],
        "tasks": {"rte": {"metric": "accuracy", "rows": 277, "baseline": 0.53, "dataset": None}},
        "results": [
            {"model": name, "task": "rte", "score": score, "standard_error": None, "rows_standard_error": 0.03,
             "seeds": 1, "values": {"accuracy": score}}
            for name, score in (("elsewhere", 0.9), (str(model), 0.6))
        ],
    }  # fmt: skip
    write(tmp_path, "evaluation.json", grid)
    stage(capsys, model, "--evaluation", str(tmp_path / "evaluation.json"))
    card = card_of(model)
    results = section(card, "Results")
    assert "| squad | f1 | 0.6250 ± 0.0100 | 0.0200 (the same answer to all) | 900 held-out rows |" in results
    assert "| masked words | accuracy | 0.2500 ± 0.0030 | 0.0600 (the most frequent word) | 5,000 words of" in results
    assert "| masked words | loss | 4.5000 ± 0.0200 | 6.5000 (each word by its frequency) |" in results
    assert "| rte | accuracy | 0.6000 ± 0.0300 | 0.5300 (the same answer to all) | 277 held-out rows, fine" in results
    assert "0.9" not in results
    assert "5,000 words of 300 held-out rows of brown.txt, more.txt |" in results
    assert {each.dataset_name for each in card.data.eval_results} == {"squad", "brown.txt, more.txt", "rte"}
    assert not [file for file in (model / "hub").rglob("*") if file.is_file() and b"/home/me" in file.read_bytes()]
    assert "loss curve" not in card.text
    assert "| whole word masking | yes |" in section(card, "Training")
    assert card.data.pipeline_tag == "question-answering"
    assert "AutoModelForQuestionAnswering" in section(card, "Use")


def test_a_model_made_from_a_winner_tells_of_its_search(
    run: Path, model: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    AutoBertZeroForSequenceClassification(AutoConfig.from_pretrained(run / "best")).save_pretrained(model)
    write(model, "result.json", {**FINE_TUNED, "model": str(run / "best")})
    (run / "energy.json").write_text('{"kilowatt_hours": 0.0125, "hours": 99, "measured_by": "codecarbon 3.3.2"}')
    stage(capsys, model, "--push-history", "someone/search")
    card = card_of(model)
    searched = section(card, "What was searched")
    assert "13 candidates were evaluated" in searched
    assert "and 0.013 kWh of the whole machine (estimated by codecarbon 3.3.2)" in searched
    assert "[someone/search](https://huggingface.co/datasets/someone/search)" in searched
    assert "a BERT of the same size" not in card.text, "that is the winner's score, not this model's"
    assert (model / "hub" / "journal.jsonl").exists() and (model / "hub-history").exists()


def test_a_model_tells_of_all_that_was_trained_before_it(
    run: Path, model: Path, tokenizer: BertTokenizer, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Fine-tuned from a model that was pre-trained from the winner; its backbone is the winner's."""
    winner = AutoConfig.from_pretrained(run / "best")
    pretrained = tmp_path / "pretrained"
    for folder in (pretrained, model):
        AutoBertZeroForSequenceClassification(winner).save_pretrained(folder)
    tokenizer.save_pretrained(pretrained)
    options = {"model": str(run / "best"), "dataset": "someone/text"}
    write(pretrained, "pretraining.json", {**PRE_TRAINED, "text": "someone/text", "options": options})
    write(model, "result.json", {**FINE_TUNED, "model": str(pretrained)})
    stage(capsys, model)
    card = card_of(model)
    training = section(card, "Training")
    told = (
        "then 6 steps of 8 rows of 32 tokens",
        "Pre-training, by masked",
        "| text | someone/text |",
        "Fine-tuning on",
    )
    assert [training.index(each) for each in told] == sorted(training.index(each) for each in told)
    assert "13 candidates were evaluated" in section(card, "What was searched")
    assert card.data.datasets == ["nyu-mll/glue", "someone/text"]
    assert "masked words" not in section(card, "Results"), "that was measured of the model before"


def test_what_is_made_from_the_baseline_was_not_found_by_the_search(
    run: Path, model: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    AutoBertZeroForSequenceClassification(AutoConfig.from_pretrained(run / "bert")).save_pretrained(model)
    write(model, "result.json", {**FINE_TUNED, "model": str(run / "bert")})
    stage(capsys, model)
    card = card_of(model)
    assert "found among" not in card.text and "What was searched" not in card.text
    assert "of news.txt: weights inherited from a super-net" in section(card, "Training")
    assert not (model / "hub" / "journal.jsonl").exists()
    assert main(["push", str(model), "someone/x", "--dry-run", "--push-history", "someone/y"]) == 1


def test_a_model_of_which_nothing_is_known(
    model: Path, tiny_config: AutoBertZeroConfig, capsys: pytest.CaptureFixture[str]
) -> None:
    AutoBertZeroModel(tiny_config).save_pretrained(model)
    stage(capsys, model)
    card = card_of(model)
    assert "is not recorded" in section(card, "Training")
    assert section(card, "Results").strip() == "None are recorded."
    assert "What was searched" not in card.text
    assert (card.data.pipeline_tag, card.data.eval_results) == ("feature-extraction", None)
