//! Which way of making a change visible the changed paths need.

/// How a reload is made visible.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Strategy {
    /// Only styles changed.
    SwapStyles,
    /// The app's own development server tells the page.
    HotUpdate,
    /// A page has to load anew.
    FullPage,
    /// The app's process is started anew.
    Restart,
    /// The dependencies are installed anew.
    Reinstall,
    /// The project's own image is built anew.
    Rebuild,
}
