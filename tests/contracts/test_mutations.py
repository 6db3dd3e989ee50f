"""What every mutation promises, in wide and narrow spaces. A new one is tested because it is in the table."""

import itertools
import math
import random
from collections import Counter
from dataclasses import replace

import pytest
from autobert_zero_hf.search.space.candidate import Candidate
from autobert_zero_hf.search.space.mutation import MUTATIONS as EVERY
from autobert_zero_hf.search.space.mutation import USUAL, USUAL_MUTATIONS, Crossing, Level, Mutation, Mutations
from autobert_zero_hf.search.space.mutation.change_sizes import MOVES
from autobert_zero_hf.search.space.mutation.regrow import Regrow
from autobert_zero_hf.search.space.mutation.replace_operation import ReplaceOperation
from autobert_zero_hf.search.space.search_space import SearchSpace
from autobert_zero_hf.search.space.sizes import Sizes, SizesSpace, Steps
from autobert_zero_hf.search.space.sub_models import SubModels

from autobert_zero_hf.model.architectures import AUTOBERT_ZERO, BERT_ATTENTION
from autobert_zero_hf.model.operations import operation_names

CHANGE_SIZES, CHANGE_BLOCK = EVERY["change sizes"], EVERY["change block"]
MUTATIONS = {
    name: mutation
    for name, mutation in EVERY.items()
    if mutation not in (CHANGE_SIZES, CHANGE_BLOCK) and not isinstance(mutation, Crossing)
}
"""Those of the layers of one candidate."""
CROSSINGS = {name: mutation for name, mutation in EVERY.items() if isinstance(mutation, Crossing)}
BY_HEADS = SizesSpace.within(Sizes(4, 64, 128, 4, 16), "heads")
GRAPH = [name for name, mutation in MUTATIONS.items() if mutation.level == "graph"]
DRAWING = ("swap type", "replace", "insert", "regrow")
"""Those that draw operations."""

SPACES = {
    "wide": SearchSpace(4, kernel_sizes=(3, 9, 65), max_operations=12),
    "shared": SearchSpace(4, kernel_sizes=(3, 9), max_operations=8, shared_attention=True),
    "attention alone": SearchSpace(3, layer_types=("attention",), max_operations=6, max_depth=4),
    "convolution alone": SearchSpace(3, kernel_sizes=(1, 3, 9), layer_types=("convolution",)),
    "feed-forward": SearchSpace(3, kernel_sizes=(3, 9), feed_forward=("config", "mlp(64)", "none"), max_operations=6),
    "blocks": SearchSpace(3, kernel_sizes=(3, 9), max_operations=6, blocks=("bert", "pre_norm", "modernbert")),
    "narrow": SearchSpace(
        2, kernel_sizes=(1, 3), operations=("matmul", "transpose", "add"), max_operations=4, inputs=("q", "k")
    ),
    "tiny": SearchSpace(
        1, kernel_sizes=(1,), operations=("matmul", "transpose"), max_operations=3, max_depth=3, inputs=("q",)
    ),
}
SIZED = {
    "joint": SearchSpace(4, kernel_sizes=(1, 3, 9), max_operations=8, sizes=BY_HEADS),
    "joint, shared": SearchSpace(4, shared_attention=True, max_operations=8, sizes=BY_HEADS),
    "embeddings": SearchSpace(4, sizes=replace(BY_HEADS, embedding_size=Steps(16, 128, 16))),
    "sub-models": SubModels((BERT_ATTENTION,) * 4, BY_HEADS),
    "sub-models of a discovered one": SubModels(
        AUTOBERT_ZERO, SizesSpace.within(Sizes(12, 768, 3072, 12, 64), "head_dim")
    ),
}
BLOCKS = SearchSpace(4, kernel_sizes=(3, 9, 65), feed_forward=("config", "mlp(64)", "none"), max_operations=12)
CANDIDATES = 25

every_mutation = pytest.mark.parametrize("mutation", MUTATIONS.values(), ids=MUTATIONS)
every_space = pytest.mark.parametrize("space", SPACES.values(), ids=SPACES)


def added(parent: Candidate, child: Candidate) -> Counter[str]:
    """The operations that a child has and its parent does not, with how many more."""
    names = [Counter(n.name for graph in each.graphs.values() for n in graph.operations) for each in (child, parent)]
    return names[0] - names[1]


