//! The integration tests: everything that needs the real binary, real files or real sockets.

mod hostile;
