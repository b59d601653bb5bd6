"""Sympathy.vst3 in Ardour 7, a whole DAW without its window: its Lua interpreter makes and exports sessions, and the user's settings
are never seen. Sympathy Notes plays into a probe that writes every message as one sample: what comes out must be what `sympathy render`
writes."""

import os
import re
import shutil
import struct
import subprocess
import tempfile
import xml.etree.ElementTree as ElementTree
from pathlib import Path

import common
import numpy as np
import soundfile

LIBRARIES = Path("/usr/lib/ardour7")
HERE = Path(__file__).resolve().parent
RATE = 48000
SUPERCLOCK = 282240000
"""Ardour's unit of time for audio: so many in a second."""
TICKS = 1920
"""Ardour's unit of time for notes: so many in a quarter note."""
DIVISION = 480
"""Ticks of a quarter note in MIDI files."""
STEADY_BPM, OTHER_BPM = 93.75, 125
"""At the first, a tick of Ardour's is 16 samples, and every block begins on one. At the other it is 12, and of three blocks one does."""
SONG_SECONDS = 18
PATIENCE_SECONDS = {"scan": 60, "session": 120, "export": 180}
"""Whatever takes longer hangs. All take less than ten seconds on two cores that have nothing else to do."""
ATTEMPTS = 4
"""An export has the bits that are expected but for underruns, and other programs can cause those."""
BLOCK = 1024
PROCESSOR = "31"
"""What Ardour may use: up to AVX. What it has for AVX-512 writes beyond its buffers: samples are noise, and every sixth export of a
session without any plugin ends in a damaged heap."""
PRESET = "5fe6ad54-3c1c-4b6e-8f3e-0d6f8d1c52a7"
FLOAT_FORMAT = "20b4ab09-6452-4cb3-bd66-b921cdbd2942"
"""Of the formats that come with Ardour, WAV with 32-bit floats."""


class Failed(Exception):
    """The host did not do what it was asked to, and why."""


class Ardour:
    """Ardour with settings, caches and plugins of its own below a folder."""

    def __init__(self, folder, plugin):
        self.folder = folder
        home = folder / "home"
        self.plugin = home / ".vst3" / Path(plugin).name
        self.cache = home / "cache"
        settings = home / "config" / "ardour7"
        for made in (self.plugin.parent, self.cache, settings / "scripts", settings / "export"):
            made.mkdir(parents=True)
        self.plugin.symlink_to(Path(plugin).resolve(), target_is_directory=True)
        shutil.copy(HERE / "ardour_probe.lua", settings / "scripts")
        (settings / "export" / "float.preset").write_text(
            f'<ExportPreset id="{PRESET}" name="float"><ExportFormat id="{FLOAT_FORMAT}"/><ExportFilename>'
            '<Field name="timespan" enabled="1"/></ExportFilename></ExportPreset>'
        )
        kept = ("PATH", "SYMPATHY_MODELS", "TMPDIR")
        self.environment = {name: os.environ[name] for name in kept if name in os.environ} | {
            "HOME": str(home),
            "XDG_CONFIG_HOME": str(home / "config"),
            "XDG_CACHE_HOME": str(self.cache),
            "XDG_DATA_HOME": str(home / "data"),
            "LC_ALL": "C.UTF-8",
            "LD_LIBRARY_PATH": str(LIBRARIES),
            "ARDOUR_FPU_FLAGS": PROCESSOR,
        }

    def call(self, patience, *words):
        """What a program of Ardour's prints. One that hangs is killed."""
        words = [str(word) for word in words]
        name, seconds = Path(words[0]).name, PATIENCE_SECONDS[patience]
        try:
            done = subprocess.run(
                words,
                env=self.environment,
                cwd=self.folder,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                timeout=seconds,
            )
        except subprocess.TimeoutExpired as hung:
            raise Failed(f"{name} was killed after {seconds} s; it said: {told(hung.stdout)}") from None
        if done.returncode != 0:
            raise Failed(f"{name} ended with {done.returncode}; it said: {told(done.stdout)}")
        return done.stdout.decode(errors="replace")

    def lua(self, patience, script, *words):
        """What a script prints."""
        return self.call(patience, "ardour7-lua", HERE / script, *words)

    def scan(self):
        """What Ardour's scanner notes of the plugins in the file, by name."""
        self.call("scan", LIBRARIES / "ardour-vst3-scanner", self.plugin)
        caches = list(self.cache.rglob("*.v3i"))
        if len(caches) != 1:
            raise Failed(f"the scanner wrote {len(caches)} files")
        plugins = ElementTree.parse(caches[0]).getroot().iter("VST3Info")
        return {plugin.get("name"): plugin.attrib for plugin in plugins}

    def make_session(self, which):
        """A new session with one track, and the inputs and outputs (audio, MIDI) that each plugin got on it."""
        folder = self.folder / f"made-{which}"
        printed = self.lua("session", "ardour_session.lua", which, folder, RATE)
        added = re.findall(r"^added (.+?)\s+(\d+)\s+(\d+)\s+(\d+)\s+(\d+)$", printed, re.MULTILINE)
        if not (folder / f"{which}.ardour").is_file():
            raise Failed(f"there is no session; ardour7-lua said: {told(printed.encode())}")
        return Session(self, folder, which), {name: tuple(map(int, counts)) for name, *counts in added}