def introduced(parent: Candidate, child: Candidate) -> set[str]:
    """The operations of a child that its parent does not have anywhere."""
    has, had = ({n.name for graph in each.graphs.values() for n in graph.operations} for each in (child, parent))
    return has - had


@every_space
@every_mutation
def test_thousands_of_mutants_belong_to_the_space(mutation: Mutation, space: SearchSpace) -> None:
    """On random walks, so that what mutations make is mutated too."""
    rng = random.Random(0)
    for number in range(CANDIDATES):
        candidate = space.sample(rng)
        # Elsewhere by others first, then the one that is tested.
        for other in [*rng.choices(list(MUTATIONS.values()), k=number % 4), mutation]:
            before, graphs = repr(candidate), candidate.graphs
            child = other(candidate, space, rng)
            assert repr(candidate) == before
            assert candidate.graphs == graphs
            if child is None:
                continue
            assert space.rejection(child) is None
            check_change(candidate, child, space, other)
            candidate = child


def check_change(parent: Candidate, child: Candidate, space: SearchSpace, mutation: Mutation) -> None:
    """One layer, or the shared formula of all attentions, is another; where and how stands in the origin."""
    changed = [place for place, pair in enumerate(zip(parent.layers, child.layers, strict=True)) if len(set(pair)) > 1]
    if space.shared_attention and mutation.level == "graph":
        assert changed == list(parent.graphs)
        assert len({child.layers[place] for place in changed}) == 1
    else:
        assert len(changed) == 1
    layers = " and ".join(f"layer {place + 1}" for place in changed)
    assert child.origin == f"{parent.origin}, {mutation.name} in {layers}"
    assert (child.parent, child.block) == (parent.parent, parent.block)


@every_space
@every_mutation
def test_the_seed_decides(mutation: Mutation, space: SearchSpace) -> None:
    for seed in range(10):
        candidate = space.sample(random.Random(seed))
        once, again = (mutation(candidate, space, random.Random(seed)) for _ in range(2))
        assert repr(once) == repr(again)


@every_mutation
def test_where_there_is_room_it_applies(mutation: Mutation) -> None:
    candidate = Candidate((BERT_ATTENTION, "conv(3)", AUTOBERT_ZERO[5], "conv(9)"), parent="abc", origin="")
    children = [mutation(candidate, BLOCKS, random.Random(seed)) for seed in range(100)]
    assert None not in children
    assert len({child.layers for child in children if child}) > 3
    assert {child.parent for child in children if child} == {"abc"}
    assert all(child.origin.startswith(f"{mutation.name} in layer ") for child in children if child)


@pytest.mark.parametrize(
    ("names", "space", "layers"),
    [
        (GRAPH, SPACES["wide"], ("conv(3)",) * 4),
        (GRAPH, SPACES["convolution alone"], ("conv(3)",) * 3),
        (["swap type"], SPACES["convolution alone"], ("conv(3)",) * 3),
        (["swap type", "change kernel"], SPACES["attention alone"], (BERT_ATTENTION,) * 3),
        (["change kernel"], SPACES["wide"], (BERT_ATTENTION,) * 4),
        # It would be the last layer that mixes tokens.
        (["change kernel", "swap type"], SPACES["tiny"], ("matmul(matmul(q, transpose(q)), q)",)),
        (["delete"], SPACES["wide"], ("conv(3)", "neg(q)", "conv(3)", "conv(3)")),
        (["change kernel"], SearchSpace(2, kernel_sizes=(3,)), ("conv(3)",) * 2),
        # Neither another operation nor more of them.
        (["replace", "insert"], SPACES["tiny"], ("matmul(matmul(q, transpose(q)), q)",)),
    ],
)
def test_where_nothing_applies_it_says_so(names: list[str], space: SearchSpace, layers: tuple[str, ...]) -> None:
    candidate = Candidate(layers)
    for name in names:
        assert MUTATIONS[name](candidate, space, random.Random(0)) is None


