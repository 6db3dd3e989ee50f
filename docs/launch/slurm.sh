#!/usr/bin/env bash
# A search on two nodes with four GPUs each. Submit it again to go on where it stopped:
#
#   sbatch docs/launch/slurm.sh
#
#SBATCH --job-name=autobert-zero
#SBATCH --nodes=2
#SBATCH --ntasks-per-node=1
#SBATCH --gpus-per-node=4
#SBATCH --cpus-per-task=32
#SBATCH --time=24:00:00
#SBATCH --signal=INT@120
#SBATCH --output=autobert-zero-%j.log
set -euo pipefail

: "${SLURM_JOB_NODELIST:?run this with sbatch}"
gpus_of_a_node=4
MASTER_ADDR=$(scontrol show hostnames "$SLURM_JOB_NODELIST" | sed -n 1p)
export MASTER_ADDR
# A port that other jobs of the node hardly use.
export MASTER_PORT=$((20000 + SLURM_JOB_ID % 20000))
export PROCESSES=$((SLURM_NNODES * gpus_of_a_node))
# A folder that all nodes see.
export OUTPUT=${OUTPUT:-$PWD/runs/cluster}

# One launcher a node; SLURM_NODEID is read on the node.
srun --kill-on-bad-exit=1 bash -c 'accelerate launch \
  --config_file docs/launch/several-machines.yaml \
  --num_machines "$SLURM_NNODES" --machine_rank "$SLURM_NODEID" --num_processes "$PROCESSES" \
  --main_process_ip "$MASTER_ADDR" --main_process_port "$MASTER_PORT" \
  -m autobert_zero_hf search --output-dir "$OUTPUT" --text my.txt more.txt'
