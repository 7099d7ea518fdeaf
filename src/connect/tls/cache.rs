//! One client configuration per set of options: connections that share it resume each other's
//! sessions, and the platform's certificates are read once.

use std::fs;
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::SystemTime;

use tokio_rustls::rustls::ClientConfig;

use super::TlsOptions;
use crate::connect::error::OpenError;

/// Few programs have more sets of options than this; the oldest gives way.
const MAX_CONFIGS: usize = 16;

type Configs = Vec<(Key, Arc<ClientConfig>)>;

static CONFIGS: Mutex<Configs> = Mutex::new(Vec::new());

/// Everything a configuration is made from, so that a renewed certificate makes a new one.
#[derive(PartialEq, Eq)]
struct Key {
    options: TlsOptions,
    files: [Option<(SystemTime, u64)>; 4],
}

impl Key {
    fn of(options: &TlsOptions) -> Self {
        let files = [
            options.ca_file.as_deref(),
            options.cert_file.as_deref(),
            options.key_file.as_deref(),
            options.environment.cert_file.as_deref(),
        ];
        Self { files: files.map(|file| file.and_then(stamp)), options: options.clone() }
    }
}

fn stamp(file: &Path) -> Option<(SystemTime, u64)> {
    let metadata = fs::metadata(file).ok()?;
    Some((metadata.modified().ok()?, metadata.len()))
}

pub(super) fn config(
    options: &TlsOptions,
    build: impl FnOnce(&TlsOptions) -> Result<ClientConfig, OpenError>,
) -> Result<Arc<ClientConfig>, OpenError> {
    let key = Key::of(options);
    if let Some(config) = configs().and_then(|configs| find(&configs, &key)) {
        return Ok(config);
    }
    // Not under the lock: reading certificates takes milliseconds.
    let config = Arc::new(build(options)?);
    if let Some(mut configs) = configs() {
        if configs.len() >= MAX_CONFIGS {
            configs.remove(0);
        }
        configs.push((key, Arc::clone(&config)));
    }
    Ok(config)
}

fn find(configs: &[(Key, Arc<ClientConfig>)], key: &Key) -> Option<Arc<ClientConfig>> {
    configs.iter().rev().find(|(known, _)| known == key).map(|(_, config)| Arc::clone(config))
}

/// Never waits: in a forked child the lock may be held by a thread that does not exist there, and
/// going without the cache costs less than a hang.
fn configs() -> Option<MutexGuard<'static, Configs>> {
    CONFIGS.try_lock().ok()
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::super::{TlsVersion, build};
    use super::*;

    // One test and not two: a second one at the same time could find the cache in use.
    #[test]
    fn equal_options_share_a_configuration_and_a_failed_one_is_not_kept() {
        let unverified = TlsOptions { verify: false, ..TlsOptions::default() };
        let other = TlsOptions { min_version: Some(TlsVersion::Tls13), ..unverified.clone() };
        let first = config(&unverified, build).unwrap();
        assert!(Arc::ptr_eq(&first, &config(&unverified.clone(), build).unwrap()));
        assert!(!Arc::ptr_eq(&first, &config(&other, build).unwrap()));

        let missing = TlsOptions { ca_file: Some("/nonexistent".into()), ..TlsOptions::default() };
        assert!(config(&missing, build).is_err());
        assert!(find(&configs().unwrap(), &Key::of(&missing)).is_none());
    }
}
