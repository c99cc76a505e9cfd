//! The one table of limits. Everything that comes from outside is measured against a line here.

use super::Span;

/// Largest scenario, pack or player file, in bytes.
pub const FILE_BYTES_MAX: usize = 256 * 1024;
/// Largest file of a sealed scenario, in bytes: its text in armor, and a header for many keys.
pub const SEALED_BYTES_MAX: usize = 512 * 1024;
/// Largest file of identities or recipients, in bytes.
pub const KEYS_BYTES_MAX: usize = 64 * 1024;
/// Most keys that a scenario is sealed to, or opened with, at once.
pub const KEYS_MAX: usize = 200;
/// Most variants of one scenario.
pub const VARIANTS_MAX: usize = 12;
/// Most values that a variant says.
pub const VARIANT_KEYS_MAX: usize = 50;
/// Deepest nesting in a YAML file.
pub const YAML_DEPTH_MAX: usize = 32;
/// Most nodes in a YAML file.
pub const YAML_NODES_MAX: usize = 20_000;
/// Longest message, log line, status text or claim that a person may send, in bytes.
pub const TEXT_BYTES_MAX: usize = 4096;
/// Most events that one drill may journal.
pub const EVENTS_MAX: u64 = 1_000_000;
/// Largest event as a journal line, in bytes.
pub const EVENT_BYTES_MAX: usize = 4 * 1024 * 1024;
/// Largest journal file that is read, in bytes.
pub const JOURNAL_BYTES_MAX: u64 = 2 * 1024 * 1024 * 1024;
/// Most faults that one plan may hold.
pub const FAULTS_MAX: usize = 64;
/// Most faults that injectors may add while a drill is played.
pub const REACTIONS_MAX: usize = 16;
/// Most steps that one plan may hold.
pub const STEPS_MAX: usize = 1000;
/// How long the autopilot waits for a person who has one of its seats.
pub const BY_HAND_WAIT: Span = Span::from_mins(3);
/// Hints that may be given in one drill.
pub const HINTS_MAX: usize = 12;
/// Least time between two hints.
pub const HINT_INTERVAL: Span = Span::from_secs(30);
/// Pages that may be sent in one drill.
pub const PAGES_MAX: usize = 20;
/// Entries of a drill's action list.
pub const ACTIONS_MAX: usize = 100;
/// Messages that bystanders may write to the instigators of one drill.
pub const MESSAGES_MAX: usize = 200;
/// How long a concluded drill waits for its second act, if there is one.
pub const SECOND_ACT_WAIT: Span = Span::from_mins(2);
/// Tickets that may be opened in one drill.
pub const TICKETS_MAX: usize = 50;
/// People who may be copied on a ticket at once.
pub const COPIED_MAX: usize = 30;
/// Longest name of somebody who is copied on a ticket, in bytes.
pub const COPIED_BYTES_MAX: usize = 100;
/// Grades, sections and corrective actions that may be written after one drill.
pub const REVIEWS_MAX: usize = 1000;
/// Events that a claim or a section of the debrief may name as evidence.
pub const EVIDENCE_MAX: usize = 100;
/// Longest drill that may be planned.
pub const DRILL_MAX: Span = Span::from_mins(12 * 60);
/// Wall-clock time that a script may take before its worker is killed.
pub const SCRIPT_KILL: Span = Span::from_secs(5);
/// Wall-clock time after which a script ends itself with an error.
pub const SCRIPT_DEADLINE: Span = Span::from_millis(250);
/// Address space of the script worker, in bytes.
pub const SCRIPT_MEMORY_BYTES: u64 = 256 * 1024 * 1024;
/// Most bytes that a script may return.
pub const SCRIPT_OUTPUT_BYTES_MAX: usize = 64 * 1024;
/// How often the engine tells the agent that it lives.
pub const HEARTBEAT: Span = Span::from_secs(10);
/// How long an injection outlives the engine's last word.
pub const LEASE: Span = Span::from_secs(120);
/// A planned start that is later than this is missed, never a surprise.
pub const START_LATE_MAX: Span = Span::from_secs(60);
/// How long before a planned start its target is made ready.
pub const STAGING_LEAD: Span = Span::from_secs(100);
/// How long a target is somebody's before and after a drill: it is laid out, and everything is taken back.
pub const AROUND_DRILL: Span = Span::from_mins(5);
/// Entries of the calendar that may be open at the same time.
pub const ENTRIES_MAX: usize = 200;
/// Largest event of a book (the calendar, people), in bytes.
pub const BOOK_EVENT_BYTES_MAX: usize = 64 * 1024;
/// Occurrences of a series that are looked ahead to when something is planned.
pub const OCCURRENCES_AHEAD: usize = 60;
/// Times that a series with an end may take place.
pub const SERIES_TIMES_MAX: u32 = 1000;
/// Holidays of a surprise's week.
pub const HOLIDAYS_MAX: usize = 7;
/// How long before their start people are reminded of planned drills, unless a server is told otherwise.
pub const REMINDERS: [Span; 2] = [Span::from_mins(24 * 60), Span::from_mins(60)];
/// Reminders of one drill.
pub const REMINDERS_MAX: usize = 5;
/// Routes of one file.
pub const ROUTES_MAX: usize = 20;
/// Longest name of a route, in bytes.
pub const ROUTE_NAME_MAX: usize = 40;
/// Addresses that one mail route may list.
pub const ROUTE_MAILBOXES_MAX: usize = 50;
/// Largest file of a secret, in bytes.
pub const SECRET_BYTES_MAX: u64 = 4096;
/// Answers to comchecks that come faster are one.
pub const ANSWERS_EVERY: Span = Span::from_mins(1);
/// People who may be known at the same time.
pub const PEOPLE_MAX: usize = 1000;
/// Longest e-mail address, in bytes.
pub const EMAIL_BYTES_MAX: usize = 254;
/// Packs and prerequisites that may be known of one person, each.
pub const KNOWN_OF_PERSON_MAX: usize = 200;
/// Shifts of one drill.
pub const SHIFTS_MAX: usize = 12;
/// Words of a command.
pub const ARGS_MAX: usize = 64;
/// Prerequisites that one scenario may ask for.
pub const PREREQUISITES_MAX: usize = 20;
/// People who may sign up for one planned drill.
pub const SIGN_UPS_MAX: usize = 200;
/// How long before its time an injection is armed.
pub const ARM_LEAD: Span = Span::from_secs(8);
/// A related fault that shows no symptom for so long makes the drill void.
pub const SYMPTOM_WAIT: Span = Span::from_mins(5);
/// After restoration, the time for claims.
pub const CLAIM_TIME: Span = Span::from_mins(30);
/// How long steady state is awaited, before StartEx beyond its time and after everything is undone.
pub const STEADY_WAIT: Span = Span::from_secs(60);
/// Longest wait for another try that a receiver may ask for.
pub const DELIVERY_WAIT_MAX: Span = Span::from_mins(5);
/// Tries of a notice before it is given up and shown.
pub const DELIVERY_TRIES_MAX: u32 = 8;
