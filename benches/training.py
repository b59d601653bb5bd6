"""Frames per second of a training step, against PyTorch on the same processor.

    python -m venv venv && venv/bin/pip install -r benches/requirements.txt
    venv/bin/python benches/training.py [--rounds 5] [--program PATH]

Both train on batches of 32 streams of 64 steps with a squared error and Adam: forward, backward and update. PyTorch runs an eager
`nn.LSTM`, with and without oneDNN, and the better of both counts. Program and PyTorch take turns, so that a machine that is busy is
busy for both; the table holds medians over the rounds. Needs the Rust toolchain, as `--program` is built where it is not given.
"""

import argparse
import json
import os
import statistics
import subprocess
import time
import warnings
from pathlib import Path

import torch

STREAMS, STEPS, WARM_UP = 32, 64, 3
# Inputs, hidden width, layers, outputs; timed steps a round.
CONFIGS = {"B": ((128, 256, 1, 128), 60), "C": ((513, 512, 2, 513), 12)}
THREADS = (1, 2)


class Network(torch.nn.Module):
    def __init__(self, inputs, hidden, layers, outputs):
        super().__init__()
        self.rnn = torch.nn.LSTM(inputs, hidden, layers)
        self.out = torch.nn.Linear(hidden, outputs)

    def forward(self, x, state):
        h, state = self.rnn(x, state)
        return self.out(h), state


def pytorch(sizes, steps, threads, onednn):
    """Frames per second of the median step."""
    torch.manual_seed(1)
    torch.set_num_threads(threads)
    network = Network(*sizes)
    optimiser = torch.optim.Adam(network.parameters(), lr=2e-3)
    x, y = torch.randn(STEPS, STREAMS, sizes[0]), torch.randn(STEPS, STREAMS, sizes[3])
    state, seconds, losses = None, [], []
    with torch.backends.mkldnn.flags(enabled=onednn):
        for _ in range(WARM_UP + steps):
            began = time.perf_counter()
            optimiser.zero_grad()
            output, state = network(x, state)
            # The state is carried over, the gradient is not.
            state = tuple(part.detach() for part in state)
            loss = torch.nn.functional.mse_loss(output, y)
            loss.backward()
            optimiser.step()
            losses.append(loss.item())
            seconds.append(time.perf_counter() - began)
    assert losses[-1] < losses[0], "PyTorch learns nothing"
    return STREAMS * STEPS / statistics.median(seconds[WARM_UP:])


def ours(program, config, steps, threads):
    """The same of the program."""
    arguments = ["--json", "--config", config, "--threads", str(threads), "--steps", str(steps)]
    # candle has a pool of its own, which listens to this.
    environment = os.environ | {"RAYON_NUM_THREADS": str(threads)}
    run = subprocess.run([*program, *arguments], capture_output=True, text=True, check=True, env=environment)
    return json.loads(run.stdout)["frames_per_second"]


def build():
    """Compiles the bench and returns where it lies."""
    command = ["cargo", "bench", "--bench", "training", "--no-run", "--message-format", "json"]
    run = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True, cwd=Path(__file__).parent.parent)
    messages = [json.loads(line) for line in run.stdout.splitlines()]
    return next(m["executable"] for m in messages if m.get("executable") and m["target"]["name"] == "training")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--program", help="the compiled bench")
    options = parser.parse_args()
    warnings.filterwarnings("ignore", category=UserWarning)
    program = [options.program or build()]
    rates = {}
    for _ in range(options.rounds):
        for config, (sizes, steps) in CONFIGS.items():
            for threads in THREADS:
                found = rates.setdefault((config, threads), {"ours": [], True: [], False: []})
                found["ours"].append(ours(program, config, steps, threads))
                for onednn in (True, False):
                    found[onednn].append(pytorch(sizes, steps, threads, onednn))
    print(f"PyTorch {torch.__version__}, medians of {options.rounds} rounds, frames per second\n")
    print("| config | threads | sympathy | PyTorch | PyTorch without oneDNN | ratio to the better |")
    print("|---|---|---|---|---|---|")
    for (config, threads), found in rates.items():
        median = {name: statistics.median(values) for name, values in found.items()}
        ratio = median["ours"] / max(median[True], median[False])
        print(f"| {config} | {threads} | {median['ours']:.0f} | {median[True]:.0f} | {median[False]:.0f} | {ratio:.2f} |")


if __name__ == "__main__":
    main()
