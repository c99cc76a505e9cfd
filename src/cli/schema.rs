//! `gameday schema`: the JSON Schema of the file formats.

use super::{
    exit::{Exit, Failure},
    show,
};
use crate::{notify::means, scenario::file};

const EXAMPLES: &str = "\
Examples:
  gameday schema > scenario.schema.json
  gameday schema pack > pack.schema.json
  gameday schema target > target.schema.json
  gameday schema tabletop > tabletop.schema.json
  gameday schema routes > routes.schema.json

In an editor with the YAML language server, the first line of a scenario may be:
  # yaml-language-server: $schema=scenario.schema.json";

/// Prints the JSON Schema of a file format
///
/// With it an editor completes and explains every field while a scenario is written.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct Schema {
    /// Of which file
    #[arg(value_enum, default_value = "scenario")]
    of: Of,
}

#[derive(Debug, Clone, Copy, clap::ValueEnum)]
enum Of {
    /// A scenario
    Scenario,
    /// A pack: `pack.yaml`
    Pack,
    /// A target: `target.yaml`
    Target,
    /// A table-top
    #[value(name = "tabletop")]
    TableTop,
    /// A file of routes: `routes.yaml`
    Routes,
}

impl Schema {
    pub(super) fn run(self) -> Result<Exit, Failure> {
        show::json(&match self.of {
            Of::Scenario => file::schema(),
            Of::Pack => file::pack_schema(),
            Of::Target => file::target_schema(),
            Of::TableTop => file::tabletop_schema(),
            Of::Routes => means::schema(),
        })?;
        Ok(Exit::Done)
    }
}
