//! Files that are made to cost their reader much.
