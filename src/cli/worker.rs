//! `glasskey worker TASK`: the table of what a child process can be asked to do.

use std::process::ExitCode;

/// Runs the named task as a child; an unknown name is a usage error.
pub(crate) fn run(task: &str) -> ExitCode {
    match task {
        crate::key::operation::TASK => crate::key::operation::serve(),
        crate::manifest::seal::TASK => crate::worker::child::serve(Box::new(crate::manifest::seal::work)),
        #[cfg(feature = "station")]
        "print" => crate::worker::child::serve(Box::new(crate::printer::child::work)),
        #[cfg(feature = "station")]
        crate::vault::child::TASK => crate::worker::child::serve(Box::new(crate::vault::child::work)),
        _ => ExitCode::from(2),
    }
}
