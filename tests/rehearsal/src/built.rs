//! Where this repository is, and what was built from it.

use std::path::{Path, PathBuf};

/// The image's twin with a serial console, among the files of a build.
pub const SERIAL_KERNEL: &str = "glasskey-serial.bzImage";
/// The stick of the image that ships, among the files of a build.
pub const STICK: &str = "glasskey.img";

/// A file of this repository; the empty path is its top.
///
/// # Panics
///
/// The repository in which this was compiled has gone.
#[must_use]
pub fn repository(path: &str) -> PathBuf {
    let top = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").canonicalize();
    top.expect("the repository is where this was compiled").join(path)
}

/// A file of the image, in `target/image` or in the folder that `GLASSKEY_IMAGE` names.
///
/// # Panics
///
/// It is not there: nothing built it.
#[must_use]
pub fn image(name: &str) -> PathBuf {
    let folder = std::env::var_os("GLASSKEY_IMAGE");
    let folder = folder.map_or_else(|| repository("target/image"), PathBuf::from);
    needed(
        folder.join(name),
        "image/build makes it; GLASSKEY_IMAGE names another folder",
    )
}

/// A file or folder that has to be there; `how` says what makes it.
///
/// # Panics
///
/// It is not there.
#[must_use]
pub fn needed(path: PathBuf, how: &str) -> PathBuf {
    assert!(path.exists(), "There is no {}: {how}.", path.display());
    path
}
