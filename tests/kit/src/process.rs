//! Child processes, and the kernel's information about a process:
//! <https://man7.org/linux/man-pages/man5/proc.5.html>.

use std::fs;
use std::process::{ExitStatus, Stdio};
use std::time::Duration;

use anyhow::Context as _;
use rustix::process::{Pid, Signal};
use tokio::process::{Child, Command};

use crate::lines::Lines;

/// A child process. Dropping it kills it.
#[derive(Debug)]
pub struct Running {
    child: Child,
    id: u32,
    /// What it prints on standard output.
    pub stdout: Lines,
    /// What it prints on standard error.
    pub stderr: Lines,
}

impl Running {
    /// Starts a process. Its standard input stays open and empty until this process ends, however it ends: a program that
    /// reads it does not outlive a test that was killed.
    ///
    /// # Errors
    /// When it cannot be started.
    pub fn start(mut command: Command) -> anyhow::Result<Self> {
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).kill_on_drop(true);
        let name = command.as_std().get_program().to_string_lossy().into_owned();
        let mut child = command.spawn().with_context(|| format!("{name} cannot be started"))?;
        let stdout = Lines::of(child.stdout.take().context("no stdout")?);
        let stderr = Lines::of(child.stderr.take().context("no stderr")?);
        let id = child.id().context("the process has ended already")?;
        Ok(Self { child, id, stdout, stderr })
    }

    /// The process.
    #[must_use]
    pub fn id(&self) -> u32 {
        self.id
    }

    /// Sends a signal.
    ///
    /// # Errors
    /// When the process has ended.
    pub fn signal(&self, signal: Signal) -> anyhow::Result<()> {
        let id = i32::try_from(self.id).ok().and_then(Pid::from_raw).context("no process")?;
        Ok(rustix::process::kill_process(id, signal)?)
    }

    /// Waits until the process has ended, and all that it printed is in [`Self::stdout`] and [`Self::stderr`].
    ///
    /// # Errors
    /// When it does not within `deadline`.
    pub async fn end(&mut self, deadline: Duration) -> anyhow::Result<ExitStatus> {
        let ended = async {
            let status = self.child.wait().await?;
            self.stdout.ended().await;
            self.stderr.ended().await;
            anyhow::Ok(status)
        };
        tokio::time::timeout(deadline, ended).await.context("the process does not end")?
    }

    /// Kills the process (SIGKILL) and waits until it has ended.
    ///
    /// # Errors
    /// When the system refuses.
    pub async fn kill(&mut self) -> anyhow::Result<()> {
        Ok(self.child.kill().await?)
    }

    /// The exit status, if the process has ended.
    ///
    /// # Errors
    /// When the system does not say.
    pub fn ended(&mut self) -> anyhow::Result<Option<ExitStatus>> {
        Ok(self.child.try_wait()?)
    }
}

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
    /// CPU time so far, in user and system mode.
    pub cpu: Duration,
}

/// The unit of times in `/proc` (`USER_HZ`): a hundredth of a second on every architecture of Linux that Rust supports.
const CLOCK_TICK: Duration = Duration::from_millis(10);

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
        cpu: cpu(&fs::read_to_string(format!("/proc/{id}/stat"))?),
    })
}

/// The CPU time in the text of `/proc/ID/stat`.
fn cpu(stat: &str) -> Duration {
    let fields = after_name(stat);
    // `utime` and `stime`, fields 14 and 15; the state, field 3, is the first after the name.
    let ticks = |index: usize| fields.get(index - 3).and_then(|field| field.parse::<u32>().ok()).unwrap_or_default();
    CLOCK_TICK * (ticks(14) + ticks(15))
}

/// The fields of `/proc/ID/stat` after the name, which is in parentheses and may be anything.
fn after_name(stat: &str) -> Vec<&str> {
    stat.rsplit_once(')').map_or("", |(_, fields)| fields).split_whitespace().collect()
}

/// The children of process `id`, with their states: `R` runs, `S` sleeps, `Z` has ended and was not waited for.
///
/// # Errors
/// When processes cannot be listed.
pub fn children(id: u32) -> std::io::Result<Vec<(u32, char)>> {
    let mut children = Vec::new();
    for entry in fs::read_dir("/proc")? {
        let Some(child) = entry?.file_name().to_str().and_then(|name| name.parse::<u32>().ok()) else { continue };
        let stat = fs::read_to_string(format!("/proc/{child}/stat")).unwrap_or_default();
        if let [state, parent, ..] = after_name(&stat).as_slice()
            && parent.parse() == Ok(id)
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
        assert_eq!(cpu("7 (a) b (c) S 1 7 7 0 -1 4194560 1 0 0 0 25 17 0 0 20"), Duration::from_millis(420));
    }
}
