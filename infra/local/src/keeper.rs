//! Ends what this program started where it can no longer do so itself, because it was killed.
//!
//! A process without a parent goes on for ever, and holds its port. What is killed can run nothing any more, so a shell
//! beside it waits at a pipe that only this program holds: the system closes it with the program, whatever ended it.

use std::io::Write;
use std::process::{Child, ChildStdin, Command, Stdio};
use std::time::Duration;

use nix::unistd::Pid;
use std::os::unix::process::{CommandExt, parent_id};

/// A line says that there is nothing to end any more. The end of the pipe says nothing, because nobody was there to.
const WAIT_AND_END: &str = "read -r _ && exit; kill -TERM -$1; sleep 1; kill -KILL -$1";

/// Ends a group of processes once this program is gone, unless it is dropped before.
#[derive(Debug)]
pub(crate) struct Keeper {
    shell: Child,
    pipe: Option<ChildStdin>,
}

impl Keeper {
    pub(crate) fn of(group: Pid) -> std::io::Result<Self> {
        let mut shell = Command::new("sh")
            .args(["-c", WAIT_AND_END, "keeper", &group.to_string()])
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            // Ctrl-C at the terminal is for this program to answer.
            .process_group(0)
            .spawn()?;
        let pipe = shell.stdin.take();
        Ok(Self { shell, pipe })
    }
}

impl Drop for Keeper {
    fn drop(&mut self) {
        if let Some(mut pipe) = self.pipe.take() {
            // Where the shell is gone already, nobody has to be told.
            let _ = pipe.write_all(b"done\n");
        }
        let _ = self.shell.wait();
    }
}

/// Waits until whoever started this program is gone.
pub async fn parent_gone() {
    let parent = parent_id();
    while parent_id() == parent {
        tokio::time::sleep(Duration::from_millis(500)).await;
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::process::ExitStatusExt;

    use super::*;

    fn sleeper() -> (Child, Pid) {
        let child = Command::new("sleep").arg("20").process_group(0).spawn().unwrap();
        let group = Pid::from_raw(i32::try_from(child.id()).unwrap());
        (child, group)
    }

    #[test]
    fn what_was_started_ends_with_the_pipe_and_stays_where_somebody_says_so() {
        // Should it be left after all, it ends by itself.
        let (mut killed, group) = sleeper();
        let mut keeper = Keeper::of(group).unwrap();
        // What the system does where the program is killed.
        drop(keeper.pipe.take());
        assert_eq!(killed.wait().unwrap().signal(), Some(15));
        drop(keeper);
        let (mut left, group) = sleeper();
        drop(Keeper::of(group).unwrap());
        std::thread::sleep(Duration::from_millis(300));
        assert!(left.try_wait().unwrap().is_none());
        left.kill().unwrap();
        left.wait().unwrap();
    }
}
