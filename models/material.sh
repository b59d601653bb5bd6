#!/bin/sh
# The material of the listening models: scores, and chords that are made up, played with fluidsynth and the sound font FluidR3 GM
# (Debian: fluidsynth, fluid-soundfont-gm), beside a link to the recorded takes. The same names give the same sounds; what is there stays.
#
#   SYMPATHY_DATA=DIR models/material.sh OUT [guitar|piano|strings|any|dissonant ...]
#   sympathy train models/guitar.json --data OUT --out guitar.safetensors --threads 2
set -eu
data=$(cd "${SYMPATHY_DATA:?names the folder of the recordings and scores of the model cards}" && pwd)
mkdir -p "${1:?the folder to write}"
out=$(cd "$1" && pwd)
shift
[ "$#" -gt 0 ] || set -- guitar piano strings any dissonant
[ -e "$out/takes" ] || ln -s "$data" "$out/takes"
cd "$(dirname "$0")/.."
for family in "$@"; do
    cargo xtask material "$family" "$data/midi" "$out/$family"
done
