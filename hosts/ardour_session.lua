-- Makes a session with one track: "notes", MIDI through Sympathy Notes to the probe; or "sound", audio through Sympathy.
-- Arguments: which, the folder to make, the sample rate. The region is written into the session's file afterwards, as Lua
-- cannot import one without Ardour's editor.
local which, folder, rate = arg[1], arg[2], tonumber (arg[3])

local session = create_session (folder, which, rate)
assert (session, "no session")
local first, last = 1, ARDOUR.PresentationInfo.max_order
local normal = ARDOUR.TrackMode.Normal
local tracks
if which == "notes" then
	local midi, audio = ARDOUR.ChanCount (ARDOUR.DataType ("midi"), 1), ARDOUR.ChanCount (ARDOUR.DataType ("audio"), 2)
	tracks = session:new_midi_track (midi, audio, true, ARDOUR.PluginInfo (), nil, nil, first, "Player", last, normal, true)
else
	tracks = session:new_audio_track (2, 2, nil, first, "Player", last, normal, true)
end
local track
for made in tracks:iter () do
	track = made
end

local function add (processor, what)
	assert (not processor:isnil (), "no plugin " .. what)
	assert (track:add_processor_by_index (processor, -1, nil, true) == 0, "cannot add " .. what)
	local ins, outs = processor:input_streams (), processor:output_streams ()
	print ("added " .. what, ins:n_audio (), ins:n_midi (), outs:n_audio (), outs:n_midi ())
end

local function vst3 (uid)
	return ARDOUR.LuaAPI.new_plugin (session, uid, ARDOUR.PluginType.VST3, "")
end

if which == "notes" then
	add (vst3 ("53796D70617468794E6F7465734D6964"), "Sympathy Notes")
	add (ARDOUR.LuaAPI.new_luaproc (session, "Sympathy Probe"), "the probe")
else
	add (vst3 ("53796D7061746879436F6E74696E7565"), "Sympathy")
end
-- Ardour connects new tracks in a thread of its own, which may come too late for the file.
for channel = 0, 1 do
	track:output ():audio (channel):connect ("Master/audio_in " .. (channel + 1))
end
assert (session:save_state ("") == 0, "cannot save the session")
-- A track that is still held here would outlive the engine, and Ardour die of that.
session, tracks, track = nil, nil, nil
collectgarbage ()
close_session ()
