//! CLAP's preset discovery factory: with it hosts list presets in their own browsers, without an
//! instance of the plugin.

use clap_sys::factory::preset_discovery::{
    CLAP_PRESET_DISCOVERY_IS_FACTORY_CONTENT, CLAP_PRESET_DISCOVERY_IS_USER_CONTENT,
    CLAP_PRESET_DISCOVERY_LOCATION_FILE, CLAP_PRESET_DISCOVERY_LOCATION_PLUGIN,
    clap_preset_discovery_filetype, clap_preset_discovery_indexer,
    clap_preset_discovery_location, clap_preset_discovery_location_kind,
    clap_preset_discovery_metadata_receiver, clap_preset_discovery_provider,
    clap_preset_discovery_provider_descriptor,
};
use clap_sys::universal_plugin_id::clap_universal_plugin_id;
use clap_sys::version::CLAP_VERSION;
use std::ffi::{CStr, CString, c_char, c_void};
use std::path::{Path, PathBuf};
use std::ptr;

use crate::wrapper::clap::ClapPlugin;
use crate::wrapper::presets::{PresetError, PresetInfo, PresetProvider, PresetSource};

/// Describes the provider of a plugin's presets, without the plugin's type.
pub struct ProviderDescriptor {
    plugin_id: CString,
    make: fn() -> Option<Box<dyn PresetProvider>>,
    descriptor: clap_preset_discovery_provider_descriptor,
    // What `descriptor` points to.
    id: CString,
    _name: CString,
    _vendor: CString,
}

// SAFETY: The pointers are to strings on the heap that live as long and are never changed.
unsafe impl Send for ProviderDescriptor {}
// SAFETY: As above.
unsafe impl Sync for ProviderDescriptor {}

impl ProviderDescriptor {
    /// That of a plugin, if it has presets to show.
    pub fn for_plugin<P: ClapPlugin>() -> Option<Self> {
        P::preset_provider()?;
        let id = c_string(&format!("{}.presets", P::CLAP_ID));
        let (name, vendor) = (c_string(P::NAME), c_string(P::VENDOR));
        Some(Self {
            plugin_id: c_string(P::CLAP_ID),
            make: P::preset_provider,
            descriptor: clap_preset_discovery_provider_descriptor {
                clap_version: CLAP_VERSION,
                id: id.as_ptr(),
                name: name.as_ptr(),
                vendor: vendor.as_ptr(),
            },
            id,
            _name: name,
            _vendor: vendor,
        })
    }

    /// As the host reads it.
    pub fn clap_descriptor(&self) -> *const clap_preset_discovery_provider_descriptor {
        &self.descriptor
    }
}

/// Make the provider that has this ID. Null if there is none.
///
/// # Safety
///
/// The ID must be null or end with a zero, and the indexer must be null or outlive the provider.
pub unsafe fn create_provider(
    descriptors: &'static [ProviderDescriptor],
    indexer: *const clap_preset_discovery_indexer,
    id: *const c_char,
) -> *const clap_preset_discovery_provider {
    if id.is_null() || indexer.is_null() {
        return ptr::null();
    }
    // SAFETY: As the caller says.
    let id = unsafe { CStr::from_ptr(id) };
    let Some(descriptor) = descriptors.iter().find(|descriptor| *descriptor.id == *id) else {
        return ptr::null();
    };
    let Some(presets) = (descriptor.make)() else {
        return ptr::null();
    };
    let provider = Box::into_raw(Box::new(Provider {
        clap_provider: clap_preset_discovery_provider {
            desc: &descriptor.descriptor,
            provider_data: ptr::null_mut(),
            init: Some(Provider::init),
            destroy: Some(Provider::destroy),
            get_metadata: Some(Provider::get_metadata),
            get_extension: Some(Provider::get_extension),
        },
        plugin_id: &descriptor.plugin_id,
        indexer,
        presets,
    }));
    // SAFETY: The object was just made, and `destroy()` ends it.
    unsafe {
        (*provider).clap_provider.provider_data = provider.cast();
        &raw const (*provider).clap_provider
    }
}

