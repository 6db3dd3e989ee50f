"""What was pushed opens elsewhere, with this package and without it; and what transformers pushes by itself."""

import json
import os
import subprocess
from pathlib import Path

import torch
from huggingface_hub import ModelCard
from safetensors.torch import load_file
from transformers import AutoModelForMaskedLM, AutoTokenizer

from tests.hub.cards import card_errors
from tests.hub.handler import TOKEN
from tests.hub.pages import small
from tests.hub.server import Hub
from tests.search.small_search import journal

from .client import Client, environment

TEXT = "The prime minister said the economy was growing."
HEADS = ("AutoModel", "AutoModelForMaskedLM", "AutoModelForSequenceClassification")

OPEN = """
import importlib.util, json, os, sys
os.environ.pop("HF_TOKEN", None)
import torch, transformers
from safetensors.torch import save_file

repo, revision, text, results, *autos = sys.argv[1:]
with_package = importlib.util.find_spec("autobert_zero_hf") is not None
if with_package:
    import autobert_zero_hf
opened = {"revision": revision, "trust_remote_code": not with_package}
tokenizer = transformers.AutoTokenizer.from_pretrained(repo, **opened)
inputs = tokenizer(text, return_tensors="pt")
found = {}
for auto in autos:
    torch.manual_seed(0)
    model = getattr(transformers, auto).from_pretrained(repo, **opened).eval()
    assert type(model).__module__.startswith("autobert_zero_hf." if with_package else "transformers_modules.")
    with torch.no_grad():
        found |= {f"{auto}.{k}": v.contiguous() for k, v in model(**inputs).items() if isinstance(v, torch.Tensor)}
save_file(found, results)
if with_package:
    import datasets
    rows = datasets.load_dataset(repo + "-search", split="train")
    print(json.dumps(rows.to_list()))
"""


def test_a_pushed_page_opens_with_the_package_and_without_it(
    lfs_client: Client, hub: Hub, run: Path, tmp_path: Path, elsewhere: Path
) -> None:
    """By commit, though the page has moved on since; and its history with load_dataset."""
    page = "someone/round-trip"
    assert lfs_client.run("push", str(run), page, "--push-history", f"{page}-search").status == 0
    commit = hub.commits(page)[0]
    hub.commit(hub.repo(page), "main", "later", {"config.json": small(b"{}")})
    found = tmp_path / "ours", tmp_path / "theirs"
    done = lfs_client.run("-c", OPEN, page, commit.oid, TEXT, str(found[0]), *HEADS)
    lfs_client.begin_anew()
    assert done.status == 0, done.err
    candidates = sorted((e for e in journal(run) if e["event"] == "candidate"), key=lambda e: e["number"])
    rows = json.loads(done.out.splitlines()[-1])
    assert rows == [{name: each[name] for name in rows[0]} for each in candidates]
    place = environment(hub, tmp_path / "home", lfs_client.xet, token=None) | {"PYTHONPATH": ""}
    without = subprocess.run(
        [str(elsewhere), "-c", OPEN, page, commit.oid, TEXT, str(found[1]), *HEADS],
        env=place, cwd=tmp_path, text=True, capture_output=True,
    )  # fmt: skip
    assert without.returncode == 0, without.stderr
    ours, theirs = map(load_file, found)
    assert ours.keys() == theirs.keys() and {name.partition(".")[0] for name in ours} == set(HEADS)
    assert all(torch.equal(ours[name], theirs[name]) for name in ours)
    tokenizer = AutoTokenizer.from_pretrained(run / "best")
    with torch.no_grad():
        winner = AutoModelForMaskedLM.from_pretrained(run / "best").eval()
        logits = winner(**tokenizer(TEXT, return_tensors="pt")).logits
    assert torch.equal(ours["AutoModelForMaskedLM.logits"], logits)


