"""The files that a reader copies to start a search in many processes."""

import os
import re
import subprocess
from pathlib import Path

import pytest
from accelerate.commands.config.config_args import ClusterConfig, load_config_from_file
from accelerate.commands.launch import _validate_launch_command, launch_command_parser

from autobert_zero_hf.commands.main import make_parser

from .markdown import ROOT

LAUNCH = ROOT / "docs" / "launch"
CONFIGS = sorted(LAUNCH.glob("*.yaml"))
IN_THE_CONTAINER = re.compile(r"autobert-zero ([^;\"']+)")


@pytest.mark.parametrize("file", CONFIGS, ids=lambda file: file.name)
def test_accelerate_loads_a_configuration(file: Path) -> None:
    config = load_config_from_file(str(file))
    assert isinstance(config, ClusterConfig)
    assert config.num_processes > 1 and config.mixed_precision == "no"
    words = ["--config_file", str(file), "-m", "autobert_zero_hf", "search", "--output-dir", "runs/many"]
    arguments, _, _ = _validate_launch_command(launch_command_parser().parse_args(words))
    assert (arguments.num_processes, arguments.num_machines) == (config.num_processes, config.num_machines)
    assert bool(arguments.multi_gpu) == ("machines" in file.stem or "gpus" in file.stem)


def test_the_slurm_script_starts_a_launcher_a_node(tmp_path: Path) -> None:
    """Run with stand-ins of Slurm's commands: `srun` runs what it is given once for each node, as Slurm would."""
    script = LAUNCH / "slurm.sh"
    assert subprocess.run(["bash", "-n", str(script)]).returncode == 0
    stand_ins = {
        "scontrol": "printf 'node-a\\nnode-b\\n'",
        "srun": 'shift; for SLURM_NODEID in 0 1; do export SLURM_NODEID; "$@"; done',
        "accelerate": 'printf "%s\\n" "$@" > "$CALLS/$SLURM_NODEID"',
    }
    for name, body in stand_ins.items():
        (tmp_path / name).write_text(f"#!/bin/bash\n{body}\n")
        (tmp_path / name).chmod(0o755)
    slurm = {"SLURM_JOB_NODELIST": "node-[a-b]", "SLURM_JOB_ID": "41234", "SLURM_NNODES": "2", "CALLS": str(tmp_path)}
    path = {"PATH": f"{tmp_path}:{os.environ['PATH']}"}
    done = subprocess.run([str(script)], cwd=ROOT, env={**os.environ, **slurm, **path}, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    for node in (0, 1):
        launch, *words = (tmp_path / str(node)).read_text().split()
        arguments = launch_command_parser().parse_args(words)
        assert launch == "launch" and (ROOT / arguments.config_file).is_file()
        place = (arguments.machine_rank, arguments.num_machines, arguments.num_processes)
        assert place == (node, 2, 8)
        assert (arguments.main_process_ip, arguments.main_process_port) == ("node-a", 21234)
        assert make_parser().parse_args(arguments.training_script_args).command == "search"


def test_what_a_job_runs_in_its_container_is_a_command() -> None:
    text = (ROOT / "docs" / "hf-jobs.md").read_text(encoding="utf-8")
    found = IN_THE_CONTAINER.findall(next(line for line in text.splitlines() if "bash -ec" in line))
    assert found
    for words in found:
        make_parser().parse_args(words.split())