/// A provider that a host has made. CLAP lets only one thread at a time call it.
struct Provider {
    clap_provider: clap_preset_discovery_provider,
    plugin_id: &'static CStr,
    indexer: *const clap_preset_discovery_indexer,
    presets: Box<dyn PresetProvider>,
}

impl Provider {
    /// Declares files and places. A host may decline what it cannot use, and is offered the rest.
    unsafe extern "C" fn init(provider: *const clap_preset_discovery_provider) -> bool {
        check_null_ptr!(false, provider, unsafe { (*provider).provider_data });
        // SAFETY: The host calls with what `create_provider()` has returned, and its indexer outlives
        // that.
        let (this, indexer) = unsafe {
            let this = &*(*provider).provider_data.cast::<Self>();
            (this, &*this.indexer)
        };
        let (Some(declare_filetype), Some(declare_location)) =
            (indexer.declare_filetype, indexer.declare_location)
        else {
            return false;
        };

        for file_type in this.presets.file_types() {
            let (name, description) = (c_string(file_type.name), c_string(file_type.description));
            let extension = c_string(file_type.extension);
            let filetype = clap_preset_discovery_filetype {
                name: name.as_ptr(),
                description: description.as_ptr(),
                file_extension: extension.as_ptr(),
            };
            // SAFETY: What it points to lives as long as the call.
            unsafe { declare_filetype(indexer, &filetype) };
        }
        let mut is_any_declared = false;
        for place in this.presets.places() {
            let name = c_string(place.name);
            let folder = match &place.folder {
                Some(folder) => match path_to_c(folder) {
                    Some(folder) => Some(folder),
                    None => continue,
                },
                None => None,
            };
            let location = clap_preset_discovery_location {
                flags: if place.is_factory_content {
                    CLAP_PRESET_DISCOVERY_IS_FACTORY_CONTENT
                } else {
                    CLAP_PRESET_DISCOVERY_IS_USER_CONTENT
                },
                name: name.as_ptr(),
                kind: if folder.is_some() {
                    CLAP_PRESET_DISCOVERY_LOCATION_FILE
                } else {
                    CLAP_PRESET_DISCOVERY_LOCATION_PLUGIN
                },
                location: folder.as_ref().map_or(ptr::null(), |folder| folder.as_ptr()),
            };
            // SAFETY: As above.
            is_any_declared |= unsafe { declare_location(indexer, &location) };
        }

        is_any_declared
    }

    unsafe extern "C" fn destroy(provider: *const clap_preset_discovery_provider) {
        check_null_ptr!((), provider, unsafe { (*provider).provider_data });
        // SAFETY: It is what `create_provider()` has made, and the host does not use it any more.
        drop(unsafe { Box::from_raw((*provider).provider_data.cast::<Self>()) });
    }

    unsafe extern "C" fn get_metadata(
        provider: *const clap_preset_discovery_provider,
        location_kind: clap_preset_discovery_location_kind,
        location: *const c_char,
        receiver: *const clap_preset_discovery_metadata_receiver,
    ) -> bool {
        check_null_ptr!(false, provider, unsafe { (*provider).provider_data }, receiver);
        // SAFETY: As in `init()`; the location is null or ends with a zero.
        let (this, receiver, file) = unsafe {
            let this = &*(*provider).provider_data.cast::<Self>();
            (this, &*receiver, file_of(location_kind, location))
        };
        match file.and_then(|file| this.presets.presets(file.as_deref())) {
            Ok(presets) => {
                for preset in presets {
                    if !this.describe(&preset, receiver) {
                        break;
                    }
                }

                true
            }
            Err(error) => {
                if let Some(on_error) = receiver.on_error {
                    // SAFETY: The message lives as long as the call.
                    unsafe { on_error(receiver, error.os_error, c_string(&error.message).as_ptr()) };
                }

                false
            }
        }
    }

