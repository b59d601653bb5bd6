"""Microseconds of a step, each step needing the last one's output, beside PyTorch and onnxruntime on one thread of the same processor.

    python -m venv venv && venv/bin/pip install -r benches/inference-requirements.txt
    venv/bin/python benches/inference.py [--config A,B] [--rounds 7] [--markdown] [--program PATH]

The work is that of `cargo bench --bench inference`, which the program does here too: LSTM and dense layer, half of the last output
fed back beside a stimulus (A to C'), or a window of samples that slides by one (D). Weights come from the same distribution; every
peer's output is compared with plain numpy in double precision before it is timed. PyTorch steps LSTMCells, scripted, scripted with
the loop inside the script, and eager, and an eager nn.LSTM; the fastest counts. onnxruntime runs an ONNX graph with LSTM and Gemm
through bindings whose buffers stay where they are. Program and libraries take turns, so that a machine that is busy is busy for all; a
ratio is the median of the ratios of the rounds. Needs the Rust toolchain, as `--program` is built where it is not given.
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
import time
import warnings
from pathlib import Path

# Before the libraries look.
os.environ |= {"OMP_NUM_THREADS": "1", "MKL_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}

import numpy as np
import onnx
import onnxruntime
import torch
from onnx import TensorProto, helper, numpy_helper

STIMULI, BATCH_SECONDS, BOUND = 64, 4e-3, 2e-6
# Inputs, hidden width, layers, outputs, steps that are checked. The last one slides.
CONFIGS = {
    "A": (1, 40, 1, 1, 256),
    "B": (128, 256, 1, 128, 256),
    "C": (1024, 512, 2, 1024, 256),
    "C'": (513, 512, 2, 513, 256),
    "D": (1024, 128, 1, 1, 2304),
}


class Work:
    """Weights in PyTorch's layout, stimuli, and what comes out in double precision."""

    def __init__(self, name):
        self.inputs, self.hidden, self.layers, self.outputs, self.steps = CONFIGS[name]
        self.slides = name == "D"
        random = np.random.default_rng(4)
        scale = self.hidden**-0.5

        def draw(*shape, most=scale):
            return random.uniform(-most, most, shape).astype(np.float32)

        gates = 4 * self.hidden
        self.cells = []
        for layer in range(self.layers):
            inputs = self.inputs if layer == 0 else self.hidden
            self.cells.append((draw(gates, inputs), draw(gates, self.hidden), draw(gates), draw(gates)))
        self.out = (draw(self.outputs, self.hidden), draw(self.outputs))
        self.stimuli = draw(STIMULI, self.inputs, most=0.5)
        self.window = draw(self.inputs, most=0.5)
        self.expected = self.reference()

    def loop(self, forward, dtype=np.float32):
        """A function that does one step; `forward` makes `[outputs]` of `[inputs]`."""
        y, t = np.zeros(self.outputs, dtype), 0
        x = self.window.astype(dtype)

        def frame():
            nonlocal y, t
            y = forward(0.5 * y + self.stimuli[t % STIMULI])
            t += 1
            return y

        def sample():
            nonlocal x
            x[:-1] = x[1:]
            x[-1] = y[0]
            y[:] = forward(x)
            return y

        return sample if self.slides else frame

    def reference(self):
        cells = [[part.astype(np.float64) for part in cell] for cell in self.cells]
        state = [[np.zeros(self.hidden), np.zeros(self.hidden)] for _ in cells]

        def sigmoid(x):
            return 1.0 / (1.0 + np.exp(-x))

        def forward(x):
            for (weight_ih, weight_hh, bias_ih, bias_hh), both in zip(cells, state):
                h, c = both
                i, f, g, o = np.split(weight_ih @ x + bias_ih + weight_hh @ h + bias_hh, 4)
                c = sigmoid(f) * c + sigmoid(i) * np.tanh(g)
                both[:] = [sigmoid(o) * np.tanh(c), c]
                x = both[0]
            return self.out[0].astype(np.float64) @ x + self.out[1]

        step = self.loop(forward, np.float64)
        return np.array([step().copy() for _ in range(self.steps)])