PUSH = """
import sys
from datasets import Dataset
from transformers import AutoTokenizer, Trainer, TrainingArguments
from autobert_zero_hf import AutoBertZeroForMaskedLM, AutoBertZeroForSequenceClassification, AutoBertZeroModel
from autobert_zero_hf.training.describing_trainer import DescribingTrainer

folder, place = sys.argv[1:]
tokenizer = AutoTokenizer.from_pretrained(folder)
model = AutoBertZeroForMaskedLM.from_pretrained(folder)
model.push_to_hub("someone/pushed", tags=["mine"])
tokenizer.push_to_hub("someone/pushed")
model.push_to_hub("someone/has-a-card", include_code=True)
AutoBertZeroModel.from_pretrained(folder).save_pretrained(place + "/saved", push_to_hub=True, repo_id="someone/saved")

rows = Dataset.from_dict(dict(tokenizer(["Good.", "Bad.", "Fine.", "Poor."], padding="max_length", max_length=8)))
rows = rows.add_column("labels", [1, 0, 1, 0])
classifier = AutoBertZeroForSequenceClassification.from_pretrained(folder)
for name, kind in {"plain": Trainer, "described": DescribingTrainer}.items():
    arguments = TrainingArguments(
        f"{place}/{name}", push_to_hub=True, hub_model_id=f"someone/{name}", max_steps=2, use_cpu=True,
        report_to="none", eval_strategy="steps", eval_steps=2, logging_steps=1, save_strategy="no", disable_tqdm=True,
        hub_private_repo=True,
    )
    trainer = kind(
        classifier, arguments, train_dataset=rows, eval_dataset=rows, processing_class=tokenizer,
        compute_metrics=lambda prediction: {"accuracy": float((prediction[0].argmax(-1) == prediction[1]).mean())},
    )
    trainer.train()
    trainer.push_to_hub()
"""


def readme(hub: Hub, page: str) -> ModelCard:
    text = hub.repo(page).branches["main"][-1].files["README.md"].content.decode()
    assert not card_errors(text)
    return ModelCard(text)


def test_transformers_own_pushes_give_cards_that_are_not_empty(
    xet_client: Client, hub: Hub, searched: Path, tmp_path: Path
) -> None:
    """On the default path, Xet's."""
    written = "---\nlicense: mit\n---\n\n# Written by a person\n"
    hub.commit(hub.create("model", "someone/has-a-card"), "main", "a card", {"README.md": small(written.encode())})
    done = xet_client.run("-c", PUSH, str(searched / "best"), str(tmp_path))
    xet_client.begin_anew()
    assert done.status == 0, done.err
    assert TOKEN not in done.out + done.err
    layers = json.loads((searched / "best" / "config.json").read_text())["layers"]
    for page, auto in (("someone/pushed", "AutoModelForMaskedLM"), ("someone/saved", "AutoModel")):
        card = readme(hub, page)
        assert "more information needed" not in card.text.lower()
        assert all(f"| `{layer}` |" in card.text for layer in layers)
        assert f'{auto}.from_pretrained("{page}")' in card.text
        assert "trust_remote_code" in card.text  # the winner carries its code, and so does the page
        assert "modeling_heads.py" in hub.commits(page)[-1].files
        assert {"autobert-zero", "nas"} <= set(card.data.tags) and card.data.library_name == "transformers"
    assert "mine" in readme(hub, "someone/pushed").data.tags
    assert "mine" not in readme(hub, "someone/saved").data.tags
    assert {"config.json", "model.safetensors", "tokenizer.json"} <= set(hub.commits("someone/pushed")[-1].files)

    kept = hub.commits("someone/has-a-card")[-1].files
    assert "# Written by a person" in readme(hub, "someone/has-a-card").text
    assert {"modeling_heads.py", "config.json"} <= set(kept)

    for name in ("plain", "described"):
        trained = hub.repo(f"someone/{name}")
        files = trained.branches["main"][-1].files
        assert trained.private and {"model.safetensors", "tokenizer.json", "training_args.bin"} <= set(files)
        card = readme(hub, f"someone/{name}")
        assert "\n- Accuracy: " in card.text
        assert "learning_rate: 5e-05" in card.text
        assert {"autobert-zero", "nas", "generated_from_trainer"} <= set(card.data.tags)
        assert os.path.getsize(tmp_path / name / "model.safetensors") == files["model.safetensors"].size
    assert all(f"| `{layer}` |" in card.text for layer in layers)
    assert 'AutoModelForSequenceClassification.from_pretrained("someone/described")' in card.text
    assert card.data.pipeline_tag == "text-classification"
    assert "from scratch" not in card.text  # it was not
    assert "more information needed" not in card.text.lower()
