//! What the kernel says of a process: <https://man7.org/linux/man-pages/man5/proc.5.html>.

use std::fs;

/// What a process holds at one moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Figures {
    /// Resident memory in bytes.
    pub resident: u64,
    /// The most resident memory it ever had, in bytes.
    pub peak: u64,
    /// Threads.
    pub threads: u64,
    /// Open files, sockets included.
    pub files: usize,
}

/// The figures of process `id`.
///
/// # Errors
/// When there is no such process.
pub fn figures(id: u32) -> std::io::Result<Figures> {
    let status = fs::read_to_string(format!("/proc/{id}/status"))?;
    let field = |name: &str| {
        let line = status.lines().find_map(|line| line.strip_prefix(name)).unwrap_or_default();
        line.trim().trim_end_matches(" kB").parse::<u64>().unwrap_or_default()
    };
    Ok(Figures {
        resident: field("VmRSS:") << 10,
        peak: field("VmHWM:") << 10,
        threads: field("Threads:"),
        files: fs::read_dir(format!("/proc/{id}/fd"))?.count(),
    })
}

/// Makes the next [`Figures::peak`] count from now on.
///
/// # Errors
/// When there is no such process, or it belongs to somebody else.
pub fn forget_peak(id: u32) -> std::io::Result<()> {
    fs::write(format!("/proc/{id}/clear_refs"), "5")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_figures_of_this_process_are_plausible() {
        let figures = figures(std::process::id()).unwrap();
        assert!(figures.resident > 1 << 20 && figures.peak >= figures.resident, "{figures:?}");
        assert!(figures.threads >= 1 && figures.files >= 3, "{figures:?}");
    }
}
