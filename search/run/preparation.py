"""What a search does before it looks at candidates: its text becomes rows, and the super-net is trained."""

import hashlib
import json
import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml
from accelerate import Accelerator
from datasets import Dataset
from transformers import AutoTokenizer, PreTrainedTokenizerBase

from autobert_zero_hf.claims import check_claims
from autobert_zero_hf.data.contents import digest_of_file
from autobert_zero_hf.data.corpus import CorpusError, how_to_have_more_rows, load_documents
from autobert_zero_hf.data.fitting import check_special_tokens, load_tokenizer, special_ids
from autobert_zero_hf.data.masked_rows import MaskedRows
from autobert_zero_hf.data.packing import pack
from autobert_zero_hf.data.tokenization import Writing, train_tokenizer
from autobert_zero_hf.data.unknown_tokens import Tokens, nothing_to_mask
from autobert_zero_hf.model import AutoBertZeroConfig, architecture
from autobert_zero_hf.progress.reporter import Reporter
from autobert_zero_hf.tasks.encoding import unknown_in
from autobert_zero_hf.tasks.task import Task
from autobert_zero_hf.writing import written_whole

from ..proxies.table import PROXIES
from ..publish.facts import text_of
from ..recipe.paths import for_folder
from ..recipe.recipe import Recipe
from ..runtime.journal import Journal, JournalError
from ..runtime.records import Data, Extended, Steered, TrainedSuperNet
from ..runtime.run_folder import RunFolder
from ..runtime.tracking import Tracking
from ..space.candidate import Candidate
from ..space.sub_models import SubModels
from ..supernet.biws import SuperNetTraining
from ..supernet.distillation import Teacher
from ..supernet.objectives import Objective
from ..supernet.starting_weights import Start
from ..supernet.supernet import SuperNet
from .from_options import load_teacher, make_objective

logger = logging.getLogger(__name__)

_USUAL_PADDING = 0
"""BERT's; that of a search whose journal names no other one."""
_FEWEST_ROWS = 64

logger = logging.getLogger(__name__)


@dataclass
class Text:
    """The text of a search, as rows of tokens.

    Args:
        tokenizer: the folder of the tokenizer.
        rows: the training rows.
        held_out: the rows to score on.
        data: what the journal says of it.
    """

    tokenizer: Path
    rows: MaskedRows
    held_out: MaskedRows
    data: Data