class Session:
    """A session in its folder."""

    def __init__(self, ardour, folder, which):
        self.ardour, self.folder, self.which = ardour, folder, which

    def copy(self, name, edit):
        """A session of another name, whose file was edited."""
        folder = self.folder.with_name(name)
        shutil.copytree(self.folder, folder)
        # Sources lie in a folder that is called as the session's.
        (folder / "interchange" / self.folder.name).rename(folder / "interchange" / name)
        path = folder / f"{self.which}.ardour"
        tree = ElementTree.parse(path)
        root = tree.getroot()
        if "Player/audio_out 1" not in (connection.get("other") for connection in root.iter("Connection")):
            raise Failed("the track is not connected")
        # Without a sound card there is no latency of one. The dummy's is 256 samples or 272, by chance, and an export tells plugins that
        # the song stands still for so long while it plays its beginning: their clocks would begin there.
        for port in root.iter("Port"):
            for connection in port.findall("Connection"):
                if connection.get("other").startswith("system:"):
                    port.remove(connection)
        edit(root, folder / "interchange" / name)
        tree.write(path, encoding="UTF-8", xml_declaration=True)
        return Session(self.ardour, folder, self.which)

    def export(self, block=BLOCK):
        """What the song sounds like in blocks of this length, `[channel][sample]`. By Lua, as ardour7-export begins before the session is
        ready, and hangs now and then."""
        with tempfile.TemporaryDirectory(dir=self.ardour.folder) as folder:
            file = Path(folder) / "song.wav"
            words = (self.folder, self.which, block, folder, file.stem, PRESET)
            printed = self.ardour.lua("export", "ardour_export.lua", *words)
            if not file.is_file():
                raise Failed(f"nothing was exported: {told(printed.encode())}")
            sound, rate = soundfile.read(file, dtype="float32", always_2d=True)
        if rate != RATE or len(sound) != SONG_SECONDS * RATE:
            raise Failed(f"the export has {len(sound)} samples at {rate} Hz")
        return sound.T

    def faithful_export(self, same, block=BLOCK):
        """An export for which `same` says that it is as expected, or the last of a few; and what it says."""
        for attempt in range(ATTEMPTS):
            sound = self.export(block)
            is_same, why = same(sound)
            if is_same:
                break
            print(f"attempt {attempt + 1}: {why}", flush=True)
        return sound, (is_same, why)


def told(output):
    """The last lines of what a program printed."""
    return " / ".join((output or b"").decode(errors="replace").split("\n")[-8:]).strip()


