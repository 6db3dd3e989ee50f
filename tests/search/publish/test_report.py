"""The report of a search: all of it is there, nothing is fetched, and a broken-off search has one, too."""

import itertools
import json
import re
import shlex
import shutil
from html.parser import HTMLParser
from pathlib import Path
from statistics import fmean
from xml.etree import ElementTree

import pytest
from autobert_zero_hf.search.publish.report_facts import expected_best, models_of, read_report_facts
from autobert_zero_hf.search.recipe.options import option_groups
from autobert_zero_hf.search.recipe.recipe import Recipe
from autobert_zero_hf.search.runtime.journal import JournalError

from autobert_zero_hf.commands.main import main, make_parser
from autobert_zero_hf.explorer import views
from autobert_zero_hf.model.operations import Operation, register, unchanged, unregister
from autobert_zero_hf.options import option_names
from autobert_zero_hf.places import without_places
from tests.search.small_search import candidates_in, in_order, journal, rewrite
from tests.terminal import run as run_command

LINKS = ("src", "href", "xlink:href", "srcset", "poster", "data", "action")
VOID = ("meta", "link", "br", "img", "hr", "input")


class Page(HTMLParser):
    """Collects what a browser would fetch, the headings and the text; and whether all that opens is closed."""

    def __init__(self, text: str):
        super().__init__()
        self.fetched: list[str] = []
        self.headings: list[str] = []
        self.cells: list[list[str]] = []
        self.text: list[str] = []
        self.pictures = 0
        self._open: list[str] = []
        self.feed(text)
        self.close()
        assert not self._open

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag not in VOID:
            self._open.append(tag)
        self.pictures += tag == "svg"
        self.cells += [[]] if tag == "tr" else []
        self.fetched += [f"{tag} {value}" for name, value in attrs if name in LINKS and not str(value).startswith("#")]
        self.fetched += [value for name, value in attrs if value and name == "style" and "url(http" in value]

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.handle_starttag(tag, attrs)
        if tag not in VOID:
            self._open.pop()

    def handle_endtag(self, tag: str) -> None:
        assert self._open.pop() == tag

    def handle_data(self, data: str) -> None:
        if self._open and self._open[-1] == "h2":
            self.headings.append(data)
        if self._open and self._open[-1] in ("td", "code") and self.cells:
            self.cells[-1].append(data)
        self.text.append(data)


def report(folder: Path) -> Page:
    assert main(["report", str(folder)]) == 0
    return Page((folder / "report.html").read_text())


def test_a_finished_search_is_told_whole(run: Path) -> None:
    page = report(run)
    events = journal(run)
    candidates = [event for event in events if event["event"] == "candidate"]
    best = max((c for c in candidates if c["score"] is not None), key=lambda c: (c["score"], -c["number"]))
    assert all(link.split()[1].startswith("data:") for link in page.fetched)
    assert page.pictures >= 7
    assert page.headings[:5] == [
        "The best backbone", "Scores over the search", "After further training", "What the layers do",
        "How far to trust the scores",
    ]  # fmt: skip
    text = "".join(page.text)
    assert f"{best['score']:.4f}" in text
    for layer in best["layers"]:
        assert layer in text
    for event in events:
        if event["event"] == "trained":
            assert f"{event['accuracy']:.4f} ± {event['standard_error']:.4f}" in text
    written = (run / "report.html").read_text()
    told = [event for event in events if event["event"] in ("supernet", "trained")]
    assert len(told) == 3 and all(event["loss_curve"] for event in told)
    assert "<title>Losses of the super-net and of the last trainings</title>" in written
    best_numbers = {candidate["number"] for candidate in candidates if candidate["score"] is not None}
    for number in best_numbers:
        assert written.count(f"<title>candidate {number}: ") == 2, "a dot among the scores, and one among the costs"
    command = next(line for line in text.splitlines() if line.startswith("autobert-zero search "))
    again = vars(make_parser().parse_args(shlex.split(command)[1:]))
    recipe = without_places(events[0]["recipe"])
    given = {name: again[name] for name in option_names(option_groups()) if again.get(name) is not None}
    assert given
    assert all(recipe[name] == value for name, value in given.items())