def test_a_draw_of_mutations_gives_the_candidate_back_if_none_applies() -> None:
    convolutions, attentions = Candidate(("conv(3)",) * 4), Candidate((BERT_ATTENTION,) * 3)
    assert USUAL_MUTATIONS.graph(convolutions, SPACES["wide"], random.Random(0)) is convolutions
    assert USUAL_MUTATIONS.layout(attentions, SPACES["attention alone"], random.Random(0)) is attentions


@pytest.mark.parametrize("level", ["layout", "graph"])
@pytest.mark.parametrize("more", [(), tuple(MUTATIONS)], ids=["usual", "all"])
def test_mutations_are_drawn_evenly(level: Level, more: tuple[str, ...]) -> None:
    mutations = Mutations(more)
    mutate, table = getattr(mutations, level), [mutation.name for mutation in mutations.of(level)]
    table = [name for name in table if EVERY[name].is_for(SPACES["wide"])]
    others = {"change feed-forward", "change block"}
    assert set(table) == {n for n in more or USUAL if EVERY[n].level == level} - others
    candidate, rng = Candidate((BERT_ATTENTION, "conv(3)") * 2, origin=""), random.Random(0)
    drawn = Counter(mutate(candidate, SPACES["wide"], rng).origin.split(" in ")[0] for _ in range(500))
    assert set(drawn) == set(table)
    assert all(0.7 < times * len(table) / 500 < 1.3 for times in drawn.values()), drawn


@every_mutation
def test_an_operation_of_weight_0_is_never_introduced(mutation: Mutation) -> None:
    allowed, rng = ("matmul", "transpose", "softsign"), random.Random(0)
    weights = {name: float(name in allowed) for name in operation_names()}
    new = set[str]()
    for _ in range(150 if mutation.name in DRAWING else 40):
        candidate = SPACES["wide"].sample(rng)
        if child := mutation(candidate, SPACES["wide"], rng, weights):
            new |= introduced(candidate, child)
    assert new == set(allowed) if mutation.name in DRAWING else new <= set(allowed)


@every_mutation
def test_without_any_weight_no_operation_is_introduced(mutation: Mutation) -> None:
    weights, candidate = dict.fromkeys(operation_names(), 0.0), Candidate((BERT_ATTENTION, *("conv(3)",) * 3))
    for seed in range(10):
        child = mutation(candidate, SPACES["wide"], random.Random(seed), weights)
        assert child is None or not introduced(candidate, child)


@pytest.mark.parametrize("name", ["replace", "insert"])
def test_operations_come_as_often_as_their_weights_say(name: str) -> None:
    """Chi-square with five degrees of freedom: above 20.5 once in a thousand."""
    weights = {name: float(number) for number, name in enumerate(SPACES["wide"].operations, 1)}
    candidate, rng, times = Candidate((BERT_ATTENTION, *("conv(3)",) * 3)), random.Random(0), Counter[str]()
    for _ in range(1500):
        if child := MUTATIONS[name](candidate, SPACES["wide"], rng, weights):
            times += added(candidate, child)
    # Of those that the parent does not have: what it has may go with the same change.
    has = {node.name for graph in candidate.graphs.values() for node in graph.operations}
    new = {name: weight for name, weight in weights.items() if name not in has}
    drawn = sum(times[name] for name in new)
    expected = {name: weight * drawn / sum(new.values()) for name, weight in new.items()}
    assert drawn > 0.95 * 1500 * sum(new.values()) / sum(weights.values())
    assert sum((times[name] - wanted) ** 2 / wanted for name, wanted in expected.items()) < 20.5, times


@pytest.mark.parametrize("name", ["regrow", "swap type"])
def test_what_is_grown_follows_the_weights(name: str) -> None:
    """Not in proportion, since axes have their say too."""
    candidate, shares = Candidate((BERT_ATTENTION, *("conv(3)",) * 3)), []
    for weight in (0.2, 1.0, 5.0):
        rng, new = random.Random(0), Counter[str]()
        weights = {**dict.fromkeys(operation_names(), 1.0), "softsign": weight}
        for _ in range(100):
            if child := MUTATIONS[name](candidate, SPACES["wide"], rng, weights):
                new += added(candidate, child)
        shares.append(new["softsign"] / new.total())
    assert 4 * shares[0] < 2 * shares[1] < shares[2], shares


