-- Exports a session in blocks of a chosen length.
-- Arguments: the session's folder and name, samples a block, the folder and the name of the file, the export preset's id.
local folder, name, block, to_folder, to_name, preset = table.unpack (arg)

AudioEngine:set_backend ("None (Dummy)", "Unit-Test", "")
assert (AudioEngine:set_buffer_size (tonumber (block)) == 0, "no blocks of " .. block)
local session = load_session (folder, name)
assert (session, "no session")
local export = session:simple_export ()
export:set_folder (to_folder)
export:set_name (to_name)
export:set_range (session:current_start_sample (), session:current_end_sample ())
assert (export:set_preset (preset), "no such preset")
assert (export:run_export (), "the export failed")
-- What is still held here would outlive the engine.
session, export = nil, nil
collectgarbage ()
close_session ()
