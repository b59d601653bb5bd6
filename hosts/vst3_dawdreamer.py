"""Sympathy.vst3 in DawDreamer (JUCE), which never says that it is offline and renders as fast as it can: its bits must be
those that `sympathy render` writes. (DawDreamer restores states only through a plugin's editor: pedalboard tests those.)"""

import common
import dawdreamer
import numpy as np

# The host's 0…1: short seeds and intervals, so that a few seconds hold several continuations.
SET = {"seed_length": 0.125, "reseed_interval": 0.09375, "temperature": 0.375, "random_seed": 0.25, "mix": 0.75}
KEYS = {
    "Mix": "mix",
    "Seed Length": "seed_length",
    "Re-seed Interval": "reseed_interval",
    "Temperature": "temperature",
    "Model": "model",
    "Random Seed": "random_seed",
}
ATTEMPTS = 12


class Session:
    """An engine with one instance between the sound and the output."""

    def __init__(self, path, rate, block, sound):
        self.seconds = sound.shape[1] / rate
        self.engine = dawdreamer.RenderEngine(rate, block)
        self.plugin = self.engine.make_plugin_processor("sympathy", path)
        count = min(self.plugin.get_plugin_parameter_size(), 32)
        names = [self.plugin.get_parameter_name(index) for index in range(count)]
        self.index = {key: names.index(name) for name, key in KEYS.items()}
        channels = sound.shape[0]
        if channels == 1:
            self.plugin.set_bus(1, 1)
        playback = self.engine.make_playback_processor("sound", sound)
        self.engine.load_graph([(playback, []), (self.plugin, ["sound"])])

    def set(self, values):
        for key, normalised in values.items():
            self.plugin.set_parameter(self.index[key], normalised)

    def play(self):
        self.engine.render(self.seconds)
        return self.engine.get_audio()


def plain(values):
    return {key: common.plain(key, normalised) for key, normalised in values.items()}


def same_bits(checks, what, session, sound, expected):
    """The bits are the same but for underruns, and other programs can cause those: one of a few attempts has none."""
    for _ in range(ATTEMPTS):
        same, why = common.compare(session().play()[:, : sound.shape[1]], expected)
        if same:
            break
    checks.check(what, same, why)


def run(checks, bench, path):
    model = {"model": common.SLOT / 127}
    for rate, channels, block in [(44100, 2, 512), (48000, 2, 64), (48000, 1, 512), (96000, 2, 4096), (44100, 2, 1)]:
        sound = common.performance(rate, channels, 2.0)
        expected = bench.render(sound, rate, plain(SET), clock="transport")

        def session():
            fresh = Session(path, rate, block, sound)
            fresh.set(SET | model)
            return fresh

        same_bits(checks, f"{rate} Hz, {channels} channels, blocks of {block}", session, sound, expected)

    automate(checks, bench, path)


def automate(checks, bench, path):
    """An automation lane at audio rate, which DawDreamer reads at the beginning of each block."""
    rate, block = 48000, 480
    sound = common.performance(rate, 2, 2.0)
    lane = np.full(sound.shape[1], 0.25, dtype=np.float32)
    steps = {48000: 0.5, 57600: 1.0, 72000: 0.75}
    for start, value in steps.items():
        lane[start:] = value
    curve = [[0, common.plain("mix", 0.25)]] + [[start, common.plain("mix", value)] for start, value in steps.items()]
    expected = bench.render(sound, rate, plain(SET), {"mix": curve}, clock="transport")

    def session():
        fresh = Session(path, rate, block, sound)
        fresh.set(SET | {"model": common.SLOT / 127})
        fresh.plugin.set_automation(fresh.index["mix"], lane)
        return fresh

    same_bits(checks, "automation", session, sound, expected)


if __name__ == "__main__":
    common.main(run)
