"""What both host scripts share: the sound, the model, the reference by `sympathy render`, and the counting of checks."""

import argparse
import json
import os
import struct
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
import soundfile

SLOT = 64
"""The first of the user's slots: where a fresh instance puts the only model of the models folder."""

RANGES = {
    "mix": (0.0, 100.0, 1),
    "seed_length": (0.05, 10.0, 2),
    "reseed_interval": (0.0, 60.0, 2),
    "temperature": (0.0, 2.0, 1),
    "model": (0.0, 127.0, 1),
    "wet_gain": (-24.0, 12.0, 1),
    "hold": (1.0, 61.0, 2),
    "random_seed": (0.0, 65535.0, 1),
}
"""Least and largest value, and the exponent of the control: src/params/convert.rs in a few words."""


def plain(key, normalised):
    """The value the plugin has after a host has set `normalised`, in single precision as the plugin computes it."""
    least, largest, exponent = RANGES[key]
    n = np.float32(normalised)
    scaled = n if exponent == 1 else n * n
    value = scaled * (np.float32(largest) - np.float32(least)) + np.float32(least)
    return round(float(value)) if key in ("model", "random_seed") else float(np.float32(value))


class Checks:
    """Prints one line a check, as `cargo xtask test` counts them."""

    def __init__(self):
        self.failed = 0

    def check(self, what, ok, why=""):
        print(f"ok {what}" if ok else f"FAILED {what}: {why}", flush=True)
        self.failed += not ok

    def same_bits(self, what, played, expected):
        self.check(what, *compare(played, expected))


def compare(played, expected):
    """Whether two `[channel][sample]` arrays agree bit for bit, and where they do not."""
    played, expected = (np.ascontiguousarray(sound, dtype=np.float32) for sound in (played, expected))
    if played.shape != expected.shape:
        return False, f"{played.shape} is not {expected.shape}"
    differs = np.argwhere(played.view(np.uint32) != expected.view(np.uint32))
    if len(differs) == 0:
        return True, ""
    channel, sample = min(differs.tolist(), key=lambda place: place[1])
    values = f"{played[channel, sample]!r} is not {expected[channel, sample]!r}"
    return False, f"{len(differs)} samples differ, first channel {channel}, sample {sample}: {values}"


def performance(rate, channels, seconds):
    """Plucked tones with rests, a little different on every channel. `[channel][sample]`"""
    t = np.arange(int(seconds * rate)) / rate
    note, since = (t / 0.25).astype(int) % 4, t % 0.25
    hz = np.array([220.0, 277.2, 329.6, 415.3])[note]
    tones = [np.sin(2 * np.pi * hz * (1 + 0.01 * channel) * since) for channel in range(channels)]
    return (0.4 * np.exp(-6 * since) * np.array(tones)).astype(np.float32)


def write_model(path):
    """A small LSTM on vectors that never falls silent: closed-form weights in PyTorch's layout."""
    segment, hidden = 64, 16
    shapes = {
        "rnn.weight_ih_l0": (4 * hidden, segment),
        "rnn.weight_hh_l0": (4 * hidden, hidden),
        "rnn.bias_ih_l0": (4 * hidden,),
        "rnn.bias_hh_l0": (4 * hidden,),
        "out.weight": (segment, hidden),
        "out.bias": (segment,),
    }
    config = {
        "format_version": 1,
        "name": "closed form",
        "approach": {"kind": "vector", "seg_len": segment},
        "cell": "lstm",
        "layers": 1,
        "hidden": hidden,
        "head": {"kind": "mse"},
        "sample_rate_hz": 22050,
        "scaling": {"mean": 0.0, "std": 0.25},
        "feedback_noise": 0.2,
        "temperature": 1.0,
        "warmup_speed": 8.0,
    }
    header, data = {"__metadata__": {"sympathy": json.dumps(config)}}, b""
    for k, (name, shape) in enumerate(shapes.items()):
        values = 0.6 * np.sin(np.arange(np.prod(shape)) * (2 * k + 3) * 0.37 + k)
        bytes_ = values.astype("<f4").tobytes()
        header[name] = {"dtype": "F32", "shape": shape, "data_offsets": [len(data), len(data) + len(bytes_)]}
        data += bytes_
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 8)
    path.write_bytes(struct.pack("<Q", len(text)) + text + data)


class Bench:
    """A temporary folder with the model, and the command line tool that renders what hosts must play."""

    def __init__(self, cli):
        self.cli = cli
        self.folder = Path(tempfile.mkdtemp(prefix="sympathy-hosts-"))
        self.models = self.folder / "models"
        self.models.mkdir()
        self.model = self.models / "closed-form.safetensors"
        write_model(self.model)
        # Read by the plugin when an instance is made: no model of the user's is touched.
        os.environ["SYMPATHY_MODELS"] = str(self.models)

    def render(self, sound, rate, settings, automation=None, clock="free", embedded=False):
        """What the engine plays offline, with the model of the folder or the first embedded one. `settings`: key to plain
        value; `automation`: key to [sample, plain value]."""
        source, target = self.folder / "in.wav", self.folder / "out.wav"
        soundfile.write(source, sound.T, rate, subtype="FLOAT")
        words = [self.cli, "render", source, target, "--overwrite", "--seconds-after", "0", "--clock", clock]
        if not embedded:
            words += ["--model", self.model]
        for key, value in settings.items():
            if key != "model":
                words += ["--set", f"{key}={value!r}"]
        if automation:
            # Hosts jump from value to value.
            curves = {key: [[at / rate, value, "hold"] for at, value in points] for key, points in automation.items()}
            path = self.folder / "automation.json"
            path.write_text(json.dumps(curves))
            words += ["--automate", path]
        done = subprocess.run([str(word) for word in words], capture_output=True, text=True, stdin=subprocess.DEVNULL)
        if done.returncode != 0:
            raise RuntimeError(f"sympathy render failed: {done.stderr.strip()}")
        rendered, _ = soundfile.read(target, dtype="float32", always_2d=True)
        return rendered.T


def main(run):
    """Parses the command line, runs the checks, exits with 1 if any failed."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--plugin", required=True, help="Sympathy.vst3")
    parser.add_argument("--cli", required=True, help="the command line tool sympathy")
    args = parser.parse_args()
    checks = Checks()
    run(checks, Bench(args.cli), args.plugin)
    sys.exit(checks.failed > 0)
