"""Pre-training with transformers' Trainer: masked words, with or without next sentences.

The schedule and the optimiser are BERT's (Devlin et al. 2019, appendix A.2, and its code): a linear warm-up, then
linearly down to zero; AdamW with betas of 0.9 and 0.999, an epsilon of 1e-6, a weight decay of 0.01 that leaves out
biases and norms; gradients of a norm of 1 at most.
"""

import functools
import logging
import math
from pathlib import Path
from typing import Any

import torch
from datasets import Dataset, IterableDataset
from transformers import (
    PreTrainedTokenizerBase,
    PrinterCallback,
    Trainer,
    TrainerState,
    TrainingArguments,
    default_data_collator,
    set_seed,
)

from autobert_zero_hf.conversion.family import as_ours
from autobert_zero_hf.data.corpus import how_to_have_more_rows
from autobert_zero_hf.data.fitting import fit_length, load_tokenizer, special_ids, take_special_tokens
from autobert_zero_hf.data.masking import Masking
from autobert_zero_hf.data.tokenization import Writing, train_tokenizer
from autobert_zero_hf.data.unknown_tokens import Tokens, nothing_to_mask, with_words
from autobert_zero_hf.errors import AutoBertZeroError
from autobert_zero_hf.launch.precision import gains_from_bfloat16
from autobert_zero_hf.launch.processes import computes_on_cpu, devices, join_launch
from autobert_zero_hf.model_folder import find_models
from autobert_zero_hf.places import local_place
from autobert_zero_hf.progress.plan import Planned
from autobert_zero_hf.progress.reporter import Reporter
from autobert_zero_hf.writing import WritingError, how_to_mend, no_room

from ..claim_callback import ClaimCallback
from .card import write_card
from .data import (
    Documents,
    Examples,
    RowsByPlace,
    RowsOfStream,
    digest,
    evenly_spread,
    read_documents,
)
from .distillation import Distillation, check_teacher, load_teacher
from .folder import PreTrainingFolder
from .held_out import HeldOutScore, evaluate_held_out, word_frequencies
from .options import GROUPS, PreTrainingOptions
from .progress import TRAINING, Progress, diverged
from .starting_point import make_student, read_config

logger = logging.getLogger(__name__)

WIDTH_TIMES_RATE = 0.128
"""The peak learning rate by default, times the hidden size."""
_TEXT, _SCORE = "Text", "Score"
_WAY_OUT = "give --vocabulary bpe, or a --tokenizer that knows them"


def pretrain(output_dir: Path, options: PreTrainingOptions) -> dict[str, Any]:
    """Pre-train a model, and write it, its tokenizer, a card and `pretraining.json` to a folder.

    A training that was stopped, however it was, goes on from its last checkpoint, and comes to the same losses and
    weights as one that was not. The number of processes may change; then losses are the same up to rounding, but for
    dropout, which each process draws for itself, and the next-sentence loss, which weighs the pairs of each process by
    their masked words.

    Args:
        output_dir: where to; it holds the checkpoints while the training lasts.
        options: all else.

    Returns:
        The facts, as they stand in `pretraining.json`.

    Raises:
        AutoBertZeroError: if something is missing or does not fit, if the folder was begun with other options, or if
            the training diverges.
        WritingError: if the disk is full; the last checkpoint stays.
    """
    join_launch()
    folder = PreTrainingFolder(output_dir)
    options = _resolved(options, folder.facts() or folder.begun())
    if (finished := folder.facts()) is not None:
        _check_begun(options, finished, output_dir)
        return finished
    try:
        with Reporter(join_launch().is_main_process) as reporter:
            reporter.expect([Planned(_TEXT, 0.0), Planned(TRAINING, 1.0), Planned(_SCORE, 0.0)])
            return _PreTraining(folder, options, reporter).run()
    finally:
        folder.release()


def _check_begun(options: PreTrainingOptions, begun: dict[str, Any], output_dir: Path) -> None:
    if differences := options.differences(begun["options"], begun.get("contents", {})):
        raise AutoBertZeroError(
            f"{output_dir} was begun with other options ({'; '.join(differences)}): give those, or another --output-dir"
        )


