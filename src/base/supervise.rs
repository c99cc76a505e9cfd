//! What an operations tool and a supervisor of processes say to each other.
//!
//! One connection to a Unix domain socket, one JSON line as the request, one JSON line as the answer.

use super::{At, ServiceName};
use serde::{Deserialize, Serialize};

/// Where the supervisor listens, under a target's root.
pub const SOCKET: &str = "run/supervisor.sock";
/// Longest request or answer, in bytes with its line feed.
pub const LINE_BYTES_MAX: usize = 64 * 1024;

/// A request: `{"op":"restart","service":"web-east"}`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "op", rename_all = "kebab-case", deny_unknown_fields)]
pub enum Request {
    /// What runs.
    List,
    /// Ends the instance's process, whatever state it is in, and starts it again. The answer comes when the new
    /// process exists; it need not be ready yet.
    Restart {
        /// The instance.
        service: ServiceName,
    },
    /// Sends a signal to the instance's process.
    Signal {
        /// The instance.
        service: ServiceName,
        /// The signal.
        signal: Signal,
    },
}

/// Signals that an operations tool may send.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Signal {
    /// Read the configuration again.
    Hup,
}

/// An answer: `{"ok":true}`, `{"ok":true,"processes":[...]}` or `{"ok":false,"error":"..."}`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Answer {
    /// Whether it was done.
    pub ok: bool,
    /// Why it was not; a sentence for the operator.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
    /// The answer to [`Request::List`], in start order.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub processes: Option<Vec<Process>>,
}

impl Answer {
    /// It was done.
    pub fn done() -> Self {
        Self { ok: true, error: None, processes: None }
    }

    /// It was not done.
    pub fn refused(error: impl Into<String>) -> Self {
        Self { ok: false, error: Some(error.into()), processes: None }
    }

    /// What runs.
    pub fn list(processes: Vec<Process>) -> Self {
        Self { ok: true, error: None, processes: Some(processes) }
    }
}

/// A supervised process as the supervisor sees it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Process {
    /// The instance.
    pub service: ServiceName,
    /// Its process id; absent when there is no process.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pid: Option<u32>,
    /// What it is doing.
    pub state: ProcessState,
    /// How often it was started again since the supervisor started.
    pub restarts: u32,
    /// Since when it has been in this state.
    pub since: At,
}

/// What a supervised process is doing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ProcessState {
    /// There is a process.
    Running,
    /// It was ended on purpose and is not started by itself.
    Stopped,
    /// It ended by itself.
    Exited,
}

impl std::fmt::Display for ProcessState {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.pad(match self {
            Self::Running => "running",
            Self::Stopped => "stopped",
            Self::Exited => "exited",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn requests_and_answers_have_the_documented_shape() {
        let service: ServiceName = "web-east".parse().unwrap();
        let line = |value: &Request| serde_json::to_string(value).unwrap();
        assert_eq!(line(&Request::List), r#"{"op":"list"}"#);
        assert_eq!(
            line(&Request::Restart { service: service.clone() }),
            r#"{"op":"restart","service":"web-east"}"#
        );
        assert_eq!(
            line(&Request::Signal { service: service.clone(), signal: Signal::Hup }),
            r#"{"op":"signal","service":"web-east","signal":"hup"}"#
        );
        let answer = Answer::list(vec![Process {
            service,
            pid: Some(123),
            state: ProcessState::Running,
            restarts: 0,
            since: At::from_millis(0),
        }]);
        assert_eq!(
            serde_json::to_string(&answer).unwrap(),
            r#"{"ok":true,"processes":[{"service":"web-east","pid":123,"state":"running","restarts":0,"since":"1970-01-01T00:00:00.000Z"}]}"#
        );
        assert!(serde_json::from_str::<Request>(r#"{"op":"explode"}"#).is_err());
    }
}
