"""Sympathy.vst3 in pedalboard (JUCE): what it plays must be, bit for bit, what `sympathy render` writes."""

import itertools
import re

import common
import numpy as np
import pedalboard
import pedalboard._pedalboard

# nice-plug gives a VST3 that listens to MIDI controllers 2080 hidden parameters; pedalboard would ask each of them for a
# thousand texts.
pedalboard._pedalboard.PARAMETER_NAME_REGEXES_TO_IGNORE.add(re.compile(r"MIDI Ch\. "))

# The host's 0…1: short seeds and intervals, so that two seconds hold several continuations.
SET = {"seed_length": 0.125, "reseed_interval": 0.09375, "temperature": 0.375, "random_seed": 0.25, "mix": 0.75}


class Plugin:
    """An instance, with the parameters under the keys of the command line."""

    NAMES = {
        "Mix": "mix",
        "Seed Length": "seed_length",
        "Re-seed Interval": "reseed_interval",
        "Temperature": "temperature",
        "Model": "model",
        "Wet Gain": "wet_gain",
        "Hold": "hold",
        "Random Seed": "random_seed",
        "Bypass": "bypass",
    }

    def __init__(self, path):
        self.host = pedalboard.load_plugin(path, plugin_name="Sympathy")
        parameters = {parameter.name: parameter for parameter in self.host.parameters.values()}
        self.parameters = {key: parameters[name] for name, key in self.NAMES.items()}

    def set(self, values):
        for key, normalised in values.items():
            self.parameters[key].raw_value = normalised

    def values(self):
        return {key: parameter.raw_value for key, parameter in self.parameters.items()}

    def play(self, sound, rate, block, reset=True):
        return self.host.process(sound, rate, buffer_size=block, reset=reset)


def plain(values):
    return {key: common.plain(key, normalised) for key, normalised in values.items()}


def run(checks, bench, path):
    model = {"model": common.SLOT / 127}
    plugin = Plugin(path)
    checks.check("zero latency", plugin.host.reported_latency_samples == 0)
    fresh_state = plugin.host.raw_state
    first_insert(checks, bench, plugin)
    plugin.set(SET | model)
    checks.check(
        "the model of the models folder is in the first of the user's slots",
        "closed form" in plugin.parameters["model"].string_value or "closed-form" in plugin.parameters["model"].string_value,
        plugin.parameters["model"].string_value,
    )

    for rate, channels in itertools.product([44100, 48000, 96000], [1, 2]):
        sound = common.performance(rate, channels, 1.5)
        expected = bench.render(sound, rate, plain(SET))
        checks.check(f"{rate} Hz, {channels} channels: the wet is heard", np.abs(expected - sound).max() > 0.01)
        for block in [1, 64, 441, 512, 4096, 48000]:
            played = plugin.play(sound, rate, block)
            checks.same_bits(f"{rate} Hz, {channels} channels, blocks of {block}", played, expected)

    automate(checks, bench, plugin)
    restore(checks, bench, path, plugin, fresh_state)
    # Last: a program moves what the others leave at its default.
    programs(checks, plugin)
    notes(checks, path)


def notes(checks, path):
    """The plugin for notes beside it: this host has no notes for an effect, so it has to be silent and leave the audio as it is."""
    names = pedalboard.VST3Plugin.get_plugin_names_for_file(path)
    checks.check("the file holds both plugins", names == ["Sympathy", "Sympathy Notes"], names)
    host = pedalboard.load_plugin(path, plugin_name="Sympathy Notes")
    checks.check("notes: zero latency", host.reported_latency_samples == 0)
    shown = {parameter.name for parameter in host.parameters.values()}
    checks.check("notes: its parameters are there", {"Answer After", "Temperature", "Bypass"} <= shown, shown)
    for rate, block in itertools.product([44100, 96000], [1, 512, 4096]):
        sound = common.performance(rate, 2, 1.0)
        checks.same_bits(f"notes: audio passes at {rate} Hz, blocks of {block}", host.process(sound, rate, buffer_size=block), sound)
    temperature = {parameter.name: parameter for parameter in host.parameters.values()}["Temperature"]
    temperature.raw_value = 0.8125
    state = host.raw_state
    temperature.raw_value = 0.25
    host.raw_state = state
    checks.check("notes: a state comes back", temperature.raw_value == 0.8125, temperature.raw_value)


def first_insert(checks, bench, plugin):
    """What a musician hears who has touched nothing."""
    rate = 48000
    sound = common.performance(rate, 2, 4.0)
    expected = bench.render(sound, rate, {}, embedded=True)
    checks.check("a first insert makes sound", np.abs(expected - sound * np.float32(0.5**0.5)).max() > 0.01)
    checks.same_bits("a first insert plays the embedded model", plugin.play(sound, rate, 480), expected)


def automate(checks, bench, plugin):
    """Parameters that change between blocks."""
    rate, step = 48000, 4800
    sound = common.performance(rate, 2, 1.5)
    moves = {2: {"mix": 0.25}, 5: {"seed_length": 0.1875, "mix": 1.0}, 9: {"mix": 0.5, "wet_gain": 0.75}}
    played = []
    for index, start in enumerate(range(0, sound.shape[1], step)):
        plugin.set(moves.get(index, {}))
        played.append(plugin.play(sound[:, start : start + step], rate, 480, reset=index == 0))
    curves = {}
    for index, values in moves.items():
        for key, value in plain(values).items():
            curves.setdefault(key, []).append([index * step, value])
    checks.same_bits("automation", np.concatenate(played, axis=1), bench.render(sound, rate, plain(SET), curves))


def programs(checks, plugin):
    """The factory presets in the host's list."""
    host = plugin.host
    checks.check("no program at first", host.preset == "None", host.preset)
    host.preset = "Birds in the trees"
    # pedalboard looks at the values again only where a state was restored.
    host.raw_state = host.raw_state
    found = (host.preset, host.mix, host.voices)
    checks.check("a program sets the values, and a project is none", found == ("None", 60, 4), found)


def same_values(plugin, values):
    """Whole numbers come back as exact steps of the control, so up to half a step off."""
    return all(abs(value - values[key]) < 1e-5 for key, value in plugin.values().items())


def restore(checks, bench, path, plugin, fresh_state):
    """The state, in the same instance and in another one, where the model's file is gone."""
    rate = 44100
    sound = common.performance(rate, 2, 1.5)
    settings = SET | {"hold": 1.0, "wet_gain": 0.75}
    plugin.set(settings | {"model": common.SLOT / 127})
    # VST3 hosts hand changes over with the next block: without one, the plugin has not heard of them yet.
    plugin.play(sound[:, :512], rate, 512)
    state, values = plugin.host.raw_state, plugin.values()
    expected = bench.render(sound, rate, plain(settings))

    plugin.host.raw_state = fresh_state
    checks.check("an older state brings its values back", plugin.values()["mix"] == 0.5, plugin.values())
    plugin.host.raw_state = state
    checks.check("a state restores every value", same_values(plugin, values), plugin.values())
    checks.same_bits("a restored state plays the same bits", plugin.play(sound, rate, 512), expected)

    bench.model.rename(bench.folder / "elsewhere.safetensors")
    other = Plugin(path)
    other.host.raw_state = state
    checks.check("a second instance has every value", same_values(other, values), other.values())
    played = other.play(sound, rate, 512)
    bench.model = bench.folder / "elsewhere.safetensors"
    checks.same_bits("a second instance plays the copy of the model inside the project", played, expected)
    other.set({"bypass": 1.0})
    checks.same_bits("bypass is the input", other.play(sound, rate, 512), sound)


if __name__ == "__main__":
    common.main(run)