def linear(work):
    layer = torch.nn.Linear(work.hidden, work.outputs)
    layer.weight.data, layer.bias.data = (torch.from_numpy(part) for part in work.out)
    return layer


class Cells(torch.nn.Module):
    """LSTMCells and a dense layer. Script knows no list of modules by number: two layers at most."""

    def __init__(self, work):
        super().__init__()
        cells = []
        for weights in work.cells:
            cell = torch.nn.LSTMCell(weights[0].shape[1], work.hidden)
            cell.weight_ih.data, cell.weight_hh.data, cell.bias_ih.data, cell.bias_hh.data = map(torch.from_numpy, weights)
            cells.append(cell)
        self.first, self.second = cells[0], cells[-1]
        self.layers = len(cells)
        self.out = linear(work)

    def forward(self, x, h0, c0, h1, c1):
        h0, c0 = self.first(x, (h0, c0))
        top = h0
        if self.layers > 1:
            h1, c1 = self.second(h0, (h1, c1))
            top = h1
        return self.out(top), h0, c0, h1, c1


class FrameLoop(torch.nn.Module):
    """The loop inside the script: what it costs without Python in between."""

    def __init__(self, cells):
        super().__init__()
        self.cells = cells

    def forward(self, stimuli, y, h0, c0, h1, c1, steps: int):
        outputs = []
        for t in range(steps):
            y, h0, c0, h1, c1 = self.cells(0.5 * y + stimuli[t % 64].unsqueeze(0), h0, c0, h1, c1)
            outputs.append(y)
        return torch.cat(outputs), h0, c0, h1, c1


class SampleLoop(torch.nn.Module):
    def __init__(self, cells):
        super().__init__()
        self.cells = cells

    def forward(self, x, y, h0, c0, h1, c1, steps: int):
        outputs = []
        for t in range(steps):
            x = torch.cat([x[:, 1:], y], 1)
            y, h0, c0, h1, c1 = self.cells(x, h0, c0, h1, c1)
            outputs.append(y)
        return torch.cat(outputs), x, h0, c0, h1, c1


def stepped(work, cells):
    """Python goes around one step at a time."""
    state = [torch.zeros(1, work.hidden) for _ in range(4)]

    def forward(x):
        nonlocal state
        y, *state = cells(torch.from_numpy(x).unsqueeze(0), *state)
        return y[0].numpy()

    return single_steps(work.loop(forward))


def whole(work, cells):
    """The script goes around; its state is carried from one batch of steps to the next (of stimuli: a multiple of 64)."""
    state = [torch.zeros(1, work.hidden) for _ in range(4)]
    y = torch.zeros(1, work.outputs)
    if work.slides:
        loop, x = torch.jit.script(SampleLoop(cells)), torch.from_numpy(work.window.copy()).unsqueeze(0)
    else:
        loop, x = torch.jit.script(FrameLoop(cells)), torch.from_numpy(work.stimuli)

    def run(steps):
        nonlocal state, x, y
        outputs, *rest = loop(x, y, *state, steps)
        if work.slides:
            x = rest.pop(0)
        state, y = rest, outputs[-1:]
        return outputs.numpy()

    return run


def eager_lstm(work):
    lstm, out = torch.nn.LSTM(work.inputs, work.hidden, work.layers), linear(work)
    for layer, weights in enumerate(work.cells):
        for name, values in zip(("weight_ih", "weight_hh", "bias_ih", "bias_hh"), weights):
            getattr(lstm, f"{name}_l{layer}").data = torch.from_numpy(values)
    lstm.flatten_parameters()
    state = None

    def forward(x):
        nonlocal state
        h, state = lstm(torch.from_numpy(x).view(1, 1, -1), state)
        return out(h)[0, 0].numpy()

    return single_steps(work.loop(forward))


