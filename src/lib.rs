//! The three programs as functions.