@dataclass
class Preparation:
    """Does it in all processes, or takes it up where it was left.

    Args:
        recipe: of the search.
        folder: of the run.
        tasks: those that candidates are scored on, by proxy; other rows of theirs are another search.
        accelerator: the processes.
        journal: is told of the text and of the super-net.
        reporter: says what happens.
        tracking: is told the losses.
    """

    recipe: Recipe
    folder: RunFolder
    tasks: Mapping[str, Sequence[Task]]
    accelerator: Accelerator
    journal: Journal
    reporter: Reporter
    tracking: Tracking
    start: Start | None = field(init=False)
    teacher: Teacher | None = field(init=False, default=None)
    _new_vocabulary: str | None = field(init=False, default=None)

    def __post_init__(self) -> None:
        source = self.recipe.sub_models.supernet_from
        self.start = Start(source, self.recipe.run.seed) if source else None

    def read(self) -> Text:
        """Reads the text, as rows of tokens; then the recipe knows the size of its vocabulary.

        Raises:
            RecipeError: if no model of such a vocabulary is as small as is wanted.
            CorpusError: if it gives too few rows, or such without a word to mask.
            JournalError: if the journal was begun on another text, or with other rows of the tasks.
            AutoBertZeroError: if the checkpoint that the super-net is to begin as, or its teacher, does not fit.
        """
        (train, held_out), tokens, tokenizer, counts, texts = self._read()
        if min(len(train), len(held_out)) < 2:
            unknown = Tokens.of_texts(texts, tokenizer).warning(texts, tokenizer, self._way_out)
            raise CorpusError(
                f"the text gives {len(train)} rows to train on and {len(held_out)} held-out rows of "
                f"{self.recipe.data.sequence_length} tokens, at least 2 of each are needed: "
                f"{unknown or how_to_have_more_rows(len(train), len(held_out))}"
            )
        self._check_words(tokens, texts, tokenizer)
        # Before anything is written: other options can be tried in the same folder.
        config, sizes = self.config(tokenizer), self.recipe.searched_sizes
        self.recipe = self.recipe.with_config(config)
        self.teacher = load_teacher(self.recipe.sub_models, sizes, tokenizer, config)
        padding = None if config.pad_token_id == _USUAL_PADDING else config.pad_token_id
        facts = {**counts, "vocabulary": len(tokenizer), "pad_token_id": padding}
        data = self._write_down(train, held_out, facts)
        return Text(self.folder.tokenizer, MaskedRows(train, tokenizer), MaskedRows(held_out, tokenizer), data)

    def _check_words(
        self, tokens_of_rows: Sequence[Tokens], texts: Sequence[str], tokenizer: PreTrainedTokenizerBase
    ) -> None:
        """See that rows have words to mask, and say where much of what is read is not known to the tokenizer."""
        trained, scored = tokens_of_rows
        chose, final = rows_that_chose(self.recipe), final_rows(self.recipe, len(scored.by_row))
        for what, tokens, found in (
            ("the rows to train on", trained, trained.by_row),
            ("the rows that candidates are scored on", scored, scored.by_row[:chose]),
            ("the rows that the winner is scored on", scored, scored.by_row[final.start :]),
        ):
            if len(found) and not found.any():  # with tasks, no rows of the text score candidates
                raise nothing_to_mask(what, tokens, texts, tokenizer, self._way_out)
        if not self.accelerator.is_main_process:
            return
        name = text_of(self.recipe.to_dict())
        if said := Tokens.sum([trained, scored]).warning(texts, tokenizer, self._way_out):
            logger.warning("%s: %s", name, said)
        for task in self._all_tasks:
            texts_of_task = task.train["text"]
            for said in unknown_in(Tokens.of_texts(texts_of_task, tokenizer), texts_of_task, tokenizer):
                logger.warning("%s: %s", task.name, said)

    @property
    def _all_tasks(self) -> list[Task]:
        return [task for tasks in self.tasks.values() for task in tasks]

    @property
    def _way_out(self) -> str:
        """What can be done about words that the tokenizer does not know, but to change the text."""
        if self._origin is None:
            return "give --vocabulary bpe, or a --tokenizer that knows them"
        if self.recipe.data.tokenizer:
            return "give a --tokenizer that knows them"
        return "begin with a model whose tokenizer knows them (--supernet-from, --teacher)"

    @property
    def _origin(self) -> str | None:
        """Where the tokenizer comes from; None if it is trained on the text."""
        models = self.recipe.sub_models
        return self.recipe.data.tokenizer or models.supernet_from or models.teacher

    def config(self, tokenizer: PreTrainedTokenizerBase) -> AutoBertZeroConfig:
        """The sizes of candidates that have none of their own, or the largest ones.

        Raises:
            AutoBertZeroError: if the checkpoint that the super-net is to begin as does not fit.
        """
        recipe, special = self.recipe, special_ids(tokenizer)
        if (known := self.journal.history.data) is not None:  # the padding of the super-net that is trained already
            special["pad_token_id"] = _USUAL_PADDING if known.pad_token_id is None else known.pad_token_id
        if self.start is None:
            return recipe.make_config(len(tokenizer), special)
        self.start.check_tokenizer(tokenizer)
        config = self.start.config(recipe.largest, recipe.data.sequence_length, recipe.sub_models.layers or None)
        config.update(special)
        return config

    def train(self, text: Text) -> Objective:
        """What the super-net learnt, with the trained super-net; after `read`."""
        options = self.recipe.supernet
        known = self.journal.history.supernet
        if known is not None:
            self._check_supernet(known.digest)
        net = self._new_net(text.rows.tokenizer)
        training = SuperNetTraining(
            net,
            self.recipe.training_space,
            text.rows,
            options,
            self.recipe.run.seed,
            self.accelerator,
            self.folder.supernet,
            self._objective(net),
            self._sandwich(),
        )
        if not training.finished:
            with self.reporter.phase("Super-net", options.supernet_steps, training.steps_done) as show:

                def after_step(step: int, loss: float) -> None:
                    show(step, f"loss {loss:.3f}")
                    self.tracking.supernet_step(step, loss)

                training.run(after_step)
        facts = {"steps": training.steps_done, "parameters": sum(p.numel() for p in net.parameters())}
        digest = digest_of_file(self.folder.supernet)
        if known is None:
            losses = (training.curve.means or None) if training.curve else None
            self.journal.append(TrainedSuperNet(**facts, digest=digest, loss_curve=losses))
        else:
            self.journal.compare(known, facts, "the super-net")
            if known.digest not in (None, digest):
                logger.warning(
                    "%s was trained again, and came out otherwise than the one that the candidates were scored with, "
                    "as it does with other versions or another number of threads",
                    self.folder.supernet,
                )
        return training.objective

    def _check_supernet(self, digest: str | None) -> None:
        """See that the file is the one that was trained; an older journal does not tell, and a lost one is made again.

        Raises:
            JournalError: if it is not.
        """
        path = self.folder.supernet
        if digest is not None and path.exists() and digest_of_file(path) != digest:
            raise JournalError(
                f"{path} is not the super-net that this search was begun with, or was damaged: restore it, or take it "
                "away, and it is trained again"
            )

    def _read(
        self,
    ) -> tuple[tuple[Dataset, Dataset], list[Tokens], PreTrainedTokenizerBase, dict[str, int], Sequence[str]]:
        """Rows to train on and held-out ones, their tokens, the tokenizer, their numbers, and the texts to train on."""
        options = self.recipe.data
        with self.reporter.phase("Text", 3, unit="") as show, self.accelerator.main_process_first():
            documents = load_documents(
                options.text, options.dataset, options.dataset_config, options.dataset_split, options.text_column
            )
            parts = documents.train_test_split(test_size=options.held_out, seed=self.recipe.run.seed)
            show(1, f"{len(parts['train']):,} documents to train on, {len(parts['test']):,} held out")
            writing = None if self._origin else options.writing(parts["train"])
            tokenizer = self._tokenizer(parts["train"], writing)
            known = self.journal.history.data  # an older version made another vocabulary of the same text
            self._new_vocabulary = known.new_vocabulary if known else str(writing) if writing else None
            of = f", those of {self._origin}" if self._origin else ""
            vocabulary = f"{len(tokenizer):,} {self._new_vocabulary or f'entries{of}'}"
            show(2, f"a vocabulary of {vocabulary}")
            train, test = (pack(parts[part], tokenizer, options.sequence_length) for part in ("train", "test"))
            tokens = [Tokens.of_rows(rows, tokenizer) for rows in (train, test) if len(rows)]
            many, length, unknown = len(train), options.sequence_length, Tokens.sum(tokens).share if tokens else 1.0
            rows = f"{many:,} rows of {length} tokens to train on, {len(test):,} held out"
            show(3, f"{rows}; a vocabulary of {vocabulary}; {unknown:.1%} of the tokens unknown")
        counts = {"documents": len(parts["train"]), "held_out_documents": len(parts["test"])}
        counts |= {"rows": len(train), "held_out_rows": len(test)}
        return (train, test), tokens, tokenizer, counts, parts["train"]["text"]

    def _tokenizer(self, documents: Dataset, writing: Writing | None) -> PreTrainedTokenizerBase:
        """That which is given, or of the models that the super-net begins as, or learns from; or a new one."""
        options, place = self.recipe.data, self.folder.tokenizer
        # What a run left that was stopped before its first event may be of another text.
        have_tokenizer = self.journal.history.data is not None and all(
            (place / name).exists() for name in ("tokenizer.json", "tokenizer_config.json")
        )
        if self.accelerator.is_main_process and not have_tokenizer:
            if self._origin:
                made = load_tokenizer(self._origin)
                check_special_tokens(made, "mask")
            else:
                made = train_tokenizer(documents, options.vocab_size, options.sequence_length, writing)
            made.model_max_length = options.sequence_length
            with written_whole(place) as partial:
                made.save_pretrained(partial)
        return AutoTokenizer.from_pretrained(place)

    def _write_down(self, train: Dataset, held_out: Dataset, facts: dict[str, Any]) -> Data:
        """What the journal says of the text, by now or from before."""
        digest = _digest(train, held_out, *(rows for task in self._all_tasks for rows in (task.train, task.validation)))
        if (known := self.journal.history.data) is not None:
            if known.digest != digest:
                raise JournalError(
                    f"{self.folder.path} was begun on another text, or with other rows of the tasks: use those again, "
                    "or another --output-dir"
                )
            self.journal.compare(known, facts, "the text")
            if self.accelerator.is_main_process and (
                self.journal.history.of(Extended) or self.journal.history.of(Steered)
            ):
                self._write_recipe()
            return known
        if self.accelerator.is_main_process:
            check_claims(self.folder.path)
            self.folder.supernet.unlink(missing_ok=True)  # of a search whose journal was removed
            self._write_recipe()
        data = Data(**facts, digest=digest, new_vocabulary=self._new_vocabulary)
        self.journal.append(data)
        self.accelerator.wait_for_everyone()
        return data

    def _write_recipe(self) -> None:
        options = for_folder(self.recipe.to_dict(), self.folder.path)
        if modules := self.recipe.imports():
            options = {"import": modules, **options}
        with written_whole(self.folder.recipe) as partial:
            partial.write_text(yaml.safe_dump(options, sort_keys=False), encoding="utf-8")

    def _new_net(self, tokenizer: PreTrainedTokenizerBase) -> SuperNet:
        config = self.config(tokenizer)
        branches, blocks = self.recipe.branches(config.intermediate_size), self.recipe.space.blocks
        net = SuperNet(config, branches, self.recipe.run.seed, blocks)
        if self.start is not None:
            self.start.give(net)
        return net.to(self.accelerator.device)

    def _objective(self, net: SuperNet) -> Objective | None:
        if self.recipe.searched_sizes is None:
            return None
        return make_objective(self.recipe.sub_models, net, self._extremes()[0], self.teacher)

    def _sandwich(self) -> Sequence[Candidate]:
        return self._extremes() if self.recipe.sub_models.sandwich else ()

    def _extremes(self) -> tuple[Candidate, Candidate]:
        """The largest sub-model and the smallest; with standard attentions where layers are searched, too."""
        sizes = self.recipe.searched_sizes
        assert sizes is not None
        layers = self.recipe.sub_models.layers or architecture("bert", sizes.largest.num_hidden_layers)
        return SubModels(tuple(layers), sizes).extremes


def rows_that_chose(recipe: Recipe) -> int:
    """How many of the held-out rows, the first ones, candidates are scored on, in the search or in its rungs."""
    by_words = PROXIES[recipe.estimation.proxy].scores_words
    chose = [recipe.estimation.evaluation_rows] if by_words else [0]
    chose += [recipe.rows_of_rungs for name in recipe.proxies_of_rungs if PROXIES[name].scores_words]
    return max(chose)


def final_rows(recipe: Recipe, held_out: int) -> range:
    """The held-out rows that the finalists are scored on: those that did not choose the winner, if there are many.

    The winner is the best of many on the rows that chose it, in part by luck, so that they flatter it.
    """
    chose = rows_that_chose(recipe)
    return range(chose if held_out - chose >= _FEWEST_ROWS else 0, held_out)


def _digest(*parts: Dataset) -> str:
    digest = hashlib.sha256()
    for part in parts:
        for batch in part.iter(batch_size=1000):
            # A text has as many tokens as it needs in the one, a row in the other.
            content = batch["input_ids"].numpy().tobytes() if "input_ids" in batch else json.dumps(batch).encode()
            digest.update(content)
    return digest.hexdigest()[:16]