def onnx_graph(work):
    def ordered(values):
        i, f, g, o = np.split(values, 4)
        return np.concatenate([i, o, f, g])

    def value(name, *shape):
        return helper.make_tensor_value_info(name, TensorProto.FLOAT, shape)

    inputs, outputs = [value("x", 1, 1, work.inputs)], [value("y", 1, work.outputs)]
    constants = {"shape": np.array([1, work.hidden]), "out_weight": work.out[0], "out_bias": work.out[1]}
    nodes, below = [], "x"
    for k, (weight_ih, weight_hh, bias_ih, bias_hh) in enumerate(work.cells):
        constants |= {f"w{k}": ordered(weight_ih)[None], f"r{k}": ordered(weight_hh)[None]}
        constants[f"b{k}"] = np.concatenate([ordered(bias_ih), ordered(bias_hh)])[None]
        for part in ("h", "c"):
            inputs.append(value(f"{part}{k}", 1, 1, work.hidden))
            outputs.append(value(f"{part}_next{k}", 1, 1, work.hidden))
        names = [below, f"w{k}", f"r{k}", f"b{k}", "", f"h{k}", f"c{k}"]
        nodes.append(helper.make_node("LSTM", names, ["", f"h_next{k}", f"c_next{k}"], hidden_size=work.hidden))
        below = f"h_next{k}"
    nodes.append(helper.make_node("Reshape", [below, "shape"], ["flat"]))
    nodes.append(helper.make_node("Gemm", ["flat", "out_weight", "out_bias"], ["y"], transB=1))
    initializers = [numpy_helper.from_array(values, name) for name, values in constants.items()]
    graph = helper.make_graph(nodes, "peer", inputs, outputs, initializers)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 14)], ir_version=8)
    onnx.checker.check_model(model)
    return model.SerializeToString()


def onnx_peer(work):
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    session = onnxruntime.InferenceSession(onnx_graph(work), options, providers=["CPUExecutionProvider"])
    x, y = np.zeros((1, 1, work.inputs), np.float32), np.zeros((1, work.outputs), np.float32)
    states = [[np.zeros((1, 1, work.hidden), np.float32) for _ in range(2 * work.layers)] for _ in range(2)]
    # States go back and forth between two sets of buffers.
    bindings = []
    for old, new in (states, states[::-1]):
        binding = session.io_binding()
        names = [f"{part}{k}" for k in range(work.layers) for part in ("h", "c")]
        pairs = [("x", x, "y", y)] + [(n, a, f"{n[0]}_next{n[1:]}", b) for n, a, b in zip(names, old, new)]
        for name, source, output, target in pairs:
            binding.bind_input(name, "cpu", 0, np.float32, source.shape, source.ctypes.data)
            binding.bind_output(output, "cpu", 0, np.float32, target.shape, target.ctypes.data)
        bindings.append(binding)
    turn = 0

    def forward(values):
        nonlocal turn
        x[0, 0] = values
        session.run_with_iobinding(bindings[turn])
        turn = 1 - turn
        return y[0].copy()

    run = single_steps(work.loop(forward))
    # Bindings know addresses only.
    run.buffers = states
    return run


def single_steps(step):
    def run(steps):
        return np.array([step().copy() for _ in range(steps)])

    return run


def libraries(work):
    cells = Cells(work)
    scripted = torch.jit.script(cells)
    return {
        "torch, scripted loop": whole(work, cells),
        "torch, scripted cells": stepped(work, scripted),
        "torch, eager cells": stepped(work, cells),
        "torch, nn.LSTM": eager_lstm(work),
        "onnxruntime": onnx_peer(work),
    }


def check(name, work, run):
    found = run(work.steps)
    error = np.abs(found - work.expected).max()
    assert error <= BOUND, f"{name}: expected a difference from double precision of at most {BOUND}, found {error}"