    /// Returns `false` if the host does not want to hear more.
    fn describe(
        &self,
        preset: &PresetInfo,
        receiver: &clap_preset_discovery_metadata_receiver,
    ) -> bool {
        let Some(begin_preset) = receiver.begin_preset else {
            return false;
        };
        let name = c_string(&preset.name);
        let load_key = preset.load_key.as_deref().map(c_string);
        let load_key = load_key.as_ref().map_or(ptr::null(), |load_key| load_key.as_ptr());
        // SAFETY: All strings live as long as the calls.
        unsafe {
            if !begin_preset(receiver, name.as_ptr(), load_key) {
                return false;
            }
            if let Some(add_plugin_id) = receiver.add_plugin_id {
                let id = clap_universal_plugin_id {
                    abi: c"clap".as_ptr(),
                    id: self.plugin_id.as_ptr(),
                };
                add_plugin_id(receiver, &id);
            }
            if let Some(set_description) = receiver.set_description {
                set_description(receiver, c_string(&preset.description).as_ptr());
            }
            if let Some(add_feature) = receiver.add_feature {
                for feature in preset.features {
                    add_feature(receiver, c_string(feature).as_ptr());
                }
            }
        }

        true
    }

    unsafe extern "C" fn get_extension(
        _provider: *const clap_preset_discovery_provider,
        _extension_id: *const c_char,
    ) -> *const c_void {
        ptr::null()
    }
}

/// The file that a host speaks of, `None` for the plugin itself.
///
/// # Safety
///
/// The location must be null or end with a zero.
unsafe fn file_of(
    location_kind: clap_preset_discovery_location_kind,
    location: *const c_char,
) -> Result<Option<PathBuf>, PresetError> {
    match location_kind {
        CLAP_PRESET_DISCOVERY_LOCATION_PLUGIN => Ok(None),
        CLAP_PRESET_DISCOVERY_LOCATION_FILE if !location.is_null() => {
            // SAFETY: As the caller says.
            let location = unsafe { CStr::from_ptr(location) };
            let path = path_from_c(location)
                .ok_or_else(|| PresetError::new("the name of the file is no text in UTF-8"))?;
            Ok(Some(path))
        }
        CLAP_PRESET_DISCOVERY_LOCATION_FILE => Err(PresetError::new("no file is named")),
        kind => Err(PresetError::new(format!("presets in places of kind {kind} are not known"))),
    }
}

/// Calls a function with the preset that a host asks for.
///
/// # Safety
///
/// Location and load key must be null or end with a zero.
pub(super) unsafe fn with_source<R>(
    location_kind: clap_preset_discovery_location_kind,
    location: *const c_char,
    load_key: *const c_char,
    f: impl FnOnce(PresetSource<'_>) -> Result<R, PresetError>,
) -> Result<R, PresetError> {
    // SAFETY: As the caller says.
    match unsafe { file_of(location_kind, location) }? {
        Some(path) => f(PresetSource::File(&path)),
        None if load_key.is_null() => Err(PresetError::new("no preset is named")),
        None => {
            // SAFETY: As the caller says.
            let load_key = unsafe { CStr::from_ptr(load_key) };
            f(PresetSource::Plugin(&load_key.to_string_lossy()))
        }
    }
}

/// Up to the first zero, behind which CLAP's strings cannot go.
pub(super) fn c_string(text: &str) -> CString {
    let text = text.split('\0').next().unwrap_or_default();
    CString::new(text).unwrap_or_default()
}

/// CLAP's paths are those of the system's own functions, and in UTF-8 on Windows.
fn path_to_c(path: &Path) -> Option<CString> {
    #[cfg(unix)]
    {
        use std::os::unix::ffi::OsStrExt;
        CString::new(path.as_os_str().as_bytes()).ok()
    }
    #[cfg(not(unix))]
    CString::new(path.to_str()?).ok()
}

fn path_from_c(path: &CStr) -> Option<PathBuf> {
    #[cfg(unix)]
    {
        use std::os::unix::ffi::OsStrExt;
        Some(std::ffi::OsStr::from_bytes(path.to_bytes()).into())
    }
    #[cfg(not(unix))]
    Some(path.to_str().ok()?.into())
}
