//! `gameday join`: a seat in a running drill.

use super::session::{SESSION_VAR, Session, read_link};
use crate::{
    cli::{
        block_on,
        exit::{Exit, Failure},
        home::Home,
        show,
    },
    report::wording::{events, tame},
};
use serde::Deserialize;
use serde_json::json;

const EXAMPLES: &str = "\
Examples:
  gameday join 'http://127.0.0.1:4100/#0123456789abcdef' --as ana
  gameday join 'http://127.0.0.1:4100/#0123456789abcdef' --as ana --follow
  gameday join 'http://127.0.0.1:4100/#0123456789abcdef' --as ana --amtool

Then: gameday board, gameday role take ic, gameday ack ALARM, gameday say TEXT, ...";

/// Joins a running drill
///
/// The link says on which side; whoever runs the drill hands it out. The session is kept for the other verbs.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(in crate::cli) struct Join {
    /// The link, with its token behind the `#`
    #[arg(value_name = "LINK")]
    link: String,
    /// Your name in the drill
    #[arg(long = "as", value_name = "NAME")]
    name: String,
    /// Goes on to print what happens, until the drill is over or Ctrl-C
    #[arg(long)]
    follow: bool,
    /// Also writes a configuration for `amtool`, the client of Alertmanager, and says how it is called
    #[arg(long)]
    amtool: bool,
    /// Prints JSON; with --follow, one line an event
    #[arg(long)]
    json: bool,
}

impl Join {
    pub(in crate::cli) fn run(self) -> Result<Exit, Failure> {
        let (console, token) = read_link(&self.link)?;
        let home = Home::open()?;
        block_on(async {
            let session = Session::join(&console, &token, &self.name).await?;
            let path = session.save(&home)?;
            let amtool = if self.amtool { Some(session.save_for_amtool(&home)?) } else { None };
            if !self.json {
                let hat = events::hat(session.hat);
                show::line(&format!(
                    "You are {}, {hat}. If others here join from the same account, paste this first:\n\n  \
                     export {SESSION_VAR}={}\n",
                    session.person,
                    show::quoted(&path.display().to_string())
                ))?;
                if let Some(config) = &amtool {
                    show::line(&format!(
                        "Alarms with amtool:\n\n  amtool --alertmanager.url={}/alertmanager --http.config.file={} alert query\n",
                        session.console,
                        show::quoted(&config.display().to_string())
                    ))?;
                }
            } else if !self.follow {
                let Session { person, hat, drill, .. } = &session;
                let mut said = json!({"person": person, "hat": hat, "drill": drill, "session": path});
                if let Some(config) = amtool {
                    said["amtool"] = json!(config);
                }
                show::json(&said)?;
            }
            if self.follow {
                follow(&session, self.json).await?;
            }
            Ok(Exit::Done)
        })
    }
}

/// A line of the live stream.
#[derive(Deserialize)]
struct Line {
    text: String,
}

/// Prints the stream until the console ends it.
async fn follow(session: &Session, json: bool) -> Result<(), Failure> {
    let mut response = session.events().await?;
    let mut buffer = Vec::new();
    // A console that is gone ends the stream; how it went is not this command's business.
    while let Ok(Some(piece)) = response.chunk().await {
        buffer.extend_from_slice(&piece);
        for data in complete_lines(&mut buffer) {
            if json {
                show::line(&data)?;
            } else if let Ok(line) = serde_json::from_str::<Line>(&data) {
                show::line(&tame(&line.text))?;
            }
        }
    }
    Ok(())
}

/// Takes the whole lines out of the buffer and gives the data in them.
fn complete_lines(buffer: &mut Vec<u8>) -> Vec<String> {
    let Some(end) = buffer.iter().rposition(|byte| *byte == b'\n') else {
        return Vec::new();
    };
    let whole: Vec<u8> = buffer.drain(..=end).collect();
    String::from_utf8_lossy(&whole)
        .lines()
        .filter_map(|line| line.strip_prefix("data: ").map(str::to_owned))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_taken_when_they_are_whole() {
        let mut buffer = b"id: 1\ndata: {\"a\":1}\n\nid: 2\nda".to_vec();
        assert_eq!(complete_lines(&mut buffer), ["{\"a\":1}"]);
        assert_eq!(complete_lines(&mut buffer), [""; 0]);
        buffer.extend_from_slice("ta: ü\n\n: alive\n\n".as_bytes());
        assert_eq!(complete_lines(&mut buffer), ["ü"]);
        assert!(buffer.is_empty());
    }
}