def test_a_new_attention_takes_the_shared_formula() -> None:
    candidate = Candidate((BERT_ATTENTION, "conv(3)", BERT_ATTENTION, "conv(9)"))
    for seed in range(20):
        child = MUTATIONS["swap type"](candidate, SPACES["shared"], random.Random(seed))
        assert child is not None
        assert set(child.layers) <= {BERT_ATTENTION, "conv(3)", "conv(9)"}


@pytest.mark.parametrize("make", [lambda: ReplaceOperation(tries=0), lambda: Regrow(max_operations=0)])
def test_options_out_of_range_are_refused(make) -> None:
    with pytest.raises(ValueError, match="at least 1"):
        make()


@pytest.mark.parametrize("space", SIZED.values(), ids=SIZED)
def test_sizes_move_within_reach_and_the_layers_below_stay(space: SearchSpace | SubModels) -> None:
    rng = random.Random(0)
    candidate = space.sample(rng)
    moved = Counter[str]()
    for _ in range(300):
        child = CHANGE_SIZES(candidate, space, rng)
        assert child is not None and child.sizes is not None and candidate.sizes is not None
        assert space.rejection(child) is None
        common = min(len(candidate.layers), len(child.layers))
        assert child.layers[:common] == candidate.layers[:common]
        changed = [name for name in MOVES if getattr(child.sizes, name) != getattr(candidate.sizes, name)]
        assert changed
        assert child.origin.endswith(f"change sizes in {' and '.join(changed)}")
        for name in changed:
            steps = abs(getattr(child.sizes, name) - getattr(candidate.sizes, name)) / getattr(space.sizes, name).step
            assert 1 <= steps <= MOVES[name].reach
        moved.update(changed)
        candidate = replace(child, origin="")
    varied = [name for name, steps in space.sizes.steps.items() if len(steps.values) > 1]
    assert set(moved) == set(varied)
    # Of 300, but for the draws where nothing moved, which are drawn again; a quarter is 75, and half is 150.
    for name in varied:
        assert 200 * MOVES[name].probability < moved[name] < 500 * MOVES[name].probability, moved


@every_mutation
def test_mutations_of_layers_leave_the_sizes(mutation: Mutation) -> None:
    space, rng = replace(BLOCKS, sizes=BY_HEADS), random.Random(0)
    children = [(parent, mutation(parent, space, rng)) for parent in (space.sample(rng) for _ in range(60))]
    found = [(parent, child) for parent, child in children if child is not None]
    assert len(found) > 20
    for parent, child in found:
        assert child.sizes == parent.sizes
        assert space.rejection(child) is None
        assert child.layers != parent.layers


def test_blocks_change_evenly_and_layers_and_sizes_stay() -> None:
    blocks = ("bert", "pre_norm", "modernbert")
    space, rng = replace(BLOCKS, sizes=BY_HEADS, blocks=blocks), random.Random(0)
    candidate, drawn = space.sample(rng), Counter[tuple[str | None, str | None]]()
    for _ in range(600):
        child = CHANGE_BLOCK(candidate, space, rng)
        assert child is not None and space.rejection(child) is None
        assert child == replace(candidate, block=child.block) and child.identity != candidate.identity
        assert child.origin.endswith(f"change block to {child.block}")
        drawn[candidate.block, child.block] += 1
        candidate = replace(child, origin="")
    assert set(drawn) == set(itertools.permutations(blocks, 2))
    assert all(60 < times < 140 for times in drawn.values()), drawn
    for one in (SPACES["wide"], replace(BLOCKS, blocks=("bert",)), SIZED["sub-models"]):
        assert CHANGE_BLOCK(one.sample(rng), one, rng) is None


def test_where_there_are_no_sizes_none_change() -> None:
    candidate = Candidate(("conv(3)",) * 4)
    assert CHANGE_SIZES(candidate, SPACES["wide"], random.Random(0)) is None
    assert USUAL_MUTATIONS.sizes(candidate, SPACES["wide"], random.Random(0)) is candidate
    one = SubModels((BERT_ATTENTION,), SizesSpace(Steps(1, 1), Steps(8, 8), Steps(16, 16), Steps(2, 2), Steps(4, 4)))
    assert CHANGE_SIZES(one.sample(random.Random(0)), one, random.Random(0)) is None


