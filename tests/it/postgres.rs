//! Faults of a database in PostgreSQL, on a real server: what its clients meet, and that nothing of it stays.

use crate::{
    parts::Postgres,
    stage::{run, until},
};
use gameday::{
    agent::{self, AgentOptions},
    base::{InjectionId, Span},
    drill::effect::Arm,
    fault::{Fault, Fence, Presence, Undone},
    target::{HandError, Injector, agent_client::AgentClient},
};
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::task::JoinHandle;

const FENCE: Fence = Fence { epoch: 1, seq: 1 };

/// A server, and an agent beside a target that has a database on it.
struct Shop {
    server: Postgres,
    client: AgentClient,
    agent: JoinHandle<Result<(), agent::AgentError>>,
    _folder: TempDir,
}

impl Shop {
    async fn open() -> Option<Self> {
        let server = Postgres::start().await?;
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path().canonicalize().unwrap().join("target");
        std::fs::create_dir(&root).unwrap();
        agent::attest(&root, "ana", Span::from_mins(60)).unwrap();
        let layout = json!({"target": "small", "root": root, "addresses": ["127.0.0.0/8"], "processes": [],
            "links": [], "volumes": [], "files": [], "releases": [], "front_door": "127.0.0.1:1",
            "postgres": [server.database("shop", "database").await]});
        std::fs::write(root.join("layout.json"), layout.to_string()).unwrap();
        let options = AgentOptions::at(&root, &folder.path().join("agent")).unwrap();
        let agent = tokio::spawn(agent::serve(options.clone()));
        let client = until("the agent", async || {
            let client = AgentClient::connect(&options.folder).ok()?;
            client.attestation().await.ok()?.ready.then_some(client)
        });
        Some(Self { client: client.await, server, agent, _folder: folder })
    }

    async fn arm(&self, id: &InjectionId, fault: &Fault) -> Result<(), HandError> {
        let arm =
            Arm { id: id.clone(), fault: fault.clone(), fence: FENCE, lease_ms: 60_000, deadline_ms: 60_000 };
        self.client.arm(&arm).await
    }

    async fn look(&self, id: &InjectionId, fault: &Fault) -> Presence {
        self.client.inspect(id, fault).await.unwrap().presence
    }

    async fn break_it(&self, id: &str, fault: Value) -> (InjectionId, Fault) {
        let (id, fault) = (id.parse().unwrap(), serde_json::from_value(fault).unwrap());
        self.arm(&id, &fault).await.unwrap();
        assert_eq!(self.look(&id, &fault).await, Presence::Clean);
        self.client.inject(&id, FENCE).await.unwrap();
        assert_eq!(self.look(&id, &fault).await, Presence::Present);
        (id, fault)
    }

    async fn take_back(&self, (id, fault): &(InjectionId, Fault), expected: Undone) {
        self.client.revoke(id, FENCE).await.unwrap();
        assert_eq!(self.client.undo(id, FENCE).await.unwrap(), expected);
        if expected != Undone::Diverged {
            assert_eq!(self.look(id, fault).await, Presence::Clean);
        }
    }

    /// What a client of the shop meets that does not wait long.
    async fn asks(&self, statement: &str) -> Result<(), String> {
        let statement = format!("SET statement_timeout = 300; {statement}");
        self.server.run("shop", &statement).await.map_err(|err| err.to_string())
    }

    async fn close(self) {
        self.client.shutdown().await.unwrap();
        self.agent.await.unwrap().unwrap();
    }
}

#[test]
fn a_locked_table_and_taken_connections_are_let_go_of() {
    run(async {
        let Some(shop) = Shop::open().await else { return };
        let read = "SELECT count(*) FROM entries";
        let lock = json!({"kind": "database-table-lock", "database": "shop", "table": "entries"});
        let held = shop.break_it("gd-a", lock).await;
        assert!(shop.asks(read).await.unwrap_err().contains("statement timeout"));
        assert!(shop.asks("SELECT 1").await.is_ok());
        shop.take_back(&held, Undone::Restored).await;
        shop.asks(read).await.unwrap();

        let taken = shop
            .break_it("gd-b", json!({"kind": "database-connections", "database": "shop", "free": 0}))
            .await;
        assert!(shop.asks(read).await.unwrap_err().contains("too many clients"));
        shop.take_back(&taken, Undone::Restored).await;
        // A session that was ended is gone a moment later.
        until("a connection", async || shop.asks(read).await.ok()).await;
        shop.close().await;
    });
}

#[test]
fn an_index_and_a_statement_are_taken_back_by_comparison() {
    run(async {
        let Some(shop) = Shop::open().await else { return };
        let index = json!({"kind": "database-index", "database": "shop", "index": "entries_by_seen"});
        let dropped = shop.break_it("gd-a", index.clone()).await;
        assert!(shop.asks("REINDEX INDEX entries_by_seen").await.is_err());
        shop.take_back(&dropped, Undone::Restored).await;
        shop.asks("REINDEX INDEX entries_by_seen").await.unwrap();
        // Somebody makes another one of that name: hands off.
        let dropped = shop.break_it("gd-b", index).await;
        shop.asks("CREATE INDEX entries_by_seen ON entries (seen, text)").await.unwrap();
        shop.take_back(&dropped, Undone::Diverged).await;

        let statement = json!({"kind": "database-statement", "database": "shop", "statement": "unseen"});
        let unseen = shop.break_it("gd-c", statement.clone()).await;
        assert!(shop.asks("SELECT seen FROM entries").await.unwrap_err().contains("seen"));
        shop.take_back(&unseen, Undone::Restored).await;
        shop.asks("SELECT seen FROM entries").await.unwrap();
        // Responders repair it themselves.
        let unseen = shop.break_it("gd-d", statement).await;
        shop.asks("ALTER TABLE entries RENAME COLUMN seen_away TO seen").await.unwrap();
        shop.take_back(&unseen, Undone::AlreadyClean).await;
        shop.close().await;
    });
}

#[test]
fn what_the_database_cannot_give_back_is_not_armed() {
    run(async {
        let Some(shop) = Shop::open().await else { return };
        for (fault, word) in [
            (json!({"kind": "database-table-lock", "database": "shop", "table": "nowhere"}), "no table"),
            (json!({"kind": "database-index", "database": "shop", "index": "entries_once"}), "no index"),
            (json!({"kind": "database-statement", "database": "shop", "statement": "none"}), "no statement"),
            (json!({"kind": "database-connections", "database": "shop", "free": 100}), "free already"),
            (json!({"kind": "database-lock", "database": "shop"}), "database-table-lock"),
            (
                json!({"kind": "database-bloat", "database": "shop", "table": "entries", "column": "text",
                    "rows": 5}),
                "PostgreSQL",
            ),
        ] {
            let fault = serde_json::from_value(fault).unwrap();
            match shop.arm(&"gd-a".parse().unwrap(), &fault).await {
                Err(HandError::Refused(why)) => assert!(why.contains(word), "{why}"),
                other => panic!("{fault:?}: {other:?}"),
            }
        }
        shop.close().await;
    });
}