def _resolved(options: PreTrainingOptions, begun: dict[str, Any] | None) -> PreTrainingOptions:
    """The options, with the folders of models, and with the length of rows where a model decides it."""
    given = find_models(GROUPS, options.given)
    if given.get("model") and "sequence_length" not in given:
        usual = options.data.sequence_length
        if begun is None:
            given["sequence_length"] = getattr(as_ours(read_config(given["model"])), "max_position_embeddings", usual)
        elif "sequence_length" in begun["options"]:  # else an older version began it, with rows of the usual length
            given["sequence_length"] = begun["options"]["sequence_length"]
    return PreTrainingOptions(**given)


class _Trainer(Trainer):
    """Looks at the loss alone, so that nothing is decoded but the masked words."""

    def compute_loss(self, model: Any, inputs: dict[str, Any], *args: Any, **kwargs: Any) -> Any:
        return super().compute_loss(model, {**inputs, "sparse_prediction": True}, *args, **kwargs)


class _PreTraining:
    """A pre-training under way."""

    def __init__(self, folder: PreTrainingFolder, options: PreTrainingOptions, reporter: Reporter):
        self.folder = folder
        self.options = options
        self.reporter = reporter
        if (begun := folder.begun()) is not None:
            _check_begun(options, begun, folder.path)
        self.processes = join_launch()
        self.main = self.processes.is_main_process
        chosen = options.training
        self.parts = chosen.gradient_accumulation * devices()
        if chosen.batch_size % self.parts:
            raise AutoBertZeroError(
                f"--batch-size {chosen.batch_size} cannot be shared by {self.parts // chosen.gradient_accumulation} "
                f"processes or GPUs in {chosen.gradient_accumulation} parts each: give a multiple of {self.parts}"
            )
        with self.processes.local_main_process_first():
            self._prepare()

    def _prepare(self) -> None:
        """Text, tokenizer, model and rows, the same in all processes."""
        chosen, seed = self.options.training, self.options.training.seed
        length = self.options.data.sequence_length
        start, teaching = self.options.start, self.options.distillation
        self.teacher = load_teacher(teaching.teacher, teaching.soft_label_weight > 0) if teaching.teacher else None
        source = self.options.data.tokenizer or start.model or teaching.teacher

        self.new_vocabulary: str | None = None

        @functools.cache
        def documents() -> Documents:
            return read_documents(self.options.data, self.options.reading, seed)

        @functools.cache
        def tokenizer() -> PreTrainedTokenizerBase:
            if source is not None:
                found = load_tokenizer(source)
                if not start.model:  # the new model is as long as its rows, whatever another is
                    found.model_max_length = length
                return found
            texts, size = documents().for_tokenizer, self.options.data.vocab_size
            begun = self.folder.begun()
            # What an older version began goes on with the vocabulary that it made.
            older = begun is not None and "new_vocabulary" not in begun
            writing = Writing() if older else self.options.data.writing(texts)
            self.new_vocabulary = str(writing)
            return train_tokenizer(texts, size, length, writing)

        def words() -> dict[str, Any]:  # a teacher's embeddings may have more rows than its tokenizer entries
            size = len(tokenizer()) if self.teacher is None else self.teacher.config.vocab_size
            return {"vocab_size": size, **special_ids(tokenizer())}

        set_seed(seed)
        self.student = make_student(start, self.options.sizes, self.options.head, length, words, seed)
        self.tokenizer = tokenizer()
        if len(self.tokenizer) > (rows := self.student.config.vocab_size):
            raise AutoBertZeroError(
                f"the tokenizer of {source} has {len(self.tokenizer):,} entries, the model's embeddings {rows:,}: give "
                "them as they belong together"
            )
        for said in take_special_tokens(self.student, self.tokenizer):
            if self.main:
                logger.warning("%s: %s", source, said)
        if self.teacher is not None and teaching.teacher is not None:
            check_teacher(self.teacher, teaching.teacher, self.tokenizer, self.student.config.vocab_size, length)
        masking = Masking(self.tokenizer, chosen.masking, chosen.whole_word_masking)
        examples = Examples(self.tokenizer, length, masking, chosen.next_sentence, seed)
        with self.reporter.phase(_TEXT, 1, unit="") as show:
            train, held_out, told = self._rows(examples, documents())
            show(1, told)
        self.count = None if self.options.reading.streaming else len(train)
        self.steps = chosen.max_steps or max(1, math.ceil(chosen.epochs * len(train) / chosen.batch_size))
        self.frequencies = word_frequencies(held_out if self.count is None else train, self.student.config.vocab_size)
        # Held-out rows have the same masks whatever the seed.
        fixed = Examples(self.tokenizer, length, masking, chosen.next_sentence, seed=0)
        self.held_out = RowsByPlace(fixed, evenly_spread(held_out, self.options.reading.evaluation_rows))
        self.train: RowsByPlace | RowsOfStream
        if self.count is None:
            self.train = RowsOfStream(examples, documents().train)
        else:
            self.train = RowsByPlace(examples, train, self.steps * chosen.batch_size)
        self.text = documents().name
        self._begin(digest(held_out if self.count is None else train), digest(held_out))

    def _rows(self, examples: Examples, documents: Documents) -> tuple[Dataset | IterableDataset, Dataset, str]:
        """Those to train on, and the held-out ones, of what is at hand those with a word to mask; and all in words."""
        streams = isinstance(documents.train, IterableDataset)
        texts = (documents.held_out if streams else documents.train)["text"]
        train, held_out = (examples.rows(part) for part in (documents.train, documents.held_out))
        at_hand = {"held-out rows": held_out} if streams else {"rows to train on": train, "held-out rows": held_out}
        if min(map(len, at_hand.values())) < 2:
            unknown = Tokens.of_texts(texts, self.tokenizer).warning(texts, self.tokenizer, _WAY_OUT)
            trained, by_share = 0 if streams else len(train), self.options.holds_out_a_share
            raise AutoBertZeroError(
                f"the text gives {' and '.join(f'{len(rows)} {what}' for what, rows in at_hand.items())} of "
                f"{examples.length} tokens, at least 2 of each are needed: "
                f"{unknown or how_to_have_more_rows(trained, len(held_out), by_share)}"
            )
        tokens = {what: Tokens.of_rows(rows, self.tokenizer) for what, rows in at_hand.items()}
        for what, found in tokens.items():
            if not found.words:
                raise nothing_to_mask(f"the {what}", found, texts, self.tokenizer, _WAY_OUT)
        together = Tokens.sum(tokens.values())
        told = (
            f"{', '.join(f'{len(rows):,} {what}' for what, rows in at_hand.items())} of {examples.length} tokens; "
            f"a vocabulary of {len(self.tokenizer):,} {self.new_vocabulary or 'entries'}; {together.share:.1%} of "
            "the tokens unknown"
        )
        if (said := together.warning(texts, self.tokenizer, _WAY_OUT)) and self.main:
            logger.warning("%s: %s", documents.name, said)
        kept = {what: with_words(rows, tokens[what]) for what, rows in at_hand.items()}
        return kept.get("rows to train on", train), kept["held-out rows"], told

    def _begin(self, text: str, held_out: str) -> None:
        if self.main:
            self.folder.claim()
        begun = self.folder.begun()
        if begun is None:
            if self.main:
                self.folder.clear_after(None)
                what = {"options": self.options.given, "contents": self.options.contents()}
                more = {"text": text, "held_out": held_out, "new_vocabulary": self.new_vocabulary}
                self.folder.begin({**what, **more})
        elif (begun["text"], begun.get("held_out", held_out)) != (text, held_out):
            raise AutoBertZeroError(
                f"{self.folder.path} was begun on another text: use that text again, or another --output-dir"
            )

    def _arguments(self) -> TrainingArguments:
        chosen = self.options.training
        if chosen.mixed_precision != "auto":
            self.precision = chosen.mixed_precision
        else:
            self.precision = "bf16" if gains_from_bfloat16(self.processes.device) else "no"
        self.learning_rate = chosen.learning_rate
        if self.learning_rate is None:
            self.learning_rate = WIDTH_TIMES_RATE / self.student.config.hidden_size
        return TrainingArguments(
            output_dir=str(self.folder.checkpoints),
            max_steps=self.steps,
            per_device_train_batch_size=chosen.batch_size // self.parts,
            gradient_accumulation_steps=chosen.gradient_accumulation,
            # The rows stand in their order already.
            train_sampling_strategy="sequential",
            learning_rate=self.learning_rate,
            lr_scheduler_type="linear",
            warmup_steps=round(chosen.warm_up * self.steps),
            weight_decay=chosen.weight_decay,
            adam_beta1=0.9,
            adam_beta2=0.999,
            adam_epsilon=1e-6,
            max_grad_norm=1.0,
            use_cpu=computes_on_cpu(),
            bf16=self.precision == "bf16",
            fp16=self.precision == "fp16",
            seed=chosen.seed,
            save_steps=chosen.checkpoint_steps,
            save_total_limit=2,
            logging_steps=chosen.log_steps,
            logging_nan_inf_filter=False,
            report_to="none",
            disable_tqdm=True,
            remove_unused_columns=False,
            dataloader_pin_memory=torch.cuda.is_available(),
            ddp_find_unused_parameters=False,
        )

    def run(self) -> dict[str, Any]:
        arguments = self._arguments()
        distillation = None
        if self.teacher is not None:
            distillation = Distillation(self.student, self.teacher, self.options.distillation)
        progress = Progress(self.folder, self.reporter)
        trainer = _Trainer(
            model=self.student,
            args=arguments,
            train_dataset=self.train,
            data_collator=default_data_collator,
            callbacks=[ClaimCallback(self.folder.path), progress],
        )
        if distillation is not None:
            distillation.autocast = trainer.accelerator.autocast
        trainer.remove_callback(PrinterCallback)
        checkpoint = self.folder.last_checkpoint()
        trainer.accelerator.wait_for_everyone()
        if self.main:
            self.folder.clear_after(checkpoint)
        trainer.accelerator.wait_for_everyone()
        try:
            with progress:
                trainer.train(resume_from_checkpoint=None if checkpoint is None else str(checkpoint))
        except Exception as error:
            if (cause := no_room(error)) is None:
                raise
            raise WritingError(
                f"a checkpoint could not be written to {self.folder.checkpoints} ({cause.strerror}), those before are "
                f"safe: {how_to_mend(cause)}"
            ) from error
        if distillation is not None:
            distillation.end()
        try:
            with self.reporter.phase(_SCORE, len(self.held_out), unit="held-out rows") as show:
                score = evaluate_held_out(self.student, self.held_out, self.frequencies)
                show(len(self.held_out))
        except FloatingPointError as error:
            raise diverged(self.steps) from error
        facts = self._facts(arguments, score, trainer.state)
        if self.main:
            self.folder.finish(lambda place: self._save(place, facts), facts)
        trainer.accelerator.wait_for_everyone()
        return facts

    def _save(self, place: Path, facts: dict[str, Any]) -> None:
        self.student.save_pretrained(place, include_code=True)
        fit_length(self.tokenizer, self.student.config).save_pretrained(place)
        (place / "README.md").write_text(
            write_card(self.student, facts, local_place(self.folder.path)), encoding="utf-8"
        )

    def _facts(self, arguments: TrainingArguments, score: HeldOutScore, state: TrainerState) -> dict[str, Any]:
        chosen, start = self.options.training, self.options.start
        curve = [entry for entry in state.log_history if "loss" in entry]
        return {
            "text": self.text,
            "rows": self.count,
            "sequence_length": self.options.data.sequence_length,
            "steps": self.steps,
            "batch_size": chosen.batch_size,
            "tokens": self.steps * chosen.batch_size * self.options.data.sequence_length,
            "objective": "masked words and next sentence" if chosen.next_sentence else "masked words",
            "whole_word_masking": chosen.whole_word_masking,
            "learning_rate": self.learning_rate,
            "precision": self.precision,
            "processes": arguments.world_size,
            "started_from": (f"model {start.model}" if start.model else "scratch")
            + (f", stretched to {start.stretch_to}" if start.stretch_to else ""),
            "teacher": self.options.distillation.teacher,
            "new_vocabulary": self.new_vocabulary,
            "layers": self.student.config.layers,
            "parameters": self.student.num_parameters(),
            **score.facts(),
            "seconds": curve[-1]["seconds"],
            "loss_curve": [[entry["step"], entry["loss"]] for entry in curve],
            "options": self.options.given,
            "contents": self.options.contents(),
        }
