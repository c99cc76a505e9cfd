//! From files to checked words.
