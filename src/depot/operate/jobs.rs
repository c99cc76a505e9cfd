//! The queue's jobs.

use super::{Desk, OperateError, Out, Queue};
use crate::depot::queue::Job;
use reqwest::Method;
use serde_json::json;

/// Longest payload or error in a row of the table.
const CELL_MAX: usize = 60;

fn nonsense(err: &serde_json::Error) -> OperateError {
    OperateError::World(format!("could not understand the queue: {err}"))
}

impl Desk<'_> {
    pub(super) async fn queue(&self, verb: Queue, out: Out<'_>) -> Result<(), OperateError> {
        let queue = self.instance("queue")?;
        match verb {
            Queue::List { state } => self.list_jobs(state.as_deref(), out).await,
            Queue::Show { id } => {
                let job = self.call(queue, Method::GET, &format!("/jobs/{id}"), None).await?;
                let text = serde_json::to_string_pretty(&job).map_err(|err| nonsense(&err))?;
                Ok(writeln!(out, "{text}")?)
            }
            Queue::Requeue { id } => {
                self.call(queue, Method::POST, &format!("/jobs/{id}/requeue"), None).await?;
                Ok(writeln!(out, "job {id} waits again")?)
            }
            Queue::DeadLetter { id } => {
                self.call(queue, Method::POST, &format!("/jobs/{id}/bury"), None).await?;
                Ok(writeln!(out, "job {id} is put aside")?)
            }
            Queue::Purge { id } => {
                self.call(queue, Method::DELETE, &format!("/jobs/{id}"), None).await?;
                Ok(writeln!(out, "job {id} is gone")?)
            }
            Queue::Add { kind, payload } => {
                let wanted = json!({ "kind": kind, "payload": payload });
                let made = self.call(queue, Method::POST, "/jobs", Some(wanted)).await?;
                Ok(writeln!(out, "job {} waits", made["id"])?)
            }
        }
    }

    async fn list_jobs(&self, state: Option<&str>, out: Out<'_>) -> Result<(), OperateError> {
        let states = ["waiting", "running", "dead"];
        if let Some(wrong) = state.filter(|state| !states.contains(state)) {
            let known = states.join(", ");
            return Err(OperateError::Refused(format!("there is no state `{wrong}`; there are {known}")));
        }
        let path = state.map_or_else(|| "/jobs".to_owned(), |state| format!("/jobs?state={state}"));
        let mut told = self.call(self.instance("queue")?, Method::GET, &path, None).await?;
        let jobs: Vec<Job> = serde_json::from_value(told["jobs"].take()).map_err(|err| nonsense(&err))?;
        writeln!(
            out,
            "{:>7} {:<10} {:<8} {:>8} {:>6} {:>6} {:<12} WHAT",
            "JOB", "KIND", "STATE", "ATTEMPTS", "AGE", "RUNS", "WORKER"
        )?;
        for job in &jobs {
            let runs = job.runs_s.map_or_else(|| "-".to_owned(), |runs| format!("{runs}s"));
            let what = job.error.as_ref().unwrap_or(&job.payload);
            writeln!(
                out,
                "{:>7} {:<10} {:<8} {:>8} {:>6} {runs:>6} {:<12} {}",
                job.id,
                job.kind,
                job.state,
                job.attempts,
                format!("{}s", job.age_s),
                job.worker.as_deref().unwrap_or("-"),
                what.chars().take(CELL_MAX).collect::<String>()
            )?;
        }
        Ok(())
    }
}
