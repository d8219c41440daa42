//! What went wrong, and whose fault it is: the exit code says which.

use std::fmt;

/// What the user gave is wrong; the same again will not help. Exit code 2.
///
/// Everything else that fails is exit code 1.
#[derive(Debug)]
pub(crate) struct BadInput(String);

impl fmt::Display for BadInput {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for BadInput {}

/// A [`BadInput`] that says what is wrong, where, and what to do.
pub(crate) fn bad_input(message: impl Into<String>) -> anyhow::Error {
    BadInput(message.into()).into()
}

/// The process's exit code for an error.
pub(crate) fn exit_code(error: &anyhow::Error) -> u8 {
    if error.chain().any(|cause| cause.is::<BadInput>()) { 2 } else { 1 }
}

/// Whether whoever read our output has had enough (`ifrit members | head`): no failure.
pub(crate) fn is_broken_pipe(error: &anyhow::Error) -> bool {
    error
        .chain()
        .filter_map(|cause| cause.downcast_ref::<std::io::Error>())
        .any(|cause| cause.kind() == std::io::ErrorKind::BrokenPipe)
}

#[cfg(test)]
mod tests {
    use super::*;
    use anyhow::Context;

    #[test]
    fn bad_input_is_two_however_deep_and_all_else_is_one() {
        let deep =
            Err::<(), _>(bad_input("no such member")).context("while explaining").expect_err("an error");
        assert_eq!(exit_code(&deep), 2);
        assert_eq!(exit_code(&anyhow::anyhow!("port in use")), 1);
    }
}
