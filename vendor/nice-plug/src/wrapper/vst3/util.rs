use std::cmp;
#[cfg(feature = "editor")]
use vst3::Steinberg::FIDString;
use vst3::Steinberg::Vst::TChar;
use widestring::U16CString;

/// When `Plugin::MIDI_INPUT` is set to `MidiConfig::MidiCCs` or higher then we'll register 130*16
/// additional parameters to handle MIDI CCs, channel pressure, and pitch bend, in that order.
/// vst3 doesn't expose these constants.
pub const VST3_MIDI_CCS: u32 = 130;
pub const VST3_MIDI_CHANNELS: u32 = 16;
/// The number of parameters we'll need to register if the plugin accepts MIDI CCs.
pub const VST3_MIDI_NUM_PARAMS: u32 = VST3_MIDI_CCS * VST3_MIDI_CHANNELS;
/// The start of the MIDI CC parameter ranges. We'll print an assertion failure if any of the
/// plugin's parameters overlap with this range. The mapping to a parameter index is
/// `VST3_MIDI_PARAMS_START + (cc_idx + (channel * VST3_MIDI_CCS))`.
pub const VST3_MIDI_PARAMS_START: u32 = VST3_MIDI_PARAMS_END - VST3_MIDI_NUM_PARAMS;
/// The (exclusive) end of the MIDI CC parameter range. Anything above this is reserved by the host.
pub const VST3_MIDI_PARAMS_END: u32 = 1 << 31;

/// The parameter that selects a program, if the plugin has any. Below those of the MIDI CCs.
pub const VST3_PROGRAM_PARAM: u32 = VST3_MIDI_PARAMS_START - 1;
/// The list of programs, if the plugin has any.
pub const VST3_PROGRAM_LIST: i32 = 1;
/// The first of the programs, which is selected where none was loaded.
pub const VST3_NO_PROGRAM: &str = "None";

/// How many MIDI CC parameters a plugin has that listens to these controllers, none: to all.
pub fn num_midi_params(controllers: Option<&[u8]>) -> u32 {
    controllers.map_or(VST3_MIDI_NUM_PARAMS, |list| list.len() as u32)
}

/// The channel and the controller of a MIDI CC parameter by its place among them.
pub fn midi_param(controllers: Option<&[u8]>, relative_idx: u32) -> Option<(u8, u8)> {
    match controllers {
        Some(list) => list.get(relative_idx as usize).map(|&cc| (0, cc)),
        None => (relative_idx < VST3_MIDI_NUM_PARAMS).then_some((
            (relative_idx / VST3_MIDI_CCS) as u8,
            (relative_idx % VST3_MIDI_CCS) as u8,
        )),
    }
}

/// The place of the MIDI CC parameter for a controller of a channel.
pub fn midi_param_idx(controllers: Option<&[u8]>, channel: u32, cc: u32) -> Option<u32> {
    match controllers {
        Some(list) => list.iter().position(|&n| u32::from(n) == cc).map(|idx| idx as u32),
        None => Some(cc + channel * VST3_MIDI_CCS),
    }
}

/// Early exit out of a VST3 function when one of the passed pointers is null
macro_rules! check_null_ptr {
    ($ptr:expr $(, $ptrs:expr)* $(, )?) => {
        check_null_ptr_msg!("Null pointer passed to function", $ptr $(, $ptrs)*)
    };
}

/// The same as [`check_null_ptr!`], but with a custom message.
macro_rules! check_null_ptr_msg {
    ($msg:expr, $ptr:expr $(, $ptrs:expr)* $(, )?) => {
        if $ptr.is_null() $(|| $ptrs.is_null())* {
            crate::nice_debug_assert_failure!($msg);
            return kInvalidArgument;
        }
    };
}

/// The same as [`strlcpy()`], but for VST3's fun UTF-16 strings instead.
pub fn u16strlcpy(dest: &mut [TChar], src: &str) {
    if dest.is_empty() {
        return;
    }

    let src_utf16 = match U16CString::from_str(src) {
        Ok(s) => s,
        Err(err) => {
            crate::nice_debug_assert_failure!("Invalid UTF-16 string: {}", err);
            return;
        }
    };
    let src_utf16_chars = src_utf16.as_slice();

    // Make sure there's always room for a null terminator
    let mut copy_len = cmp::min(dest.len() - 1, src_utf16_chars.len());
    // Nor may the first half of a pair be left at the end
    if copy_len < src_utf16_chars.len() && (0xd800..0xdc00).contains(&src_utf16_chars[copy_len.max(1) - 1]) {
        copy_len = copy_len.saturating_sub(1);
    }
    dest[..copy_len].copy_from_slice(&src_utf16_chars[..copy_len]);
    dest[copy_len] = 0;
}

/// Compare a host-provided [`FIDString`] to one of the SDK's string constants. These are plain C
/// string pointers, so pointer equality is not sufficient.
#[cfg(feature = "editor")]
pub unsafe fn fid_matches(type_: FIDString, expected: FIDString) -> bool {
    use std::ffi::CStr;

    unsafe { !type_.is_null() && CStr::from_ptr(type_) == CStr::from_ptr(expected) }
}

#[cfg(test)]
mod miri {
    use widestring::U16CStr;

    use super::*;

    #[test]
    fn u16strlcpy_normal() {
        let mut dest = [0; 256];
        u16strlcpy(&mut dest, "Hello, world!");

        assert_eq!(
            unsafe { U16CStr::from_ptr_str(dest.as_ptr() as *const u16) }
                .to_string()
                .unwrap(),
            "Hello, world!"
        );
    }

    #[test]
    fn u16strlcpy_overflow() {
        let mut dest = [0; 6];
        u16strlcpy(&mut dest, "Hello, world!");

        assert_eq!(
            unsafe { U16CStr::from_ptr_str(dest.as_ptr() as *const u16) }
                .to_string()
                .unwrap(),
            "Hello"
        );
    }
}