def test_it_begins_with_a_verdict(run: Path) -> None:
    events = journal(run)
    best, bert = (next(e for e in events if e.get("name") == name) for name in ("best", "bert"))
    text = " ".join("".join(report(run).text).split())
    head, _, rest = text.partition("The best backbone")
    assert "masked words" in head and "It took" in head and f"{best['parameters']:,}" in head
    for worse, better, said in (
        (bert, best, "The winner is better than BERT: +"),
        (best, bert, "The winner is worse than BERT: -"),
    ):
        worse["correct"] = [0 if place % 2 else many // 2 for place, many in enumerate(worse["masked"])]
        better["correct"] = better["masked"]
        rewrite(run, events)
        assert said in " ".join("".join(report(run).text).split()).partition("The best backbone")[0]
    assert rest


def test_candidates_that_learnt_nothing_are_named(run: Path) -> None:
    pytest.importorskip("gradio")
    from autobert_zero_hf.explorer.app import make_app

    events = journal(run)
    (level,) = (event for event in events if event["event"] == "constant_answer")
    scores = sorted(event["score"] for event in events if event["event"] == "candidate" and event["score"] is not None)
    assert read_report_facts(run).search.constant_answer is not None
    for score, said in (
        (
            scores[4],
            f"{sum(score <= scores[4] for score in scores)} of {len(scores)} candidates with a score never rose",
        ),
        (scores[0] - 0.01, "Every candidate with a score has more than"),
    ):
        level["score"] = score
        rewrite(run, events)
        page = report(run)
        text = "".join(page.text)
        assert f"{score:.4f}, the score of answering the most frequent word of the training." in text
        assert said in text
        assert "a constant answer" in text, "in the chart"
        facts = read_report_facts(run)
        app = json.dumps(make_app(facts, {}).get_config_file(), default=str)
        assert str(facts.search.constant_answer) in app


def test_the_winner_is_told_where_others_scored_higher(run: Path) -> None:
    """As where a latency is bounded, and those were too slow when they were measured."""
    events = journal(run)
    ranked = sorted(
        (e for e in events if e["event"] == "candidate" and e["score"] is not None), key=lambda e: e["score"]
    )
    winner = next(e for e in reversed(ranked) if e["score"] < ranked[-1]["score"])
    higher = sum(event["score"] > winner["score"] for event in ranked)
    told = "scored higher; when their latency was measured"
    assert told not in "".join(report(run).text)
    for event in events:
        if event["event"] == "trained" and event["name"] == "best":
            event["layers"] = winner["layers"]
    rewrite(run, events)
    text = "".join(report(run).text)
    assert f"Candidate {winner['number']}, score {winner['score']:.4f}" in text
    assert f"{higher} {told}" in text


def test_a_search_that_was_broken_off_has_a_report(run: Path) -> None:
    lines = (run / "journal.jsonl").read_text().splitlines()
    shutil.rmtree(run / "best")
    first = next(place for place, line in enumerate(lines) if json.loads(line)["event"] == "candidate")
    for length in (first + 1, first + 5):
        (run / "journal.jsonl").write_text("\n".join(lines[:length]) + '\n{"event": "cand')
        text = "".join(report(run).text)
        assert f"not finished: {length - first} of 13 candidates are evaluated" in text
        assert "The final training has not been reached" in text
    (run / "journal.jsonl").write_text("\n".join(lines[:first]) + "\n")
    text = "".join(report(run).text)
    assert "no candidate is evaluated yet" in text
    assert "No candidate has a score yet" in text
    (run / "journal.jsonl").write_text("")
    assert main(["report", str(run)]) == 1


def test_failures_and_the_texts_of_others_are_shown_as_they_are(run: Path) -> None:
    events = journal(run)
    for event in events:
        if event["event"] == "candidate":
            event |= {"origin": "<script>alert(1)</script>"}
            if event["number"] % 2:
                event |= {"score": None, "standard_error": None, "failure": "not finite", "detail": "a <b>loss</b>"}
            if event["number"] == 3:
                illegal = {"failure": "illegal", "detail": "<script>alert(2)</script>"}
                event |= {**illegal, "layers": ["<script>alert(3)</script>"] * 2}
    rewrite(run, events)
    assert main(["report", str(run)]) == 0
    text = (run / "report.html").read_text()
    assert text.count("<script>") == 1, "that of the charts"
    assert "&lt;script&gt;" in text
    failed = sum(event.get("failure") == "not finite" for event in events)
    cells = Page(text).cells
    assert ["not finite", str(failed), "a <b>loss</b>"] in cells
    assert ["illegal", "1", "<script>alert(2)</script>"] in cells
    facts = read_report_facts(run)
    recipe = Recipe.restored(facts.recipe)
    config = recipe.make_config(recipe.data.vocab_size)
    for shown in (views.show_candidate(facts, 3, config), views.compare(facts, 2, 3, config)):
        assert "<script>" not in shown and "&lt;script&gt;" in shown


def test_a_dot_is_named_by_its_own_candidate_where_others_cost_nobody_knows_what(run: Path) -> None:
    """As where an operation is not registered here: such a candidate has a score, and no place among the costs."""
    events = journal(run)
    scored = [event for event in events if event["event"] == "candidate" and event["score"] is not None]
    unknown = scored[0]
    unknown["layers"] = ["sparsemax(q)", *unknown["layers"][1:]]
    rewrite(run, events)
    assert main(["report", str(run)]) == 0
    pictures = re.findall(r"<svg.*?</svg>", (run / "report.html").read_text(), re.DOTALL)
    root = ElementTree.fromstring(next(each for each in pictures if "costs-dots" in each))
    svg = "{http://www.w3.org/2000/svg}"
    told = [title.text or "" for dot in root.iter(f"{svg}use") for title in dot.iter(f"{svg}title")]
    assert len(told) == len(scored) - 1
    named = {int(re.findall(r"candidate (\d+):", text)[0]) for text in told}
    assert named == {event["number"] for event in scored} - {unknown["number"]}


def test_the_command_does_the_same_search_again(run: Path, tmp_path: Path) -> None:
    text = "".join(report(run).text)
    command = shlex.split(next(line for line in text.splitlines() if line.startswith("autobert-zero search ")))
    command[command.index("--output-dir") + 1] = str(tmp_path / "again")
    command[command.index("--text") + 1] = journal(run)[0]["recipe"]["text"][0]  # of which the report has the name
    ended, said = run_command(command[1:])
    assert ended == 0, said
    assert in_order(tmp_path / "again") == in_order(run)


def test_baseline_and_environment_are_those_that_the_journal_tells(run: Path) -> None:
    start, *others = journal(run)
    start["environment"]["processor"] = "Another 9000"
    rewrite(run, [start, *others])
    (baseline,) = (event for event in journal(run) if event["event"] == "baseline")
    page = report(run)
    text = "".join(page.text)
    assert "BERT, scored as a candidate" in text
    assert f"{baseline['score']:.4f}" in next(row for row in page.cells if row[:1] == ["bert"])[3]
    assert "Another 9000; " in text
    assert f"torch {start['environment']['versions']['torch']}" in text
    del start["environment"]  # as in searches from before
    rewrite(run, [start, *others])
    assert "Not recorded" in "".join(report(run).text)


def test_a_folder_of_several_budgets_names_those_that_have_a_report(
    run: Path, tmp_path: Path, capsys: pytest.CaptureFixture
) -> None:
    for budget in ("2x", "4x"):
        shutil.copytree(run, tmp_path / "small" / budget)
    own = [event for event in journal(run) if event["event"] in ("start", "data", "supernet")]
    (tmp_path / "small" / "journal.jsonl").write_text("".join(json.dumps(event) + "\n" for event in own))
    for command in ("report", "explore", "push"):
        page = ["someone/first", "--dry-run"] if command == "push" else []
        assert main([command, str(tmp_path / "small"), *page]) == 1
        said = capsys.readouterr().err
        assert f"{tmp_path / 'small' / '2x'} or {tmp_path / 'small' / '4x'}" in said


def test_a_search_stays_one_whatever_lies_in_its_folder(run: Path, capsys: pytest.CaptureFixture) -> None:
    assert main(["push", str(run), "someone/first", "--push-history", "someone/history", "--dry-run"]) == 0
    for name in ("2x", "copy"):
        shutil.copytree(run / "hub-history", run / name)
    assert len(read_report_facts(run).candidates) == candidates_in(run)
    assert main(["report", str(run)]) == 0
    assert main(["report", str(run / "best")]) == 1
    assert f"but a model: give that of its search, {run.resolve()}" in capsys.readouterr().err


def test_a_report_and_a_card_are_passed_on_and_tell_no_places(run: Path, text: Path) -> None:
    assert journal(run)[0]["recipe"]["text"] == [str(text)]
    report(run)
    for page in (run / "report.html", *run.glob("*/README.md")):
        assert "news.txt" in page.read_text(), page
        assert "/pytest-of-" not in page.read_text(), page
    assert 'from_pretrained("./whole/best")' in (run / "best" / "README.md").read_text()


def test_an_operation_that_is_not_registered_here_is_said_with_how_to_bring_it(
    run: Path, capsys: pytest.CaptureFixture
) -> None:
    """As in a search that used one of its own."""
    told = json.dumps(journal(run)).replace("softmax(", "sparsemax(").replace("matmul(", "sparsemax(")
    rewrite(run, json.loads(told))
    page = "".join(report(run).text)
    assert "unknown operation 'sparsemax'" in page and "not registered: --import the module that defines it" in page
    config = run / "best" / "config.json"
    facts = json.loads(config.read_text())
    facts["layers"][0] = "sparsemax(q)"
    config.write_text(json.dumps(facts))
    for words in (["show"], ["push", "someone/first", "--dry-run"]):
        assert main([words[0], str(run / "best"), *words[1:]]) == 1
        assert "not registered: --import the module that defines it" in capsys.readouterr().err
    register(Operation("sparsemax", 1, lambda x, head_size: x.softmax(-1), unchanged, "a test", reduces=(-1,)))
    try:
        assert main(["show", str(run / "best")]) == 0
        assert "sparsemax(q)" in capsys.readouterr().out
    finally:
        unregister("sparsemax")


def test_only_the_models_of_a_search_are_opened(run: Path) -> None:
    events = journal(run)
    event = next(event for event in events if event["event"] == "trained")
    (run.parent / "other").mkdir()
    shutil.copy(run / "best" / "config.json", run.parent / "other")
    assert models_of(read_report_facts(run)) == ["best", "bert"]
    rewrite(run, [*events, {**event, "name": "../other"}])
    with pytest.raises(JournalError, match=r"`name` is that of no finalist: '\.\./other'"):
        read_report_facts(run)


def test_where_the_search_looked_is_counted_right(run: Path) -> None:
    facts = read_report_facts(run)
    types, kernels = facts.visits_by_depth()
    layers = [each.layers for each in facts.candidates]
    for depth in range(2):
        convolutions = sum(each[depth].startswith("conv(") for each in layers)
        assert types.every[depth, "convolution"] == convolutions
        assert types.every[depth, "attention"] == len(layers) - convolutions
        assert sum(count for (place, _), count in kernels.every.items() if place == depth) == convolutions
    softmax = sum(any("softmax(" in layer for layer in each) for each in layers)
    assert facts.visits_of_operations().every["softmax"] == softmax
    assert sum(types.best.values()) == 2 * facts.best_count


def test_the_lineage_goes_back_to_a_random_candidate(run: Path) -> None:
    chain = read_report_facts(run).lineage()
    assert chain[0].parent is None
    for parent, child in itertools.pairwise(chain):
        assert child.parent == parent.identity


@pytest.mark.parametrize("drawn", [1, 2, 4, 6])
def test_the_expected_best_is_the_mean_over_all_draws(drawn: int) -> None:
    scores = [0.3, 0.1, 0.4, 0.15, 0.92, 0.65]
    by_hand = fmean(max(draw) for draw in itertools.combinations(scores, drawn))
    assert expected_best(scores)[drawn - 1] == pytest.approx(by_hand)
