//! The registry's entries.

use super::{Desk, OperateError, Out, Registry};
use crate::{
    depot::{
        config::Facts,
        directory::{Entry, Role},
        error::DepotError,
        metadata::ROLE,
    },
    scenario::pack::ProcessLayout,
};
use reqwest::Method;
use serde::Deserialize;
use std::fs;

#[derive(Deserialize)]
struct Listed {
    entries: Vec<Entry>,
    late: Vec<String>,
}

impl Desk<'_> {
    pub(super) async fn registry(&self, verb: Registry, out: Out<'_>) -> Result<(), OperateError> {
        match verb {
            Registry::List => self.list_entries(out).await,
            Registry::Register { instance } => self.register(&instance, out).await,
            Registry::Remove { instance } => self.remove_entry(&instance, out).await,
        }
    }

    fn registry_instance(&self) -> Result<&ProcessLayout, OperateError> {
        self.instance("registry")
    }

    async fn list_entries(&self, out: Out<'_>) -> Result<(), OperateError> {
        let listed = self.call(self.registry_instance()?, Method::GET, "/entries", None).await?;
        let listed: Listed =
            serde_json::from_value(listed).map_err(|err| OperateError::World(err.to_string()))?;
        writeln!(
            out,
            "{:<14} {:<10} {:<6} {:<20} {:<6} ROLE",
            "INSTANCE", "COMPONENT", "DC", "ADDRESS", "STATE"
        )?;
        for entry in &listed.entries {
            let state = if listed.late.contains(&entry.instance) { "late" } else { "fresh" };
            let role = match entry.role {
                Some(Role { primary: true, term }) => format!("primary, term {term}"),
                Some(Role { primary: false, term }) => format!("replica, term {term}"),
                None => "-".to_owned(),
            };
            writeln!(
                out,
                "{:<14} {:<10} {:<6} {:<20} {state:<6} {role}",
                entry.instance, entry.component, entry.datacenter, entry.address
            )?;
        }
        Ok(())
    }

    async fn register(&self, instance: &str, out: Out<'_>) -> Result<(), OperateError> {
        let process = self.instance(instance)?;
        let facts = Facts::read(self.root, process.service.as_str())?;
        let role = match facts.data.as_ref().map(|folder| folder.join(ROLE)).filter(|file| file.exists()) {
            Some(file) => {
                let text = fs::read_to_string(&file).map_err(DepotError::file("read", &file))?;
                Some(serde_json::from_str(&text).map_err(|err| OperateError::World(err.to_string()))?)
            }
            None => None,
        };
        let entry = Entry {
            instance: facts.name,
            component: facts.component,
            datacenter: facts.datacenter,
            address: facts.listen,
            role,
        };
        let path = format!("/entries/{}", entry.instance);
        let body = serde_json::to_value(&entry).map_err(|err| OperateError::World(err.to_string()))?;
        self.call(self.registry_instance()?, Method::PUT, &path, Some(body)).await?;
        Ok(writeln!(out, "{} is registered at {}", entry.instance, entry.address)?)
    }

    async fn remove_entry(&self, instance: &str, out: Out<'_>) -> Result<(), OperateError> {
        if !crate::base::names::is_name(instance) {
            return Err(OperateError::Refused(format!("`{instance}` is no name of an instance")));
        }
        let path = format!("/entries/{instance}");
        self.call(self.registry_instance()?, Method::DELETE, &path, None).await?;
        Ok(writeln!(out, "{instance} is no longer registered")?)
    }
}
