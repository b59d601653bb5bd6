#!/usr/bin/env python3
"""Trains a column model of `sympathy` further, or makes a transpose model of it: sound predicted one sample at a time.

Teacher forcing with two additions that a free run needs. The recording is heard through noise, as the network hears its
own draws. And most streams begin after a sound that is not the recording, as a continuation begins after a performer's
playing: what follows is the recording from its beginning, which also follows its own end. Runs on a GPU where there is
one, else on the CPU.

examples:
  one-sample.py --material riff.wav --foreign others/*.wav --from begun.safetensors --updates 1400 --out column.safetensors
  # a transpose model of four columns, 64 samples apart
  one-sample.py --material riff.wav --foreign others/*.wav --from column.safetensors --columns 4 --spacing 64 \\
      --updates 100 --lr 1e-4 --out transpose.safetensors
"""

import argparse
import json
import math
import sys
import time
import wave
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from safetensors import safe_open
from safetensors.numpy import save_file
from torch import Tensor
from torch.nn import functional as F

LOG_SCALE_RANGE = (-6.907755, 2.0)  # as src/approach/head.rs
SPEEDS = (0.5, 0.75, 1.0, 1.35, 1.8)  # at which foreign recordings are played
LOUD_LOSS = 3.0  # nats; what is worse weighs less, or a few surprises would be all that is learned from
EXACT = 128  # newest samples of a row whose products are computed in 32 bits


def read_wav(path: Path) -> tuple[np.ndarray, int]:
    """Samples in -1...1, channels mixed, and the rate, of a 16-bit PCM file."""
    try:
        with wave.open(str(path), "rb") as file:
            if file.getsampwidth() != 2:
                raise SystemExit(f"{path}: expected 16-bit PCM, found {8 * file.getsampwidth()} bits")
            data = np.frombuffer(file.readframes(file.getnframes()), "<i2").reshape(-1, file.getnchannels())
            return data.mean(axis=1) / 32768.0, file.getframerate()
    except (OSError, wave.Error, EOFError) as error:
        raise SystemExit(f"{path}: {error}") from error


