//! The target that the tests of every lever share, and what levers have in common.

use super::*;
use crate::scenario::pack::Care;
use std::{
    io::{Read, Write},
    path::PathBuf,
};

/// A target with one component `web` of two instances, a release, a file, a volume and a link.
pub(in crate::agent) fn layout(root: &Path) -> Layout {
    let root = root.canonicalize().unwrap();
    let web = root.join("services/web");
    let old = web.join("releases/1");
    std::fs::create_dir_all(&old).unwrap();
    std::fs::write(old.join("web.toml"), WEB).unwrap();
    let _ = std::os::unix::fs::symlink("releases/1", web.join("current"));
    std::fs::write(web.join("history"), HISTORY).unwrap();
    std::fs::create_dir_all(root.join("volumes/a")).unwrap();
    crate::agent::attest(&root, "ana", crate::base::Span::from_mins(60)).unwrap();
    let process = |name: &str| ProcessLayout {
        service: name.parse().unwrap(),
        component: "web".parse().unwrap(),
        program: PathBuf::from("/bin/sh"),
        argv0: "depot-web".to_owned(),
        // A service reads its configuration again at SIGHUP; this one at least does not die of it.
        args: vec!["-c".to_owned(), "trap '' HUP; exec /bin/sleep 600".to_owned()],
        log: root.join(format!("logs/{name}.log")),
        address: String::from("127.0.0.1:1"),
        care: Care::default(),
    };
    serde_json::from_value(serde_json::json!({
        "target": "small",
        "root": root,
        "addresses": ["127.0.0.0/8"],
        "processes": [process("web-east"), process("web-west")],
        "links": [{"link": "l", "listen": "127.0.0.1:0", "upstream": "127.0.0.1:1", "distance_ms": 0}],
        "volumes": [{"volume": "a", "path": root.join("volumes/a"), "size_bytes": 1_000_000}],
        "files": [{"file": "web", "component": "web", "path": web.join("current/web.toml")}],
        "releases": [{
            "component": "web",
            "folder": web.join("releases"),
            "current": web.join("current"),
            "config": "web.toml",
        }],
        "front_door": "127.0.0.1:1",
    }))
    .unwrap()
}

/// The same target with processes whose `/health` is good: a thread of the test answers for them.
pub(in crate::agent) fn healthy(mut layout: Layout) -> Layout {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap().to_string();
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream.unwrap();
            let _ = stream.read(&mut [0; 512]);
            let _ = stream.write_all(b"HTTP/1.1 200 OK\r\n\r\n");
        }
    });
    for process in &mut layout.processes {
        process.address.clone_from(&address);
    }
    layout
}

pub(in crate::agent) const WEB: &str =
    "# the object API\n[pool]\n# connections\nsize = 16 # per instance\nwait_ms = 250\n";
pub(in crate::agent) const HISTORY: &str = "2026-11-20T09:12:44.000Z deploy 1\n";

/// Hands on that target, without processes and links.
pub(in crate::agent) fn hands(root: &Path) -> Hands {
    Hands::without_agent(Arc::new(layout(root)))
}

/// Hands on that target with a supervisor, and the instance of it that runs.
pub(in crate::agent) async fn running(root: &Path) -> (Hands, Supervisor, ServiceName) {
    let mut hands = Hands::without_agent(Arc::new(healthy(layout(root))));
    let supervisor = Supervisor::new(&hands.layout);
    let late = supervisor.start_all().await;
    assert!(late.is_empty(), "{late:?}");
    hands.supervisor = Some(supervisor.clone());
    (hands, supervisor, "web-east".parse().unwrap())
}

pub(in crate::agent) fn id() -> InjectionId {
    "gd-a2b3c4d5".parse().unwrap()
}

fn fault(json: serde_json::Value) -> Fault {
    serde_json::from_value(json).unwrap()
}

#[tokio::test]
async fn changes_that_would_get_in_each_others_way_overlap() {
    use serde_json::json;
    let folder = tempfile::tempdir().unwrap();
    let hands = hands(folder.path());
    let edit = |key: &str| fault(json!({"kind": "file-edit", "file": "web", "key": key, "value": "1"}));
    let roll = |release: &str| {
        fault(json!({"kind": "release-roll-out", "service": "web", "release": release,
                "key": "pool.size", "value": "1"}))
    };
    let take = async |fault: Fault| PreImage::take(&hands, &id(), &fault).await.unwrap();
    let size = take(edit("pool.size")).await;
    assert!(size.overlaps(&size));
    assert!(!size.overlaps(&take(edit("pool.wait_ms")).await));
    assert!(!size.overlaps(&take(roll("2")).await));
    assert!(take(roll("2")).await.overlaps(&take(roll("3")).await));
    let identity = super::super::process::Identity { pid: 1, start_ticks: 1 };
    let stop = |service: &str| {
        PreImage::ProcessStop(process_stop::PreImage {
            service: service.parse().unwrap(),
            component: "web".parse().unwrap(),
            identity,
        })
    };
    assert!(stop("web-east").overlaps(&stop("web-east")));
    assert!(!stop("web-east").overlaps(&stop("web-west")));
    assert!(take(roll("2")).await.overlaps(&stop("web-west")));
    assert!(!size.overlaps(&stop("web-west")));
}
