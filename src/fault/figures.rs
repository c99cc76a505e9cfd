//! Whether a fault's figures make sense, wherever it comes from: asked when a scenario is checked, and again by the
//! agent that is to arm it.

use super::Fault;
use crate::base::limits;

/// Longest content that a fault writes into a file, in bytes.
pub const CONTENT_BYTES_MAX: usize = 16 * 1024;
/// Most bytes that are spoilt in a file.
pub const CORRUPT_BYTES_MAX: u32 = 4096;
/// Largest share of time in which a throttled process is stopped, in per cent.
pub const THROTTLE_PERCENT_MAX: u8 = 95;
/// Most rows that a table is bloated with.
pub const BLOAT_ROWS_MAX: u32 = 200_000;
/// Most items that are put into a queue.
pub const COPIES_MAX: u32 = 1000;
/// Longest payload of such an item, in bytes.
const PAYLOAD_BYTES_MAX: usize = 4096;
/// Most connections to a database that may be asked to stay free.
const FREE_CONNECTIONS_MAX: u32 = 10_000;
/// Most extra requests per second.
pub const FLOOD_RATE_MAX: u32 = 500;
/// Most headers of an extra request.
const HEADERS_MAX: usize = 8;
/// Longest header or path of an extra request, in bytes.
const HEADER_BYTES_MAX: usize = 512;
/// Furthest that a clock is set wrong, in seconds: a hundred years.
const OFFSET_S_MAX: i64 = 100 * 366 * 24 * 3600;

fn within<T: Copy + PartialOrd + std::fmt::Display>(
    what: &str,
    value: T,
    least: T,
    most: T,
) -> Result<(), String> {
    if value >= least && value <= most {
        Ok(())
    } else {
        Err(format!("{what} is from {least} to {most}, not {value}"))
    }
}

impl Fault {
    /// What is wrong with its figures, in a sentence.
    pub fn check_figures(&self) -> Result<(), String> {
        match self {
            Self::ProcessThrottle { percent, .. } => {
                within("the share of time in which a process is stopped", *percent, 1, THROTTLE_PERCENT_MAX)
            }
            Self::ProcessCpu { percent, .. } => within("a share of the processor", *percent, 1, 100),
            Self::ProcessRestartLoop { after_ms: span, .. }
            | Self::ProcessStartDelay { delay_ms: span, .. } => {
                within("the time in milliseconds", *span, 1, limits::DRILL_MAX.millis())
            }
            Self::ProcessMemory { most_mib, .. } => within("memory in MiB", *most_mib, 1, 1 << 30),
            Self::ProcessClock { offset_s, .. } => match offset_s {
                0 => Err("a clock that is 0 s ahead is right".to_owned()),
                _ => within("the clock's offset in seconds", *offset_s, -OFFSET_S_MAX, OFFSET_S_MAX),
            },
            Self::FileReplace { content, .. } => {
                within("the length of a file's content", content.len(), 0, CONTENT_BYTES_MAX)
            }
            Self::FileCorrupt { bytes, .. } => {
                within("the number of spoilt bytes", *bytes, 1, CORRUPT_BYTES_MAX)
            }
            Self::FileMode { mode, .. } => self::mode(mode).map(drop),
            Self::DatabaseIndex { index, .. } => identifier(index),
            Self::DatabaseBloat { table, column, rows, .. } => {
                identifier(table)?;
                identifier(column)?;
                within("the number of rows", *rows, 1, BLOAT_ROWS_MAX)
            }
            Self::DatabaseTableLock { table, .. } => identifier(table),
            Self::DatabaseConnections { free, .. } => {
                within("the number of connections that stay free", *free, 0, FREE_CONNECTIONS_MAX)
            }
            Self::RegistryRedirect { instance, to, .. } if instance == to => {
                Err(format!("the entry of `{instance}` leads to `{to}` already"))
            }
            Self::QueuePoison { job, payload, copies, .. } => {
                identifier(job)?;
                within("the length of a payload", payload.len(), 0, PAYLOAD_BYTES_MAX)?;
                within("the number of items", *copies, 1, COPIES_MAX)
            }
            Self::TrafficFlood { path, rate, headers, .. } => {
                within("the number of requests per second", *rate, 1, FLOOD_RATE_MAX)?;
                within("the number of headers", headers.len(), 0, HEADERS_MAX)?;
                if !path.starts_with('/') {
                    return Err(format!("the path `{path}` does not begin with a slash"));
                }
                let plain = |text: &str| {
                    text.len() <= HEADER_BYTES_MAX && text.chars().all(|c| c.is_ascii_graphic() || c == ' ')
                };
                let fits = |(name, value): (&String, &String)| {
                    !name.is_empty() && !name.contains([' ', ':']) && plain(name) && plain(value)
                };
                if plain(path) && !path.contains(' ') && headers.iter().all(fits) {
                    Ok(())
                } else {
                    Err("a path or header holds what does not belong there, or is too long".to_owned())
                }
            }
            _ => Ok(()),
        }
    }
}

/// Permissions as they are written: `640`.
pub fn mode(text: &str) -> Result<u32, String> {
    match u32::from_str_radix(text, 8) {
        Ok(mode) if mode <= 0o777 && text.len() <= 4 => Ok(mode),
        _ => Err(format!("`{text}` are no permissions: write them like `400`")),
    }
}

/// A name within a database or queue that needs no care when it is quoted.
fn identifier(name: &str) -> Result<(), String> {
    let plain = |c: char| c.is_ascii_alphanumeric() || c == '_';
    if !name.is_empty() && name.len() <= 64 && name.chars().all(plain) {
        Ok(())
    } else {
        Err(format!("`{name}` is not a plain name: letters, digits and `_`"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn figures_at_their_bounds_are_taken_and_beyond_them_refused() {
        let check = |fault: serde_json::Value| {
            let fault: Fault = serde_json::from_value(fault).unwrap();
            fault.check_figures().is_ok()
        };
        for (percent, good) in [(0, false), (1, true), (95, true), (96, false)] {
            assert_eq!(
                check(json!({"kind": "process-throttle", "service": "web", "percent": percent})),
                good
            );
        }
        for (mode, good) in [("000", true), ("0640", true), ("8", false), ("1777", false), ("u+r", false)] {
            assert_eq!(check(json!({"kind": "file-mode", "file": "web", "mode": mode})), good, "{mode}");
        }
        for (index, good) in [("by_key", true), ("", false), ("a\"; DROP TABLE b; --", false)] {
            assert_eq!(check(json!({"kind": "database-index", "database": "d", "index": index})), good);
        }
        for (copies, good) in [(0, false), (1, true), (1000, true), (1001, false)] {
            let poison = json!({"kind": "queue-poison", "queue": "q", "job": "scrub", "payload": "{}", "copies": copies});
            assert_eq!(check(poison), good, "{copies}");
        }
        let redirect =
            |to: &str| json!({"kind": "registry-redirect", "registry": "r", "instance": "a", "to": to});
        assert!(check(redirect("b")) && !check(redirect("a")));
        for (path, good) in [("/v1/{n}", true), ("v1", false), ("/a b", false), ("/a\r\nX: y", false)] {
            assert_eq!(check(json!({"kind": "traffic-flood", "path": path, "rate": 5})), good, "{path}");
        }
        let headers = json!({"x": "a\r\nHost: b"});
        assert!(!check(json!({"kind": "traffic-flood", "path": "/", "rate": 5, "headers": headers})));
        for (offset, good) in [(0, false), (-3600, true), (i64::MIN, false)] {
            assert_eq!(check(json!({"kind": "process-clock", "service": "web", "offset_s": offset})), good);
        }
    }
}
