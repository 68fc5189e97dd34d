//! A tenth of a processor core, as Lambda gives it to a function with about 180 MB.
//!
//! Lambda gives processor time in proportion to memory: one core at 1,769 MB, so 7 % of one at
//! 128 MB and a tenth at 177 MB. Like Lambda, this uses the kernel's bandwidth control: in each
//! period the group may run for its quota, and is stopped for the rest of the period.
//!
//! Source: <https://docs.aws.amazon.com/lambda/latest/dg/configuration-memory.html>

use std::{fs, path::PathBuf};

/// The kernel's default is 100 ms, in which a start would hardly be stopped at all: the quota must
/// be small against what is measured.
const PERIOD_MICROS: u32 = 20_000;
const QUOTA_MICROS: u32 = PERIOD_MICROS / 10;

/// A control group that may use a tenth of a core. Dropping it removes it.
pub(crate) struct Share {
    folder: PathBuf,
}

impl Share {
    /// Makes the group; that needs the right to, as root has it.
    pub(crate) fn tenth() -> Result<Self, String> {
        let v2 = [("cpu.max", format!("{QUOTA_MICROS} {PERIOD_MICROS}"))].to_vec();
        let v1 = [
            ("cpu.cfs_period_us", PERIOD_MICROS.to_string()),
            ("cpu.cfs_quota_us", QUOTA_MICROS.to_string()),
        ]
        .to_vec();
        Self::with("/sys/fs/cgroup", &v2).or_else(|two| {
            Self::with("/sys/fs/cgroup/cpu", &v1).map_err(|one| format!("{two}; {one}"))
        })
    }

    fn with(parent: &str, limits: &[(&str, String)]) -> Result<Self, String> {
        let folder = PathBuf::from(format!("{parent}/minigate-bench-{}", std::process::id()));
        fs::create_dir(&folder).map_err(|error| format!("{}: {error}", folder.display()))?;
        let share = Self { folder };
        for (file, value) in limits {
            let path = share.folder.join(file);
            // Opened without creating: on a wrong file system the file would be made.
            fs::OpenOptions::new()
                .write(true)
                .open(&path)
                .and_then(|mut file| std::io::Write::write_all(&mut file, value.as_bytes()))
                .map_err(|error| format!("{}: {error}", path.display()))?;
        }
        Ok(share)
    }

    /// The file into which a process writes its number to be limited.
    pub(crate) fn processes(&self) -> PathBuf {
        self.folder.join("cgroup.procs")
    }
}

impl Drop for Share {
    fn drop(&mut self) {
        let _ = fs::remove_dir(&self.folder);
    }
}
