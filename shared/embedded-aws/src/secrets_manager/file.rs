//! The secrets in the data directory, so that the next process finds them. They are plain text there,
//! readable by their owner only. The directory's lock keeps a second process away.

use std::{
    fs::{self, OpenOptions},
    io::{self, Write},
    os::unix::fs::OpenOptionsExt,
    path::{Path, PathBuf},
};

use super::Secrets;

/// Why the secrets cannot be kept. Messages hold no part of a secret.
#[derive(Debug, thiserror::Error)]
pub enum SecretsFileError {
    /// The file cannot be read or written.
    #[error("cannot use the file of the secrets {path}: {source}")]
    Unusable {
        /// The file.
        path: PathBuf,
        /// What the operating system says.
        source: io::Error,
    },
    /// The file holds something else.
    #[error(
        "the file of the secrets {path} is damaged at line {line}, column {column}; mend it, or \
         remove it to begin without secrets"
    )]
    Damaged {
        /// The file.
        path: PathBuf,
        /// Where reading stopped.
        line: usize,
        /// Where in that line.
        column: usize,
    },
}

pub(super) struct SecretsFile {
    path: PathBuf,
}

impl SecretsFile {
    pub(super) fn in_directory(directory: &Path) -> Self {
        Self { path: directory.join("secrets.json") }
    }

    /// The secrets of the file; none if there is no file yet.
    pub(super) fn read(&self) -> Result<Secrets, SecretsFileError> {
        let text = match fs::read_to_string(&self.path) {
            Ok(text) => text,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Secrets::new()),
            Err(source) => return Err(self.unusable(source)),
        };
        // What the parser says may quote a secret.
        serde_json::from_str(&text).map_err(|error| SecretsFileError::Damaged {
            path: self.path.clone(),
            line: error.line(),
            column: error.column(),
        })
    }

    /// Replaces the file as a whole, so that it is never half written.
    pub(super) fn write(&self, secrets: &Secrets) -> Result<(), SecretsFileError> {
        let next = self.path.with_extension("json.next");
        let text =
            serde_json::to_string_pretty(secrets).map_err(|error| self.unusable(error.into()))?;
        let replace = || {
            let mut options = OpenOptions::new();
            let mut file =
                options.write(true).create(true).truncate(true).mode(0o600).open(&next)?;
            file.write_all(text.as_bytes())?;
            fs::rename(&next, &self.path)
        };
        replace().map_err(|source| self.unusable(source))
    }

    fn unusable(&self, source: io::Error) -> SecretsFileError {
        SecretsFileError::Unusable { path: self.path.clone(), source }
    }
}