def place(root, name, kind, channels, length, more):
    """Puts a whole file at the beginning of the only track, and says where the song ends. Ardour imports files only where it has its
    window; these are the entries that it would make, `more` those of a region of this kind."""
    unit = "b" if kind == "midi" else "a"
    ids = iter(range(int(root.get("id-counter")) + 1, 1 << 32))
    zeros = "muted locked video-locked automatic whole-file import external sync-marked hidden position-locked valid-transients"
    region = {name: "0" for name in zeros.split()} | {
        "name": "take",
        "type": kind,
        "channels": str(channels),
        "opaque": "1",
        "start": f"{unit}0",
        "length": f"{unit}{length}@{unit}0",
        "sync-position": f"{unit}0",
        "ancestral-start": f"{unit}0",
        "ancestral-length": f"{unit}0@{unit}0",
        "stretch": "1",
        "shift": "1",
        "layering-index": "0",
        "tags": "",
        "contents": "0",
        "first-edit": "nothing",
    }
    for channel in range(channels):
        source = {"id": str(next(ids)), "name": name, "type": kind, "flags": "", "take-id": ""}
        if kind == "audio":
            source |= {"channel": str(channel), "natural-position": "a0", "origin": "", "gain": "1"}
        ElementTree.SubElement(root.find("Sources"), "Source", source)
        region |= {f"source-{channel}": source["id"], f"master-source-{channel}": source["id"]}
    ElementTree.SubElement(root.find("Playlists/Playlist"), "Region", region | more | {"id": str(next(ids))})
    song = {"name": "session", "start": "a0", "end": f"a{SONG_SECONDS * SUPERCLOCK}", "flags": "IsSessionRange", "locked": "0"}
    ElementTree.SubElement(root.find("Locations"), "Location", song | {"id": str(next(ids))})
    root.set("id-counter", str(next(ids)))


# Notes


def phrase():
    """What the player plays in two measures: `(tick, last tick, key, velocity)`. Eighths, more or less, and two chords."""
    melody = [60, 64, 67, 72, 67, 64, 62, 65, 69, 74, 69, 65]
    notes = [(240 * k + 37 * k % 50, 240 * k + 37 * k % 50 + 200, key, 60 + 3 * k) for k, key in enumerate(melody)]
    chords = [(48, 60, 64, 67), (50, 60, 65, 69)]
    return notes + [(2880 + 480 * k, 3280 + 480 * k, key, 90) for k, chord in enumerate(chords) for key in chord]


def midi_file(bpm):
    """The phrase as a MIDI file with one track."""
    events = [(on, bytes([0x90, key, velocity])) for on, _, key, velocity in phrase()]
    events += [(off, bytes([0x80, key, 64])) for _, off, key, _ in phrase()]
    track, now = b"\0\xff\x51\x03" + round(60e6 / bpm).to_bytes(3, "big"), 0
    for tick, message in sorted(events):
        track += variable_length(tick - now) + message
        now = tick
    track += b"\0\xff\x2f\0"
    return b"MThd" + struct.pack(">IHHH", 6, 0, 1, DIVISION) + b"MTrk" + struct.pack(">I", len(track)) + track


def variable_length(number):
    digits = [number & 127]
    while number := number >> 7:
        digits.insert(0, number & 127 | 128)
    return bytes(digits)


def read_midi_file(path, bpm):
    """Notes of a file with one tempo: `(sample, True at a beginning, channel, key, velocity)`, sorted."""
    data = path.read_bytes()
    tracks, division = struct.unpack(">HH", data[10:14])
    samples_per_tick = RATE * 60 / bpm / division
    messages, at = [], 14
    for _ in range(tracks):
        end = at + 8 + struct.unpack(">I", data[at + 4 : at + 8])[0]
        at, tick, status = at + 8, 0, 0
        while at < end:
            delta, more = 0, True
            while more:
                delta, more, at = delta << 7 | data[at] & 127, data[at] & 128, at + 1
            tick += delta
            if data[at] == 0xFF:
                at += 3 + data[at + 2]
                continue
            if data[at] & 128:
                status, at = data[at], at + 1
            length = 1 if status >> 4 in (0xC, 0xD) else 2
            message, at = data[at : at + length], at + length
            if status >> 4 in (8, 9):
                messages.append(note(round(tick * samples_per_tick), status, *message))
    return sorted(messages)


