//! Keeps the ceremony program going: starts it as a child process, and again when it crashed and people say so.
//!
//! Nothing here knows the image. All that comes from the child is in one process group, so that what it leaves behind
//! is ended and reaped with it.

use std::io::{BufRead, BufReader, Read};
use std::os::unix::process::CommandExt;
use std::process::{Command, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::time::{Duration, Instant};

use rustix::io::Errno;
use rustix::process::{Pid, Signal, WaitOptions, WaitStatus, kill_process_group, waitpgid};

use super::crash::{End, Notes};

/// Crashes without a key done between them after which it is not started again.
pub const LIMIT: usize = 3;
/// How long it is waited for processes that were killed; one that hangs in the kernel never ends.
const REAPING: Duration = Duration::from_secs(2);
/// Longest line that is read at once.
const LINE: u64 = 4096;

/// Whoever has a program supervised.
pub trait Site {
    /// The program to start.
    fn command(&mut self) -> Command;

    /// Puts right what a crash left behind: the terminal, the mount.
    fn tidy(&mut self);

    /// Tells people of a crash. Returns whether to start again, which only counts where `may_go_on`.
    fn crashed(&mut self, end: &End, notes: &Notes, may_go_on: bool) -> bool;
}

/// Starts the program, and again after a crash, until it finishes or is given up; true when it finished.
pub fn supervise(site: &mut dyn Site) -> bool {
    let (mut done, mut crashes) = (0, 0);
    loop {
        let (end, notes) = run(&mut site.command());
        if end == End::Exited(0) {
            return true;
        }
        site.tidy();
        if notes.progress > done {
            (done, crashes) = (notes.progress, 0);
        }
        crashes += 1;
        let may_go_on = crashes < LIMIT;
        if !site.crashed(&end, &notes, may_go_on) || !may_go_on {
            return false;
        }
    }
}

/// Runs the program to its end, and ends whatever it started.
fn run(command: &mut Command) -> (End, Notes) {
    let started = command.process_group(0).stderr(Stdio::piped()).spawn();
    let mut child = match started {
        Ok(child) => child,
        Err(error) => return (End::NotStarted(error.to_string()), Notes::default()),
    };
    let notes = child.stderr.take().map(read_notes);
    let group = Pid::from_child(&child);
    let end = wait(group);
    let _ = kill_process_group(group, Signal::KILL);
    reap(group);
    // The child is gone, so its end of the pipe is closed, unless something hangs in the kernel and holds it.
    let notes = notes.and_then(|notes| notes.recv_timeout(REAPING).ok());
    (end, notes.unwrap_or_default())
}

/// Waits for the leader of a group, and reaps what else of the group ends meanwhile.
fn wait(group: Pid) -> End {
    loop {
        match waitpgid(group, WaitOptions::empty()) {
            Ok(Some((pid, status))) if pid == group => {
                if let Some(end) = end_of(status) {
                    return end;
                }
            }
            Ok(_) | Err(Errno::INTR) => {}
            Err(error) => return End::NotStarted(error.to_string()),
        }
    }
}

fn end_of(status: WaitStatus) -> Option<End> {
    let exited = status.exit_status().map(End::Exited);
    exited.or_else(|| status.terminating_signal().map(End::Killed))
}

/// Reaps the killed processes of a group that are ours; elsewhere than in process 1 they may not be.
fn reap(group: Pid) {
    let until = Instant::now() + REAPING;
    while Instant::now() < until {
        match waitpgid(group, WaitOptions::NOHANG) {
            Ok(None) => std::thread::sleep(Duration::from_millis(10)),
            Ok(Some(_)) | Err(Errno::INTR) => {}
            Err(_) => return,
        }
    }
}

/// Reads what the child tells, so that it never waits for a full pipe.
fn read_notes(pipe: impl Read + Send + 'static) -> Receiver<Notes> {
    let (sender, notes) = channel();
    std::thread::spawn(move || {
        let mut all = Notes::default();
        let mut pipe = BufReader::new(pipe);
        let (mut line, mut is_start) = (Vec::new(), true);
        while matches!(pipe.by_ref().take(LINE).read_until(b'\n', &mut line), Ok(1..)) {
            if is_start {
                all.take(line.strip_suffix(b"\n").unwrap_or(&line));
            }
            is_start = line.ends_with(b"\n");
            line.clear();
        }
        // Nobody waits for it when the reaping took too long.
        let _ = sender.send(all);
    });
    notes
}

#[cfg(test)]
mod tests {
    use std::collections::VecDeque;

    use super::*;

    /// Scripts to run one after another, and what people answer.
    struct Stage {
        scripts: VecDeque<&'static str>,
        agree: bool,
        seen: Vec<(End, Notes, bool)>,
        tidied: usize,
    }

    impl Site for Stage {
        fn command(&mut self) -> Command {
            let mut command = Command::new("/bin/sh");
            command.args(["-c", self.scripts.pop_front().unwrap()]);
            command
        }

        fn tidy(&mut self) {
            self.tidied += 1;
        }

        fn crashed(&mut self, end: &End, notes: &Notes, may_go_on: bool) -> bool {
            assert_eq!(self.tidied, self.seen.len() + 1, "tidied before people are told");
            self.seen.push((end.clone(), notes.clone(), may_go_on));
            self.agree
        }
    }

    fn play(agree: bool, scripts: &[&'static str]) -> (bool, Stage) {
        let mut stage = Stage {
            scripts: scripts.iter().copied().collect(),
            agree,
            seen: Vec::new(),
            tidied: 0,
        };
        (supervise(&mut stage), stage)
    }

    #[test]
    fn a_program_that_finishes_is_not_started_again() {
        let (finished, stage) = play(true, &["exit 0", "exit 0"]);
        assert!(finished && stage.seen.is_empty() && stage.tidied == 0);
        assert_eq!(stage.scripts.len(), 1);
    }

    #[test]
    fn each_other_end_is_a_crash_and_is_told_apart() {
        let (finished, stage) = play(
            true,
            &[
                "kill -ABRT $$",
                "echo 'panic at src/x.rs:1' >&2; exit 101",
                "exit 0",
            ],
        );
        assert!(finished);
        let ends: Vec<End> = stage.seen.iter().map(|(end, _, _)| end.clone()).collect();
        assert_eq!(ends, [End::Killed(6), End::Exited(101)]);
        assert_eq!(stage.seen[0].1.panic, None);
        assert_eq!(stage.seen[1].1.panic.as_deref(), Some("at src/x.rs:1"));
    }

    #[test]
    fn a_program_that_was_killed_is_not_started_again_without_consent() {
        let (finished, stage) = play(false, &["kill -KILL $$", "exit 0"]);
        assert!(!finished && stage.scripts.len() == 1);
        assert_eq!(stage.seen[0].0, End::Killed(9));
    }

    #[test]
    fn it_is_given_up_after_three_crashes_whatever_people_say() {
        let (finished, stage) = play(true, &["exit 1", "exit 1", "exit 1", "exit 0"]);
        assert!(!finished && stage.scripts.len() == 1);
        let may: Vec<bool> = stage.seen.iter().map(|(_, _, may)| *may).collect();
        assert_eq!(may, [true, true, false]);
    }

    #[test]
    fn a_key_that_was_done_between_them_makes_crashes_count_anew() {
        let one = "echo progress 1 >&2; exit 1";
        let two = "echo progress 2 >&2; exit 1";
        let (finished, stage) = play(true, &["exit 1", "exit 1", one, one, two, one, "exit 0"]);
        assert!(
            finished && stage.seen.iter().all(|(_, _, may)| *may),
            "{:?}",
            stage.seen
        );
        // The twin: the same number of keys again and again is no progress.
        let (finished, _) = play(true, &[one, one, one, "exit 0"]);
        assert!(!finished);
    }

    #[test]
    fn a_program_that_is_not_there_is_a_crash_too() {
        struct Nothing(Option<End>);
        impl Site for Nothing {
            fn command(&mut self) -> Command {
                Command::new("/no/such/program")
            }
            fn tidy(&mut self) {}
            fn crashed(&mut self, end: &End, _: &Notes, _: bool) -> bool {
                self.0 = Some(end.clone());
                false
            }
        }
        let mut site = Nothing(None);
        assert!(!supervise(&mut site));
        assert!(matches!(site.0, Some(End::NotStarted(_))), "{:?}", site.0);
    }

    #[test]
    fn what_the_program_started_ends_and_is_reaped_with_it() {
        // Orphans come to this process, as they come to process 1.
        rustix::process::set_child_subreaper(Some(rustix::process::getpid())).unwrap();
        let mut command = Command::new("/bin/sh");
        command.args([
            "-c",
            "sleep 600 & (sleep 600 &) ; echo progress $$ >&2; kill -KILL $$",
        ]);
        let (end, notes) = run(&mut command);
        assert_eq!(end, End::Killed(9));
        let group = Pid::from_raw(i32::try_from(notes.progress).unwrap()).unwrap();
        let left = rustix::process::test_kill_process_group(group);
        assert_eq!(left, Err(Errno::SRCH), "neither a process nor a zombie is left");
    }

    #[test]
    fn a_program_that_writes_without_end_to_standard_error_is_read_to_its_end() {
        let mut command = Command::new("/bin/sh");
        command.args([
            "-c",
            "head -c 3000000 /dev/zero >&2; echo >&2; echo progress 4 >&2; exit 1",
        ]);
        let (end, notes) = run(&mut command);
        assert_eq!((end, notes.progress), (End::Exited(1), 4));
    }
}
