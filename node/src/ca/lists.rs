//! What the operator looks at: certificates and the log, page by page.

use super::{
    database::{AUDIT, Ca, CaError, ISSUED},
    rows::{Issued, Row},
};
use ifrit_core::{
    certificate::{self, Certificate, CertificateError},
    id::MemberId,
    time::Wall,
};
use redb::{ReadableDatabase, ReadableTableMetadata};
use serde::{Deserialize, Serialize};

/// A certificate that was issued.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct IssuedRow {
    /// The member.
    pub id: String,
    /// Its serial number.
    pub serial: u64,
    /// Whether it holds.
    pub state: Holds,
    /// When it was issued.
    pub issued_ms: u64,
    /// Until when it holds.
    pub not_after_ms: u64,
    /// Whether another root has followed the one that issued it: the member has not renewed yet.
    #[serde(default)]
    pub former: bool,
    /// The invite that let the member in; none if the operator did.
    pub invite: Option<String>,
}

/// Whether a certificate holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Holds {
    /// It does.
    Current,
    /// Its time is over.
    Expired,
    /// Its member was revoked.
    Revoked,
}

/// A line of the log.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LogRow {
    /// Counts up.
    #[serde(default)]
    pub number: u64,
    /// When.
    pub at_ms: u64,
    /// What was done: `init`, `invite`, `uninvite`, `enrol`, `renew`, `issue`, `revoke`, `rotate`.
    pub what: String,
    /// To whom or with what.
    pub detail: String,
    /// From which address the request came, or `operator`.
    #[serde(default)]
    pub from: String,
}

impl Ca {
    /// How many certificates were issued, renewals included.
    ///
    /// # Errors
    /// [`CaError`].
    pub fn issued(&self) -> Result<u64, CaError> {
        Ok(self.db.begin_read()?.open_table(ISSUED)?.len()?)
    }

    /// The first `count` certificates with serials above `after`, renewals included.
    ///
    /// # Errors
    /// [`CaError`].
    pub fn certificates(&self, after: u64, count: usize, now: Wall) -> Result<Vec<IssuedRow>, CaError> {
        let read = self.db.begin_read()?;
        let table = read.open_table(ISSUED)?;
        let rows = table.range(after.saturating_add(1)..)?.take(count);
        rows.map(|entry| {
            let (serial, row) = entry?;
            let row = Issued::decode(row.value())?;
            let (not_after, former) = (self.end_of(&row.der()?)?, !self.is_of_this_root(&row)?);
            let id = row.id()?;
            Ok(IssuedRow {
                state: self.holds(&id, not_after, now)?,
                id: id.to_string(),
                serial: serial.value(),
                issued_ms: row.at_ms,
                not_after_ms: not_after.0,
                former,
                invite: row.invite,
            })
        })
        .collect()
    }

    /// When a certificate of this network ends, or is believed no more as its root has been followed by another.
    pub(super) fn end_of(&self, der: &[u8]) -> Result<Wall, CaError> {
        let end = match Certificate::parse(der, &self.root()) {
            Ok(certificate) => Ok(certificate.not_after),
            // Of a root before the former one. It was cut short too, but nobody asks to the day.
            Err(CertificateError::OtherRoot) => {
                certificate::end_of(der).map(|end| end.min(self.root().not_before))
            }
            Err(error) => Err(error),
        };
        end.map_err(|_| CaError::Damaged(Issued::NAME))
    }

    fn holds(&self, id: &MemberId, not_after: Wall, now: Wall) -> Result<Holds, CaError> {
        Ok(match (self.was_revoked(id)?, not_after < now) {
            (true, _) => Holds::Revoked,
            (false, true) => Holds::Expired,
            (false, false) => Holds::Current,
        })
    }

    /// The last `count` lines of the log before the one with number `before`, the last first.
    ///
    /// # Errors
    /// [`CaError`].
    pub fn log(&self, before: Option<u64>, count: usize) -> Result<Vec<LogRow>, CaError> {
        let table = self.db.begin_read()?.open_table(AUDIT)?;
        let entries = table.range(..before.unwrap_or(u64::MAX))?.rev().take(count);
        entries
            .map(|entry| {
                let (number, line) = entry?;
                let row: LogRow =
                    serde_json::from_slice(line.value()).map_err(|_| CaError::Damaged("audit"))?;
                Ok(LogRow { number: number.value(), ..row })
            })
            .collect()
    }
}
