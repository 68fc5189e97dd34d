//! The rules of the minigate product: pure types and functions.