def test_a_depth_that_would_leave_no_layer_that_mixes_is_not_taken() -> None:
    space = SearchSpace(2, kernel_sizes=(1, 3), sizes=SizesSpace.within(Sizes(2, 2, 2, 1, 1), "heads"))
    sizes = space.sizes.largest
    assert CHANGE_SIZES(Candidate(("conv(1)", "conv(3)"), sizes=sizes), space, random.Random(0)) is None
    child = CHANGE_SIZES(Candidate(("conv(3)", "conv(1)"), sizes=sizes), space, random.Random(0))
    assert child is not None and child.layers == ("conv(3)",)


def test_sizes_move_as_often_and_as_far_as_in_the_paper() -> None:
    """From the middle of the space, with the number of heads; at least one size moves."""
    sizes = SizesSpace.within(Sizes(8, 768, 3072, 12, 64), "heads")
    space = SubModels((BERT_ATTENTION,) * 8, sizes)
    middle, rng, draws = space.candidate(Sizes(4, 448, 1600, 6, 64)), random.Random(0), 3000
    mutants = [USUAL_MUTATIONS.sizes(middle, space, rng).sizes for _ in range(draws)]
    paper = {
        "num_hidden_layers": (0.25, 1),
        "hidden_size": (0.5, 16),
        "intermediate_size": (0.5, 64),
        "num_attention_heads": (0.25, 2),
    }
    none = math.prod(1 - probability for probability, _ in paper.values())
    for name, (probability, reach) in paper.items():
        moves = [abs(getattr(mutant, name) - getattr(middle.sizes, name)) for mutant in mutants]
        assert sum(map(bool, moves)) / draws == pytest.approx(probability / (1 - none), abs=0.03), name
        assert max(moves) == reach


@every_space
@pytest.mark.parametrize("mutation", CROSSINGS.values(), ids=CROSSINGS)
def test_a_child_of_two_belongs_to_the_space_and_is_neither(mutation: Crossing, space: SearchSpace) -> None:
    rng, found = random.Random(0), 0
    for seed in range(30):
        candidate, *mates = (space.sample(rng) for _ in range(4))
        child = mutation.crossed(candidate, mates, space, random.Random(seed))
        assert repr(child) == repr(mutation.crossed(candidate, mates, space, random.Random(seed))), "the seed decides"
        assert mutation(candidate, space, rng) is None and mutation.crossed(candidate, [], space, rng) is None
        if child is None:
            continue
        found += 1
        assert space.rejection(child) is None
        assert (child.parent, child.block) == (candidate.parent, candidate.block)
        mate = next(each for each in mates if child.origin.endswith(f"{mutation.name} with {each.identity}"))
        assert child.identity not in {candidate.identity, mate.identity}
        assert set(child.layers) <= {*candidate.layers, *mate.layers}
    # Of one layer nothing is between; of two formulas the space may not have both.
    assert bool(found) == (space.num_layers > 1)


def test_layers_that_both_parents_have_stay_wherever_they_stand() -> None:
    """Place by place the two have nothing in common."""
    one = Candidate(("conv(3)", BERT_ATTENTION, "conv(9)", "conv(65)"), origin="")
    other = Candidate((BERT_ATTENTION, "conv(9)", "conv(65)", AUTOBERT_ZERO[5]), origin="")
    assert EVERY["crossover"].crossed(one, [other], SPACES["wide"], random.Random(0)) is None, "a single move apart"
    third = Candidate((BERT_ATTENTION, "conv(9)", "conv(3)", "conv(3)"), origin="")
    child = EVERY["crossover"].crossed(one, [third], SPACES["wide"], random.Random(0))
    assert child is not None and {BERT_ATTENTION, "conv(9)"} <= set(child.layers)


def test_crossings_are_drawn_where_there_are_mates() -> None:
    space, rng = SPACES["wide"], random.Random(0)
    candidates = [space.sample(rng) for _ in range(6)]
    mutations = Mutations(("crossover",)).among(candidates)
    drawn = Counter(
        mutations.layout(replace(candidates[0], origin=""), space, rng).origin.split(" ")[0] for _ in range(300)
    )
    assert 60 < drawn["crossover"] < 140, drawn
