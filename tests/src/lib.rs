//! Ifrit.