def resample(sound: np.ndarray, from_hz: int, to_hz: int) -> np.ndarray:
    """Kaiser-windowed sinc with the figures of src/dsp/resample.rs, so that training and playing hear the same."""
    if from_hz == to_hz:
        return sound
    edge = 0.5 * 0.92 * min(from_hz, to_hz) / from_hz
    half = math.ceil(32.0 / (2.0 * edge))
    count = -(-len(sound) * to_hz // from_hz)
    position = np.arange(count) * from_hz
    whole, fraction = position // to_hz, position % to_hz / to_hz
    padded = np.concatenate([np.zeros(half), sound, np.zeros(2 * half)])
    out = np.empty(count)
    for part in np.unique(fraction):
        distance = np.arange(2 * half) - (half - 1) - part
        taps = np.sinc(2 * edge * distance) * np.i0(0.1102 * 71.3 * np.sqrt(np.clip(1 - (distance / half) ** 2, 0, 1)))
        at = np.flatnonzero(fraction == part)
        out[at] = padded[whole[at][:, None] + 1 + np.arange(2 * half)] @ (taps / taps.sum())
    return out


def liveliness(sound: np.ndarray) -> dict[str, float]:
    """Spectral flux, RMS and spectral flatness as src/dsp/measure.rs has them."""
    n = np.arange(1024) * (2 * np.pi / 1024)
    window = 0.42 - 0.5 * np.cos(n) + 0.08 * np.cos(2 * n)
    frames = np.lib.stride_tricks.sliding_window_view(sound, 1024)[::256]
    magnitude = np.abs(np.fft.rfft(frames * window))
    power = magnitude**2 + 1e-10
    flatness = np.sort(np.exp(np.log(power).mean(axis=1)) / power.mean(axis=1))
    flux = np.abs(np.diff(magnitude, axis=0)).sum() / magnitude[1:].sum()
    rms = np.sqrt(np.mean(sound**2))
    return {"flux": float(flux), "rms": float(rms), "flatness": float(flatness[len(flatness) // 2])}


def plucks(rate: int, seconds: float, rng: np.random.Generator) -> np.ndarray:
    """Decaying harmonic tones, two at a time: playing by no one."""
    sound = np.zeros(int(seconds * rate))
    for start in range(0, len(sound) - rate, rate // 4):
        hz, damping = 82.0 * 2 ** (rng.integers(0, 37) / 12), rng.uniform(0.5, 4)
        time_s = np.arange(rate) / rate
        for k in range(1, max(2, int(0.45 * rate / hz))):
            tone = np.sin(2 * np.pi * (hz * k * time_s + rng.uniform()))
            sound[start : start + rate] += 0.15 * rng.uniform(0.3, 1) / k * np.exp(-time_s * damping * (1 + 0.5 * k)) * tone
    return sound


@dataclass
class Model:
    """The tensors of a model file and what they mean. `tensors` is what Adam moves."""

    config: dict
    tensors: dict[str, Tensor]

    def __post_init__(self) -> None:
        approach = self.config["approach"]
        self.row: int = approach["seg_len"]
        self.hidden: int = self.config["hidden"]
        self.components: int = self.config["head"]["components"]
        self.columns: int = approach.get("num_unrollings", 1)
        self.spacing: int = approach.get("int_cursor_inc", 1)


def read_model(path: Path) -> Model:
    try:
        with safe_open(str(path), "pt") as file:
            config = json.loads((file.metadata() or {})["sympathy"])
            tensors = {name: file.get_tensor(name).float() for name in file.keys()}
    except (OSError, KeyError, ValueError) as error:
        raise SystemExit(f"{path}: not a model file: {error!r}") from error
    kind, head = config["approach"]["kind"], config["head"]
    wanted = config["cell"] == "lstm" and config["layers"] == 1 and not config.get("peepholes") and not head.get("residual")
    if kind not in ("column", "transpose") or head["kind"] != "mixture" or not wanted:
        raise SystemExit(f"{path}: expected a column or transpose of one LSTM layer and a plain mixture, found {kind}")
    return Model(config, tensors)


def make_transpose(model: Model, columns: int, spacing: int) -> Model:
    """A second dense layer that begins as the newest column's outputs."""
    outputs = 3 * model.components
    weight = torch.zeros(outputs, columns * outputs)
    weight[:, -outputs:] = torch.eye(outputs)
    tensors = model.tensors | {"columns.weight": weight, "columns.bias": torch.zeros(outputs)}
    approach = {"kind": "transpose", "seg_len": model.row, "num_unrollings": columns, "int_cursor_inc": spacing}
    return Model(model.config | {"approach": approach}, tensors)


def write_model(model: Model, path: Path) -> None:
    """Matrices in 16 bits, vectors in 32."""
    tensors = {}
    for name, tensor in model.tensors.items():
        tensor = tensor.detach()
        tensors[name] = (tensor.half() if tensor.dim() == 2 else tensor).cpu().contiguous().numpy()
    part = path.with_suffix(".part")
    save_file(tensors, str(part), {"sympathy": json.dumps(model.config)})
    part.replace(path)


@dataclass
class Chunk:
    """What streams hear, a row longer than the steps, and what they are to say; [stream, sample]."""

    heard: Tensor
    target: Tensor
    weight: Tensor  # 0 while a foreign sound goes on
    forget: Tensor  # streams that begin with a state of zeros


class Streams:
    """Where each of the parallel streams stands: what it has heard, and its place in the material."""

    def __init__(self, args: argparse.Namespace, material: np.ndarray, bank: list[np.ndarray], row: int) -> None:
        self.rng = np.random.default_rng(args.random_seed)
        self.args, self.material, self.bank, self.row = args, material.astype(np.float32), bank, row
        count = args.streams
        self.heard = np.zeros((count, row), np.float32)
        self.place = np.zeros(count, np.int64)
        self.queue: list[np.ndarray] = [np.zeros(0, np.float32)] * count
        self.queue_counts = np.zeros(count, bool)  # is what a stream is forced to hear the material?
        self.noise = np.zeros(count, np.float32)
        self.forget = np.ones(count, bool)
        for stream in range(count):
            self._begin_in_material(stream)

    def _foreign(self, length: int) -> np.ndarray:
        """Someone else's playing, or two of them, louder or fainter; now and then noise or near silence."""
        if self.rng.uniform() < 0.06:
            return self.rng.normal(0, 10 ** self.rng.uniform(-3, 0), length).astype(np.float32)
        out = np.zeros(length, np.float32)
        for _ in range(self.rng.choice([1, 2], p=[0.75, 0.25])):
            sound = self.bank[self.rng.integers(len(self.bank))]
            start = self.rng.integers(len(sound) - length)
            out += 10 ** self.rng.uniform(-1.0, 0.15) * sound[start : start + length]
        return out

    def _begin_in_material(self, stream: int) -> None:
        """Anywhere, after a look at what comes before."""
        steps, place = 256, int(self.rng.integers(len(self.material)))
        past = self.material[np.arange(place - self.row, place + steps) % len(self.material)]
        past = past + self.rng.normal(0, 10 ** self.rng.uniform(-3, -1.5), len(past)).astype(np.float32)
        self._begin(stream, past, place, True)

    def _begin_after_foreign(self, stream: int) -> None:
        steps = int(self.rng.integers(1, 2 * self.args.steps))
        self._begin(stream, self._foreign(self.row + steps), 0, False)

    def _begin(self, stream: int, past: np.ndarray, place: int, counts: bool) -> None:
        self.heard[stream], self.queue[stream] = past[: self.row], past[self.row :]
        self.place[stream], self.queue_counts[stream] = place, counts
        self.noise[stream] = self.args.noise * 10 ** self.rng.uniform(-1.0, 0.0)
        # A network that has heard seconds of a seed has no state of zeros.
        self.forget[stream] = self.rng.uniform() < 0.5

    def next(self) -> Chunk:
        steps, length = self.args.steps, len(self.material)
        for stream in np.flatnonzero(self.rng.uniform(size=len(self.place)) < steps / self.args.life):
            if self.rng.uniform() < self.args.foreign_starts:
                self._begin_after_foreign(int(stream))
            else:
                self._begin_in_material(int(stream))
        at = self.place[:, None] + np.arange(steps)
        weight = np.ones(at.shape, np.float32)
        taken = [min(len(queue), steps) for queue in self.queue]
        for stream, count in enumerate(taken):
            if not self.queue_counts[stream]:
                at[stream] -= count
                weight[stream, :count] = 0.0
        target = self.material[at % length]
        new = target + self.noise[:, None] * self.rng.standard_normal(at.shape, np.float32)
        for stream, count in enumerate(taken):
            new[stream, :count] = self.queue[stream][:count]
            self.queue[stream] = self.queue[stream][count:]
        heard = np.concatenate([self.heard, new], axis=1)
        chunk = Chunk(*(torch.from_numpy(x) for x in (heard, target, weight, self.forget.copy())))
        self.heard, self.place = heard[:, steps:], at[:, -1] + 1
        self.forget[:] = False
        return chunk


class Trainer:
    """Takes all streams through a chunk, and gradients back through it (truncated backpropagation through time)."""

    def __init__(self, model: Model, args: argparse.Namespace, device: torch.device) -> None:
        self.model, self.args, self.device = model, args, device
        for name, tensor in model.tensors.items():
            model.tensors[name] = tensor.to(device).requires_grad_()
        # A long row of a loud tone adds up what Adam does to each of its weights: they need smaller steps.
        self.rates = [args.lr * (args.row_rate if n == "rnn.weight_ih_l0" else 1.0) for n in model.tensors]
        groups = [{"params": [tensor]} for tensor in model.tensors.values()]
        self.optimiser = torch.optim.Adam(groups, lr=args.lr)
        self.h = torch.zeros(args.streams, model.hidden, device=device)
        self.c = torch.zeros_like(self.h)
        reach = (model.columns - 1) * model.spacing
        self.said = torch.zeros(reach, args.streams, 3 * model.components, device=device)

    def input_sums(self, heard: Tensor) -> Tensor:
        """What the rows add to the gates, [step, stream, gate]. Old samples count little each: 16 bits will do."""
        row, steps, weights = self.model.row, self.args.steps, self.model.tensors["rnn.weight_ih_l0"]
        exact = min(EXACT, row)
        new = heard[:, row - exact : -1].unfold(1, exact, 1).transpose(0, 1)
        sums = F.linear(new.reshape(-1, exact), weights[:, row - exact :])
        if exact < row:
            old = heard[:, : -1 - exact].bfloat16().unfold(1, row - exact, 1).transpose(0, 1)
            sums = sums + F.linear(old.reshape(-1, row - exact), weights[:, : row - exact].bfloat16()).float()
        sums = sums.view(steps, len(heard), -1)
        return sums + (self.model.tensors["rnn.bias_ih_l0"] + self.model.tensors["rnn.bias_hh_l0"])

    def outputs(self, chunk: Chunk) -> Tensor:
        """The parameters of the mixture, [step, stream, output]."""
        t = self.model.tensors
        keep = (~chunk.forget).float()[:, None]
        h, c, self.said = self.h * keep, self.c * keep, self.said * keep
        recurrent, hidden = t["rnn.weight_hh_l0"].t(), []
        for sums in self.input_sums(chunk.heard):
            i, f, g, o = torch.addmm(sums, h, recurrent).chunk(4, 1)
            c = f.sigmoid() * c + i.sigmoid() * g.tanh()
            h = o.sigmoid() * c.tanh()
            hidden.append(h)
        self.h, self.c = h.detach(), c.detach()
        said = torch.cat([self.said, F.linear(torch.stack(hidden), t["out.weight"], t["out.bias"])])
        if self.model.columns == 1:
            return said
        # The second dense layer hears the first one's delayed outputs, the oldest column first.
        steps, spacing = self.args.steps, self.model.spacing
        self.said = said[steps:].detach()
        parts = [said[k * spacing : k * spacing + steps] for k in range(self.model.columns)]
        return F.linear(torch.cat(parts, -1), t["columns.weight"], t["columns.bias"])

    def update(self, chunk: Chunk, part: float) -> float:
        """Moves the weights by a part of the learning rate; returns the mean loss in nats."""
        chunk = Chunk(*(x.to(self.device) for x in (chunk.heard, chunk.target, chunk.weight, chunk.forget)))
        logits, means, scales = self.outputs(chunk).split(self.model.components, -1)
        scales = scales.clamp(*LOG_SCALE_RANGE)
        score = torch.log_softmax(logits, -1) - scales
        score = score - 0.5 * ((chunk.target.t().unsqueeze(-1) - means) * torch.exp(-scales)) ** 2
        loss = 0.5 * math.log(2 * math.pi) - torch.logsumexp(score, -1)
        weight = chunk.weight.t() / chunk.weight.sum().clamp(min=1.0)
        tempered = torch.where(loss > LOUD_LOSS, loss * (LOUD_LOSS / loss.detach()), loss)
        self.optimiser.zero_grad(set_to_none=True)
        (tempered * weight).sum().backward()
        norm = torch.nn.utils.clip_grad_norm_(self.model.tensors.values(), self.args.clip)
        for group, rate in zip(self.optimiser.param_groups, self.rates):
            group["lr"] = rate * part
        if torch.isfinite(norm):
            self.optimiser.step()
        return float((tempered.detach() * weight).sum())


def learning_rate(args: argparse.Namespace, update: int) -> float:
    """A part of the highest: a short rise, then half a cosine down to a hundredth."""
    rise = min(1.0, (update + 1) / 100)
    return rise * (0.01 + 0.99 * 0.5 * (1 + math.cos(math.pi * update / args.updates)))


def parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    add = parser.add_argument
    add("--material", type=Path, required=True, help="the recording to learn, 16-bit WAV; it is heard as a loop")
    add("--foreign", type=Path, nargs="*", default=[], help="recordings that are heard before it, never learned")
    add("--from", dest="begin", type=Path, required=True, help="model file of one LSTM layer to begin with")
    add("--out", type=Path, required=True, help="model file to write")
    add("--name", help="the model's name")
    add("--notes", help="free text for the file")
    add("--columns", type=int, default=1, help="make a transpose model of so many columns")
    add("--spacing", type=int, default=64, help="samples from column to column (64)")
    add("--updates", type=int, default=10000, help="updates of the weights (10000)")
    add("--streams", type=int, default=64, help="streams side by side (64)")
    add("--steps", type=int, default=128, help="steps of an update, through which gradients flow (128)")
    add("--lr", type=float, default=5e-4, help="highest learning rate (0.0005)")
    add("--row-rate", type=float, default=0.1, help="part of it for the weights of the input row (0.1)")
    add("--clip", type=float, default=1.0, help="largest norm of the gradient (1)")
    add("--noise", type=float, default=0.012, help="most standard deviation of noise in the material that is heard (0.012)")
    add("--life", type=float, default=16000, help="mean samples after which a stream begins anew (16000)")
    add("--foreign-starts", type=float, default=0.8, help="part of these that begin after a foreign sound (0.8)")
    add("--temperature", type=float, help="temperature written into the file")
    add("--sound-spread", type=float, help="part of the drawn noise that is heard, written into the file")
    add("--warmup-speed", type=float, help="warm-up speed written into the file; measure with `sympathy bench`")
    add("--licence", help="licence of the material, written into the file")
    add("--random-seed", type=int, default=1)
    add("--threads", type=int, help="threads of the CPU")
    add("--save-every", type=int, default=1000, help="updates from one writing of the file to the next (1000)")
    args = parser.parse_args()
    if args.updates < 1 or args.streams < 1 or args.steps < 2 or args.columns < 1 or args.spacing < 1:
        parser.error("--updates, --streams, --columns and --spacing begin at 1, --steps at 2")
    if not args.foreign and args.foreign_starts > 0:
        print("no --foreign recordings: streams begin after synthesised plucks", file=sys.stderr)
    return args


def main() -> None:
    args = parse()
    if args.threads:
        torch.set_num_threads(args.threads)
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    model = read_model(args.begin)
    rate, emphasis = model.config["sample_rate_hz"], model.config.get("emphasis", 0.0)
    sound = resample(*read_wav(args.material), rate)
    heard = sound - emphasis * np.roll(sound, 1)
    if args.columns > 1 and model.columns == 1:
        model = make_transpose(model, args.columns, args.spacing)
    if not args.steps <= model.row < len(sound):
        raise SystemExit(f"expected {args.steps} <= row < {len(sound)} samples of material, found a row of {model.row}")
    mean, std = model.config["scaling"]["mean"], model.config["scaling"]["std"]

    def scaled(x: np.ndarray) -> np.ndarray:
        return ((x[1:] - emphasis * x[:-1] - mean) / std).astype(np.float32)

    rng = np.random.default_rng(args.random_seed + 1)
    bank = [scaled(plucks(rate, 60.0, rng))]
    for path in args.foreign:
        other = resample(*read_wav(path), rate)
        bank += [scaled(np.interp(np.arange(0, len(other) - 1, s), np.arange(len(other)), other)) for s in SPEEDS]
    bank = [x for x in bank if len(x) > model.row + 2 * args.steps]
    streams = Streams(args, (heard - mean) / std, bank, model.row)
    trainer = Trainer(model, args, device)
    hyperparameters = {k: str(v) if isinstance(v, Path) else v for k, v in vars(args).items() if k not in ("begin", "out")}
    hyperparameters |= {"foreign": [path.name for path in args.foreign], "material": args.material.name, "script": "one-sample.py"}
    model.config["material"] = liveliness(sound)
    training = model.config["training"]
    training |= {"hyperparameters": hyperparameters, "material": [f"{args.material.parent.name}/{args.material.name}"]}
    training |= {"repeat_loss": float(np.mean(np.diff((heard - mean) / std) ** 2)), "version": training.get("version", "")}
    given = {"name": args.name, "notes": args.notes, "temperature": args.temperature}
    given |= {"sound_spread": args.sound_spread, "warmup_speed": args.warmup_speed}
    model.config |= {key: value for key, value in given.items() if value is not None}
    if args.licence:
        training["licence"] = args.licence
    print(f"{len(sound) / rate:.2f} s at {rate} Hz, {model.config['material']}; hidden {model.hidden}, on {device}", flush=True)
    begun, losses = time.time(), []
    for update in range(args.updates):
        losses.append(trainer.update(streams.next(), learning_rate(args, update)))
        last = update + 1 == args.updates
        if (update + 1) % 100 == 0 or last:
            seconds = time.time() - begun
            speed = (update + 1) * args.streams * args.steps / seconds
            print(f"{update + 1} of {args.updates}, {seconds:.0f} s, {speed / 1000:.0f}k samples/s: loss {np.mean(losses):.3f}", flush=True)
            training["final_loss"] = float(np.mean(losses))
            training["epochs"] = round((update + 1) * args.streams * args.steps / len(sound))
            losses = []
        if (update + 1) % args.save_every == 0 or last:
            write_model(model, args.out)


if __name__ == "__main__":
    main()