def batch_steps(run):
    """A multiple of the stimuli, so that a script may begin at the first; several milliseconds."""
    steps = STIMULI
    while True:
        began = time.thread_time()
        run(steps)
        if time.thread_time() - began >= 0.5 * BATCH_SECONDS:
            return steps
        steps *= 2


def measure(run, steps, seconds):
    """Microseconds of a step: the median batch."""
    taken = []
    while sum(taken) < seconds or len(taken) < 3:
        began = time.thread_time()
        run(steps)
        taken.append(time.thread_time() - began)
    return 1e6 * statistics.median(taken) / steps


class Ours:
    """The compiled bench, which answers with one round at a time."""

    def __init__(self, program):
        self.process = subprocess.Popen([program, "--serve"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)

    def round(self, config, seconds):
        print(config, seconds, file=self.process.stdin, flush=True)
        return json.loads(self.process.stdout.readline())["us"]


def build():
    """Compiles the bench and returns where it lies."""
    command = ["cargo", "bench", "--bench", "inference", "--no-run", "--message-format", "json"]
    run = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True, cwd=Path(__file__).parent.parent)
    messages = [json.loads(line) for line in run.stdout.splitlines()]
    return next(m["executable"] for m in messages if m.get("executable") and m["target"]["name"] == "inference")


def digits(value):
    """Three that count, without an exponent."""
    return f"{value:.0f}" if value >= 100 else f"{value:.3g}"


def ratio(found, base, peer):
    return statistics.median(b / a for a, b in zip(found[base], found[peer]))


def show(name, found, markdown):
    """Prints what was found of a configuration: microseconds by round of every peer."""
    median = {peer: statistics.median(rounds) for peer, rounds in found.items()}
    base = next(peer for peer in found if peer.startswith("sympathy f32"))
    best_torch = min((peer for peer in found if peer.startswith("torch")), key=median.get)
    if markdown:
        def cell(peer):
            return f"{digits(median[peer])} ({digits(ratio(found, base, peer))} ×)"

        way = best_torch.removeprefix("torch, ")
        print(f"| {name} | {digits(median[base])} | {cell(best_torch)}, {way} | {cell('onnxruntime')} |")
        return
    print(f"\n{name}")
    for peer in found:
        print(f"  {peer:28} {median[peer]:10.3f} us  {ratio(found, base, peer):8.2f} x {base}")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--config", default=",".join(CONFIGS))
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--seconds", type=float, default=0.3, help="of every peer in a round")
    parser.add_argument("--markdown", action="store_true", help="the table of the README")
    parser.add_argument("--program", help="the compiled bench")
    options = parser.parse_args()
    names = options.config.split(",")
    if unknown := set(names) - set(CONFIGS):
        sys.exit(f"--config: expected some of {', '.join(CONFIGS)}, found {', '.join(sorted(unknown))}")
    warnings.filterwarnings("ignore")
    torch.set_num_threads(1)
    torch.set_grad_enabled(False)
    ours = Ours(options.program or build())
    if options.markdown:
        print(f"PyTorch {torch.__version__}, onnxruntime {onnxruntime.__version__}, {options.rounds} rounds:\n")
        print("| network | sympathy f32 | PyTorch, its fastest way | onnxruntime |\n|---|---|---|---|")
    for name in names:
        work = Work(name)
        peers = libraries(work)
        for peer, run in peers.items():
            check(peer, work, run)
        steps = {peer: batch_steps(run) for peer, run in peers.items()}
        found = {}
        for _ in range(options.rounds):
            figures = ours.round(name, options.seconds)
            figures |= {peer: measure(run, steps[peer], options.seconds) for peer, run in peers.items()}
            for peer, microseconds in figures.items():
                found.setdefault(peer, []).append(microseconds)
        show(name, found, options.markdown)


if __name__ == "__main__":
    main()
