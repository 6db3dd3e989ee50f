"""The phase in which the best assembly for each budget is found, and the best layer dropping beside it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

from autobert_zero_hf.model import AutoBertZeroModel
from autobert_zero_hf.model.cost import layer_cost

from ...blocks.assembly import (
    Assembly,
    Improvement,
    Option,
    Tried,
    best_assembly,
    loss_of,
    price_of,
    random_assemblies,
)
from ...blocks.building import build, dropped
from ...blocks.dropping import ways_to_drop
from ...blocks.library import choices_of, parts_before_training
from ...blocks.parts import WHOLE, Choice, Part, joined
from ...latency.measuring import LatencyError
from ...runtime.block_records import Assembled, Encoder
from ...runtime.run_folder import BEST, DROPPED
from .budgets import Budget
from .context import Context
from .timing import TOLERANCE, measure_models, price_lines, timed

_CALIBRATIONS = 4
_MEASURED = 8
"""Assemblies that are measured, the best first, until one is as fast as asked."""
_RANDOM = 30
"""Random assemblies near each budget, whose errors tell how far the sums of losses are to be trusted."""
_QUICKEST = 3
"""Lines that are measured before anything is trained, those with the fewest multiplications."""


def check_reachable(run: Context, budgets: Sequence[Budget], encoder: Encoder) -> None:
    """Refuse a budget that not even one layer in its smallest form meets, before anything is trained.

    Raises:
        LatencyError: naming the fastest.
    """
    config, tokens = run.teacher.config, run.recipe.latency.latency_tokens
    lines = {
        line: layer_cost(line, config, tokens).operations
        for layer in range(len(run.teacher.layers))
        for choice in choices_of(parts_before_training(run.teacher, layer, run.recipe.parts))
        if (line := joined(choice))
    }
    prices = price_lines(run, sorted(lines, key=lambda line: lines[line])[:_QUICKEST], encoder)
    _refuse(run, budgets, encoder, encoder.embeddings + min(price for line, price in prices.items() if line))


def _refuse(run: Context, budgets: Sequence[Budget], encoder: Encoder, least: float) -> None:
    for budget in budgets:
        if budget.target < least:
            raise LatencyError(
                f"{budget.name}: no assembly of {run.source.name} takes {budget.target:.2f} ms or less; the fastest "
                f"takes {least:.2f} ms, {encoder.median / least:.1f} times as fast as the encoder"
            )


def name_of_phase(words: str) -> str:
    """What the phase of a budget is called.

    Args:
        words: for the budget, and how many there are.
    """
    return f"Assemblies, {words}"


@dataclass(frozen=True)
class Assembling:
    """Finds the best assembly for budgets.

    Args:
        run: the run.
        options: what each layer may become.
        encoder: its latency.
        errors: of the droppings that were looked at.
    """

    run: Context
    options: Sequence[Sequence[Option]]
    encoder: Encoder
    errors: dict[tuple[int, ...], float] = field(default_factory=dict)

    def check(self, budgets: Sequence[Budget]) -> None:
        """Refuse a budget that no assembly meets.

        Raises:
            LatencyError: naming the fastest.
        """
        by_price = [[replace(option, loss=option.price) for option in each] for each in self.options]
        quickest = best_assembly(by_price, float("inf"))
        assert quickest is not None
        _refuse(self.run, budgets, self.encoder, self.encoder.embeddings + price_of(self.options, quickest))

    def assemble(self, budget: Budget, words: str) -> None:
        """Find the best assembly and the best dropping for a budget, measure them, and write both down.

        Args:
            budget: the budget.
            words: for it, and how many there are.
        """
        run = self.run
        if run.main and run.history.find(Assembled, "budget", budget.name) is None:
            run.journal.append(self._found(budget, words))
        if run.main:
            event = run.history.find(Assembled, "budget", budget.name)
            assert event is not None
            choices = {BEST: choices_in(event), DROPPED: dropped(run.library, event.kept)}
            models = {f"{budget.name}/{name}": self._model(each) for name, each in choices.items()}
            measure_models(run, models, budget, self.encoder)

    def _found(self, budget: Budget, words: str) -> Assembled:
        run, count, done = self.run, self.run.recipe.assembly.assemblies + _RANDOM, 0
        allowed, first = self._calibrated(budget)
        found = Improvement(self.options, allowed, [first, *self._best_dropping(allowed)], run.seed(budget.name))
        with run.reporter.phase(name_of_phase(words), count, unit="assemblies") as show:

            def error(assembly: Assembly) -> float:
                nonlocal done
                done += 1
                layers = [run.library.layer(choice) for choice in self._choices(assembly) if joined(choice)]
                loss = run.held_out.error(layers)
                show(min(done, count), f"error {loss:.3f}")
                return loss

            found.run(error, run.recipe.assembly.assemblies)
            best = self._as_fast_as_asked(budget, found)
            drawn = random_assemblies(self.options, allowed, _RANDOM, run.seed(f"{budget.name}/random"))
            others = {assembly: error(assembly) for assembly in drawn}
        kept, kept_error = self._dropping(budget)
        return Assembled(
            budget=budget.name,
            target=budget.target,
            allowed=allowed,
            choices=[[f"{part.place}/{part.line}" for part in choice] for choice in self._choices(best.assembly)],
            predicted=best.predicted,
            error=best.error,
            kept=kept,
            kept_error=kept_error,
            tried_predicted=[each.predicted for each in found.tried.values()],
            tried_errors=[each.error for each in found.tried.values()],
            random_predicted=[loss_of(self.options, assembly) for assembly in others],
            random_errors=list(others.values()),
        )

    def _choices(self, assembly: Assembly) -> list[Choice]:
        return [self.options[layer][number].choice for layer, number in enumerate(assembly)]

    def _model(self, choices: Sequence[Choice]) -> AutoBertZeroModel:
        return build(self.run.source.base, self.run.library, choices)

    def _calibrated(self, budget: Budget) -> tuple[float, Assembly]:
        """What the prices may come to, so that what is measured is what was asked for, and the best by the sums."""
        embeddings = self.encoder.embeddings
        allowed = budget.target - embeddings
        for attempt in range(_CALIBRATIONS):
            assembly = best_assembly(self.options, allowed)
            if assembly is None:
                break
            (found,) = timed(self.run, [self._model(self._choices(assembly))], self.encoder)
            off = found.median / budget.target
            if 1 - TOLERANCE <= off <= 1 or attempt == _CALIBRATIONS - 1:
                return allowed, assembly
            # Between the last answer and the one before it there may be no other assembly.
            allowed = (allowed + embeddings) / off * (1 - TOLERANCE / 2) - embeddings
        raise LatencyError(f"{budget.name}: what is predicted to be that fast is not when it is measured")

    def _as_fast_as_asked(self, budget: Budget, found: Improvement) -> Tried:
        """Of the best by their real error the first that is surely as fast as asked; else the fastest of them."""
        measured: list[tuple[float, Tried]] = []
        for each in sorted(found.tried.values(), key=lambda tried: tried.error)[:_MEASURED]:
            (latency,) = timed(self.run, [self._model(self._choices(each.assembly))], self.encoder)
            if latency.median <= budget.target and latency.interval[1] <= budget.target * (1 + TOLERANCE):
                return each
            measured.append((latency.median, each))
        return min(measured, key=lambda pair: pair[0])[1]

    def _best_dropping(self, allowed: float) -> list[Assembly]:
        """The best dropping within a budget, as an assembly, if there is one: nothing worse is ever taken."""
        if not (ways := self._ways(allowed)):
            return []
        kept, places = min(ways, key=self._error_of), [self._numbers(layer) for layer in range(len(self.options))]
        return [tuple(whole if layer in kept else gone for layer, (whole, gone) in enumerate(places))]

    def _numbers(self, layer: int) -> tuple[int, int]:
        """The numbers of the options that keep a layer as it is, and that leave it out."""
        choices = [option.choice for option in self.options[layer]]
        return choices.index(self.run.library.own(layer)), choices.index((Part(layer, WHOLE, ""),))

    def _ways(self, allowed: float) -> list[tuple[int, ...]]:
        prices = [each[self._numbers(layer)[0]].price for layer, each in enumerate(self.options)]
        return ways_to_drop(prices, allowed, self.run.seed("droppings"))

    def _error_of(self, way: tuple[int, ...]) -> float:
        """The error of the encoder where it keeps some layers alone."""
        if way not in self.errors:
            layers = self.run.teacher.layers
            self.errors[way] = self.run.held_out.error([layers[layer] for layer in way])
        return self.errors[way]

    def _dropping(self, budget: Budget) -> tuple[list[int], float]:
        """The layers that the best of several droppings keeps, and its error; it may be a little slower than asked."""
        ways = self._ways(budget.target * (1 + TOLERANCE) - self.encoder.embeddings)
        # Where even one layer is too slow, one is the least that can be left.
        way = min(ways or [(layer,) for layer in range(len(self.options))], key=self._error_of)
        return list(way), self._error_of(way)


def choices_in(event: Assembled) -> list[Choice]:
    """What each layer became, as an event has it."""
    return [_choice(layer, written) for layer, written in enumerate(event.choices)]


def _choice(layer: int, written: Sequence[str]) -> Choice:
    places = [each.partition("/") for each in written]
    return tuple(Part(layer, place, line) for place, _, line in places)  # type: ignore[arg-type]


def assembled(run: Context) -> Mapping[str, Assembled]:
    """The assemblies, by the names of their budgets, in all processes."""
    found: list[Assembled] = run.shared(list(run.history.of(Assembled)))
    return {event.budget: event for event in found}
