#!/bin/sh
#SBATCH --job-name=exodus
#SBATCH --cpus-per-task=2
#SBATCH --mem=2G
#SBATCH --output=exodus-%A-%a.out
# sbatch --array=1-8 slurm.sh accounts.toml
# Each task of the array does its share; requeued, it goes on where it was.
exec exodus batch run "$1" --shard auto --jobs "${SLURM_CPUS_PER_TASK:-2}" --quiet
