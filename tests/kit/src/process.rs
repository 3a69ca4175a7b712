//! The kernel's information about a process: <https://man7.org/linux/man-pages/man5/proc.5.html>.

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

/// The children of process `id`, with their states: `R` runs, `S` sleeps, `Z` has ended and was not waited for.
///
/// # Errors
/// When processes cannot be listed.
pub fn children(id: u32) -> std::io::Result<Vec<(u32, char)>> {
    let mut children = Vec::new();
    for entry in fs::read_dir("/proc")? {
        let Some(child) = entry?.file_name().to_str().and_then(|name| name.parse::<u32>().ok()) else { continue };
        // The name, in parentheses, may be anything; then come the state and the parent.
        let stat = fs::read_to_string(format!("/proc/{child}/stat")).unwrap_or_default();
        let mut fields = stat.rsplit_once(')').map_or("", |(_, fields)| fields).split_whitespace();
        let (state, parent) = (fields.next(), fields.next());
        if let (Some(state), Some(Ok(parent))) = (state, parent.map(str::parse::<u32>))
            && parent == id
        {
            children.push((child, state.chars().next().unwrap_or('?')));
        }
    }
    Ok(children)
}

/// Makes the next [`Figures::peak`] count from now on.
///
/// # Errors
/// When there is no such process, or it belongs to another user.
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
