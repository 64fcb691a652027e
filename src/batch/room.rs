//! Room on the disks of the archives: what a row will need there, and which row has to end before a disk is full for all.

use std::collections::HashMap;
use std::os::unix::fs::MetadataExt;
use std::path::Path;

/// What an archive needs beyond the bytes of its exports and a tenth of them.
const LEAST_BYTES: u64 = 64 << 20;

/// A disk, by the number that the system gives it.
pub type Disk = u64;

/// What a row that begins is expected to do to its disk.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Need {
    /// Bytes that it will add.
    pub bytes: u64,
    /// Bytes that its archive will have in the end.
    pub whole_bytes: u64,
}

impl Need {
    /// What a row needs whose exports have so many bytes and whose archive is in this folder, there or not.
    pub fn of(export_bytes: u64, archive: &Path) -> Need {
        let there = bytes_in(archive);
        let whole_bytes = (export_bytes + export_bytes / 10 + LEAST_BYTES).max(there);
        Need { bytes: whole_bytes - there, whole_bytes }
    }
}

/// The disk that a folder lies on, or will lie on.
pub fn disk_of(folder: &Path) -> Option<Disk> {
    let above = folder.ancestors().find(|it| it.exists()).filter(|it| !it.as_os_str().is_empty());
    above.unwrap_or(Path::new(".")).metadata().ok().map(|it| it.dev())
}

/// Bytes of all files below a folder; 0 if there is none.
pub fn bytes_in(folder: &Path) -> u64 {
    let files = walkdir::WalkDir::new(folder).into_iter().flatten().filter(|it| it.file_type().is_file());
    files.filter_map(|it| it.metadata().ok()).map(|it| it.len()).sum()
}

/// Watches over disks that run full.
#[derive(Debug, Default)]
pub struct Guard {
    /// How many rows had to stop for each disk since it last had room.
    n_stopped: HashMap<Disk, u32>,
}

impl Guard {
    /// True if a row on this disk has to stop now, of whose bytes so many are free and so many were to stay free. What a stopped
    /// row has written stays there: the next one has to stop only when half of what was left to the others is gone too.
    pub fn has_to_stop(&mut self, disk: Disk, free_bytes: u64, to_stay_bytes: u64) -> bool {
        if free_bytes >= to_stay_bytes {
            self.n_stopped.remove(&disk);
            return false;
        }
        let n_stopped = self.n_stopped.entry(disk).or_default();
        if free_bytes >= limit(to_stay_bytes, *n_stopped) {
            return false;
        }
        *n_stopped += 1;
        true
    }
}

/// So little is free when the next row has to stop.
fn limit(to_stay_bytes: u64, n_stopped: u32) -> u64 {
    to_stay_bytes.checked_shr(n_stopped + 1).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_row_that_fills_a_disk_does_not_stop_all_others_on_it() {
        let mut guard = Guard::default();
        let looks = [
            (2000, false),
            (600, false),
            (400, true),
            (390, false),
            (260, false),
            (240, true),
            (240, false),
            (120, true),
        ];
        for (free, wanted) in looks {
            assert_eq!(guard.has_to_stop(1, free, 1000), wanted, "{free}");
        }
        assert!(guard.has_to_stop(2, 400, 1000), "another disk is another matter");
        assert!(
            !guard.has_to_stop(1, 1000, 1000) && guard.has_to_stop(1, 400, 1000),
            "room was made meanwhile"
        );
    }

    #[test]
    fn an_archive_that_is_there_needs_only_what_it_lacks() {
        let nowhere = Need::of(1000, Path::new("/nowhere/at/all"));
        assert_eq!(nowhere, Need { bytes: 1100 + LEAST_BYTES, whole_bytes: 1100 + LEAST_BYTES });
        let folder = std::env::temp_dir().join(format!("exodus-room-{}", std::process::id()));
        std::fs::create_dir_all(&folder).expect("a temporary folder can be made");
        let file = std::fs::File::create(folder.join("a")).expect("it is ours");
        for (len, wanted) in [(600, 500 + LEAST_BYTES), (LEAST_BYTES + 2000, 0)] {
            file.set_len(len).expect("it is ours");
            let need = Need::of(1000, &folder);
            assert_eq!((need.bytes, need.whole_bytes), (wanted, wanted + len));
        }
        std::fs::remove_dir_all(&folder).expect("it is ours");
    }
}
