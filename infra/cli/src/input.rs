//! Files that the command line names.

use std::{fs, io::Read as _, path::Path};

use crate::failure::Failure;

/// The bytes of a file, or of standard input for `-`.
pub(crate) fn read(path: &Path) -> Result<Vec<u8>, Failure> {
    let mut bytes = Vec::new();
    let read =
        if path.as_os_str() == "-" { std::io::stdin().read_to_end(&mut bytes).map(|_| bytes) } else { fs::read(path) };
    read.map_err(|error| Failure::Usage(format!("{} cannot be read: {error}", path.display())))
}