def note(sample, status, key, velocity):
    begins = status >> 4 == 9 and velocity > 0
    return sample, begins, status & 15, key, velocity if begins else 0


def decode(sound):
    """The notes that the probe heard, as those of a file; and how many other messages."""
    notes, others = [], 0
    for at in np.flatnonzero(sound[0]):
        code, lag = float(sound[0, at]) * (1 << 22), float(sound[1, at]) * (1 << 16)
        if code != int(code) or lag != int(lag):
            raise Failed(f"sample {at} is no message: {sound[:, at]}")
        status, message = int(code) >> 14, (int(code) >> 7 & 127, int(code) & 127)
        if status >> 4 in (8, 9):
            notes.append(note(int(at) - int(lag), status, *message))
        else:
            others += 1
    return sorted(notes), others


def same_notes(heard, expected):
    """Whether they are the same, and which are not."""
    if heard == expected:
        return True, ""
    missing, more = sorted(set(expected) - set(heard)), sorted(set(heard) - set(expected))
    return False, f"{len(heard)} for {len(expected)}, missing {missing[:4]}, not expected {more[:4]}"


def ends_of_notes(notes):
    """Whether each beginning has its end and each end its beginning, and what has not."""
    sounding = set()
    # Where a key ends and begins at once, the end comes first, as False is less than True.
    for sample, begins, channel, key, _ in notes:
        if begins == ((channel, key) in sounding):
            return False, f"key {key} {'begins twice' if begins else 'ends twice'}, at {sample}"
        sounding ^= {(channel, key)}
    return not sounding, f"without end: {sorted(sounding)}"


def take_at(bpm):
    """Edits a session so that the phrase is played in it, at a tempo."""

    def edit(root, sources):
        (sources / "midifiles" / "take.mid").write_bytes(midi_file(bpm))
        place(root, "take.mid", "midi", 1, 8 * TICKS, {})
        for tempo in root.iter("Tempo"):
            tempo.set("npm", str(bpm))
            tempo.set("enpm", str(bpm))

    return edit


def rendered(bench, bpm):
    """What the engine plays offline."""
    source, target = bench.folder / f"{bpm}.mid", bench.folder / f"{bpm}-answered.mid"
    source.write_bytes(midi_file(bpm))
    words = [bench.cli, "render", source, target, "--overwrite", "--seconds-after", str(SONG_SECONDS)]
    done = subprocess.run([str(word) for word in words], capture_output=True, text=True, stdin=subprocess.DEVNULL)
    if done.returncode != 0:
        raise Failed(f"sympathy render failed: {done.stderr.strip()}")
    return read_midi_file(target, bpm)


