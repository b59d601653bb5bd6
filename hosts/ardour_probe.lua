ardour {
	["type"]    = "dsp",
	name        = "Sympathy Probe",
	category    = "Instrument",
	license     = "MIT OR Apache-2.0",
	author      = "Sympathy",
	description = [[Writes each MIDI message that it receives into its audio, so that an export tells what came when.]]
}

-- A message is one sample: on the left its three bytes as a whole number of 22 bits, which a 32-bit float holds exactly; on the
-- right how many samples late it is written, as only one fits into a sample and those of a chord come at once.
local CODE, LAG = 1 << 22, 1 << 16

local waiting = {}
-- The first sample of the block that is not taken. Samples count from 1.
local free = 1

function dsp_ioconfig ()
	return { { midi_in = 1, midi_out = 0, audio_in = -1, audio_out = 2 } }
end

function dsp_params ()
	return {}
end

function dsp_run (ins, outs, n_samples)
	ARDOUR.DSP.memset (outs[1], 0, n_samples)
	ARDOUR.DSP.memset (outs[2], 0, n_samples)
	local code, lag = outs[1]:array (), outs[2]:array ()
	for _, event in ipairs (midiin) do
		local bytes = event.data
		waiting[#waiting + 1] = { at = event.time, code = bytes[1] << 14 | (bytes[2] or 0) << 7 | (bytes[3] or 0) }
	end
	while waiting[1] and math.max (waiting[1].at, free) <= n_samples do
		local message = table.remove (waiting, 1)
		local at = math.max (message.at, free)
		code[at] = message.code / CODE
		lag[at] = (at - message.at) / LAG
		free = at + 1
	end
	for _, message in ipairs (waiting) do
		message.at = message.at - n_samples
	end
	free = math.max (free - n_samples, 1)
end
