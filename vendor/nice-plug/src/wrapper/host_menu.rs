//! The host's own menu of a parameter: CLAP's context-menu extension, VST3's `IComponentHandler3`.

use nice_plug_core::editor::dpi::{LogicalPosition, validate_scale_factor};
use nice_plug_core::params::Param;
use nice_plug_core::params::internals::ParamPtr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

/// Asks the host to open its menu of a parameter. For the plugin's editor, on whatever thread that
/// runs; not for the audio thread.
#[derive(Clone)]
pub struct HostMenus {
    inner: Arc<dyn HostMenusInner>,
}

/// What a wrapper does for [`HostMenus`].
pub trait HostMenusInner: Send + Sync + 'static {
    /// Ask the host for its menu of a parameter at a place of the editor's window, in the platform's
    /// native pixels. Returns `false` if the host has no such menus. The host is asked on its main
    /// thread after this has returned, and never from within: while a menu is open, a host may run a
    /// loop of events, which would call the editor within its own call.
    fn open(&self, param: ParamPtr, x: i32, y: i32, reply: HostMenuReply) -> bool;
}

impl HostMenus {
    pub fn new(inner: Arc<dyn HostMenusInner>) -> Self {
        Self { inner }
    }

    /// Ask for the menu of a parameter at a place of the editor's window, counted from its upper left
    /// corner. Returns `None` if the host has no such menus. Otherwise it may still turn out to have
    /// none for this parameter: see [`HostMenuRequest::is_refused()`].
    ///
    /// Call this when the button of the mouse has been released: on X11 a menu cannot take the pointer
    /// from a window in which a button is down.
    pub fn open<P: Param>(
        &self,
        param: &P,
        at: LogicalPosition<f64>,
        scale_factor: f64,
    ) -> Option<HostMenuRequest> {
        if !validate_scale_factor(scale_factor) {
            return None;
        }
        // As with the sizes of windows
        #[cfg(target_os = "macos")]
        let at: LogicalPosition<i32> = at.cast();
        #[cfg(not(target_os = "macos"))]
        let at = at.to_physical::<i32>(scale_factor);

        let refused = Arc::new(AtomicBool::new(false));
        let reply = HostMenuReply(Some(Arc::clone(&refused)));
        self.inner
            .open(param.as_ptr(), at.x, at.y, reply)
            .then_some(HostMenuRequest(refused))
    }
}

/// What the host has been asked for.
#[derive(Debug)]
pub struct HostMenuRequest(Arc<AtomicBool>);

impl HostMenuRequest {
    /// Whether the host has turned out to have no menu. It may open one some time after it was asked.
    pub fn is_refused(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }
}

/// The other end of a [`HostMenuRequest`], which is refused if this is dropped.
#[derive(Debug)]
pub struct HostMenuReply(Option<Arc<AtomicBool>>);

impl HostMenuReply {
    /// The host has opened its menu.
    pub fn opened(mut self) {
        self.0 = None;
    }
}

impl Drop for HostMenuReply {
    fn drop(&mut self) {
        if let Some(refused) = &self.0 {
            refused.store(true, Ordering::Relaxed);
        }
    }
}
