#!/bin/sh
# Speed of training on this machine's first GPU, in a few minutes: the step by batch size, precision and XLA, then the input
# pipeline, the step, and both together, with what limits them. Installs nothing, writes nothing but standard output.
#
#   sh benchmarks/gpu.sh | tee gpu.txt
#
# More words are flags of `python -m benchmarks.train_step`, as in: sh benchmarks/gpu.sh --width 0.25
# On a machine where only JAX sees the GPU: KERAS_BACKEND=jax sh benchmarks/gpu.sh (the step alone)
set -eu
cd "$(dirname "$0")/.."
if [ -x .venv/bin/python ]; then PATH="$PWD/.venv/bin:$PATH"; fi

nvidia-smi --query-gpu=name,memory.total,driver_version --format=csv,noheader || echo "no nvidia-smi: measuring the CPU"
python -m benchmarks.train_step --batch-sizes 16 32 64 128 --precisions float32 mixed_bfloat16 --steps 5 --rounds 3 "$@"
if [ "${KERAS_BACKEND:-tensorflow}" = tensorflow ]; then
    for batch in 16 64; do
        python -m benchmarks.together --batch-size "$batch" --precision mixed_bfloat16
    done
fi
