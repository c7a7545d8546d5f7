//! Small files that say whether they are whole.

use std::path::Path;

use appraise_export::{Publisher, digest};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::error::RunError;

/// A body with the digest of its bytes.
#[derive(Serialize, Deserialize)]
struct Sealed {
    format: u32,
    sha256: String,
    body: Value,
}

fn digest_of(body: &Value) -> String {
    digest::of_bytes(body.to_string().as_bytes())
}

/// The bytes of a file that holds `body`.
pub(super) fn bytes(body: &impl Serialize) -> Result<Vec<u8>, RunError> {
    let failed = |error: serde_json::Error| RunError::Panic { message: error.to_string() };
    let body = serde_json::to_value(body).map_err(failed)?;
    serde_json::to_vec(&Sealed { format: super::FORMAT, sha256: digest_of(&body), body }).map_err(failed)
}

/// Writes `body` to `path` as a whole.
pub(super) fn write(publisher: &Publisher, path: &Path, body: &impl Serialize) -> Result<(), RunError> {
    Ok(publisher.replace_file(path, &bytes(body)?)?)
}

/// What `path` holds; `None`, with a warning where it is there, when it is not what was written in this form.
pub(super) fn read<T: DeserializeOwned>(path: &Path) -> Option<T> {
    let bytes = match std::fs::read(path) {
        Ok(bytes) => bytes,
        Err(error) => {
            if error.kind() != std::io::ErrorKind::NotFound {
                tracing::warn!(path = %path.display(), %error, "a kept file can't be read; it is not used");
            }
            return None;
        }
    };
    let body = serde_json::from_slice::<Sealed>(&bytes)
        .ok()
        .filter(|sealed| sealed.format == super::FORMAT && sealed.sha256 == digest_of(&sealed.body));
    let body = body.and_then(|sealed| serde_json::from_value(sealed.body).ok());
    if body.is_none() {
        tracing::warn!(path = %path.display(), "a kept file is damaged or of another version; it is not used");
    }
    body
}