def notes(checks, bench, ardour):
    made, added = ardour.make_session("notes")
    checks.check("notes: a MIDI track takes the plugin, and gives it notes alone", added.get("Sympathy Notes") == (0, 1, 0, 1), added)

    session = made.copy("steady", take_at(STEADY_BPM))
    expected = rendered(bench, STEADY_BPM)
    as_rendered = lambda sound: same_notes(decode(sound)[0], expected)
    first, faithful = session.faithful_export(as_rendered)
    what = f"notes: {len(expected)} messages are those of sympathy render, sample by sample"
    checks.check(what, *faithful)
    checks.same_bits("notes: a second export has the same bits", session.faithful_export(as_rendered)[0], first)
    heard, others = decode(first)
    per_tick = RATE * 60 / STEADY_BPM / DIVISION
    players = sorted(
        (round(tick * per_tick), begins, 0, key, velocity if begins else 0)
        for on, off, key, velocity in phrase()
        for tick, begins in ((on, True), (off, False))
    )
    lost = sorted(set(players) - set(heard))
    checks.check("notes: the player's own pass at their samples", not lost, lost[:4])
    over = max(sample for sample, *_ in players)
    answer = [sample for sample, begins, *_ in heard if begins and sample > over]
    far = bool(answer) and answer[-1] - over > 4 * RATE
    checks.check("notes: the answer begins after the player and goes on", len(answer) > 20 and far, answer)
    checks.check("notes: each ends once", *ends_of_notes(heard))
    checks.check("notes: nothing else was sent", others == 0, f"{others} other messages")
    for block in (64, 4096):
        checks.check(f"notes: the same in blocks of {block}", *session.faithful_export(as_rendered, block)[1])

    # Ardour tells a VST3 the song's place in whole ticks: at this tempo up to 6 samples from where a block begins.
    session = made.copy("other", take_at(OTHER_BPM))
    elsewhere = rendered(bench, OTHER_BPM)
    other, faithful = session.faithful_export(lambda sound: same_notes(decode(sound)[0], elsewhere))
    checks.check("notes: the same where blocks begin beside Ardour's ticks", *faithful)
    checks.check("notes: and each ends once", *ends_of_notes(decode(other)[0]))


# Sound


def sound(checks, bench, ardour):
    played = np.zeros((2, SONG_SECONDS * RATE), dtype=np.float32)
    take = common.performance(RATE, 2, 10.0)
    played[:, : take.shape[1]] = take
    made, added = ardour.make_session("sound")
    checks.check("sound: an audio track takes the plugin in stereo", added.get("Sympathy", ())[0::2] == (2, 2), added)

    def edit(active):
        def with_take(root, sources):
            soundfile.write(sources / "audiofiles" / "take.wav", played.T, RATE, subtype="FLOAT")
            plain = {"scale-amplitude": "1", "envelope-active": "0", "fade-in-active": "0", "fade-out-active": "0"}
            plain |= {"default-fade-in": "0", "default-fade-out": "0"}
            place(root, "take.wav", "audio", 2, SONG_SECONDS * SUPERCLOCK, plain)
            for processor in root.iter("Processor"):
                if processor.get("name") == "Sympathy":
                    processor.set("active", str(int(active)))

        return with_take

    dry = made.copy("dry", edit(False)).export()
    checks.same_bits("sound: switched off, the track is what was recorded", dry, played)
    session = made.copy("wet", edit(True))
    expected = bench.render(played, RATE, {}, clock="transport", embedded=True)
    as_rendered = lambda sound: common.compare(sound, expected)
    wet, faithful = session.faithful_export(as_rendered)
    checks.check("sound: it plays", np.abs(wet - dry).max() > 0.01, "nothing but what was recorded")
    checks.check("sound: it is what sympathy render writes", *faithful)
    checks.same_bits("sound: a second export has the same bits", session.faithful_export(as_rendered)[0], wet)


def run(checks, bench, path):
    with tempfile.TemporaryDirectory(prefix="sympathy-ardour-") as folder:
        ardour = Ardour(Path(folder), path)
        for what, part in (("scan", scan), ("notes", notes), ("sound", sound)):
            try:
                part(checks, bench, ardour)
            except Failed as failed:
                checks.check(f"{what}: Ardour does its part", False, failed)


def scan(checks, bench, ardour):
    found = ardour.scan()
    checks.check("scan: both plugins are found", sorted(found) == ["Sympathy", "Sympathy Notes"], sorted(found))
    buses = {name: tuple(int(found[name][f"n_{bus}"]) for bus in ("inputs", "outputs", "midi_inputs", "midi_outputs")) for name in found}
    wanted = {"Sympathy": (2, 2, 1, 0), "Sympathy Notes": (2, 2, 1, 1)}
    checks.check("scan: with their audio and their notes", buses == wanted, buses)


if __name__ == "__main__":
    common.main(run)
