//! What opens the page: drawn anew at every start, kept where only the agent's user can read it.

use crate::rows;
use anyhow::Context;
use ifrit_node::identity;
use std::{fs, io::Write, net::SocketAddr, os::unix::fs::OpenOptionsExt, path::Path};
use subtle::ConstantTimeEq;

/// Where it is kept: the page's address and the token, a line each.
const FILE: &str = "web.token";
/// Nobody guesses so many.
const BYTES: usize = 32;

/// Grants a look.
pub(crate) struct Token(String);

impl std::fmt::Debug for Token {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Token")
    }
}

impl Token {
    /// A fresh one for the page at `addr`, written into `dir` with mode 0600; that of an earlier run is void.
    pub(super) fn make(dir: &Path, addr: SocketAddr) -> anyhow::Result<Self> {
        let token = Self(rows::hex(&identity::random::<BYTES>()));
        let cannot = || format!("cannot write the page's token into {}", dir.display());
        let made = dir.join(format!("{FILE}.new"));
        // Whatever an earlier run left there may be open to others.
        let _ = fs::remove_file(&made);
        let mut file = fs::OpenOptions::new()
            .write(true)
            .create_new(true)
            .mode(0o600)
            .open(&made)
            .with_context(cannot)?;
        write!(file, "{addr}\n{}\n", token.0).with_context(cannot)?;
        fs::rename(&made, dir.join(FILE)).with_context(cannot)?;
        Ok(token)
    }

    pub(super) fn text(&self) -> &str {
        &self.0
    }

    /// Whether `told` is it; how long that takes does not depend on how much of it is right.
    pub(super) fn is(&self, told: &str) -> bool {
        told.as_bytes().ct_eq(self.0.as_bytes()).into()
    }
}

/// The address to open for the page of the agent of `dir`; `None` if it has none.
pub(crate) fn url(dir: &Path) -> anyhow::Result<Option<String>> {
    let text = match fs::read_to_string(dir.join(FILE)) {
        Ok(text) => text,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(error).with_context(|| format!("cannot read {}", dir.join(FILE).display())),
    };
    let lines = text.lines().next().zip(text.lines().nth(1));
    Ok(lines.map(|(addr, token)| format!("http://{addr}/?token={token}")))
}

/// The page ends with the agent: its token opens nothing any more.
pub(crate) fn forget(dir: &Path) {
    let _ = fs::remove_file(dir.join(FILE));
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt;

    #[test]
    fn a_token_is_fresh_private_and_whole() {
        let dir = tempfile::tempdir().expect("a directory");
        let addr = SocketAddr::from(([127, 0, 0, 1], 8391));
        let first = Token::make(dir.path(), addr).expect("writable");
        let second = Token::make(dir.path(), addr).expect("writable");
        assert_eq!((first.text().len(), first.text() == second.text()), (2 * BYTES, false));
        let mode = fs::metadata(dir.path().join(FILE)).expect("a file").permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
        let url = url(dir.path()).expect("readable").expect("a page");
        assert_eq!(url, format!("http://{addr}/?token={}", second.text()));
        assert!(second.is(second.text()) && !second.is(first.text()));
        assert!(
            !second.is("") && !second.is(&second.text()[1..]) && !second.is(&format!("{}0", second.text()))
        );
        forget(dir.path());
        assert_eq!(super::url(dir.path()).expect("no error"), None);
    }
}
