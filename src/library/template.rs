//! The file that `gameday new` writes: a small scenario that passes every check, with a comment at each turn.

/// A commented scenario for Depot. `name` is the file's stem; `title` is one line.
pub fn template(name: &str, title: &str) -> String {
    let title = serde_json::Value::from(title.replace(|c: char| c.is_control(), " ")).to_string();
    TEMPLATE.replace("{NAME}", name).replace("{TITLE}", &title)
}

const TEMPLATE: &str = r#"# {NAME}.yaml: a scenario for Gameday.
#
#   gameday check {NAME}.yaml       finds every mistake at once; with --lint also what is still missing
#   gameday plan {NAME}.yaml        prints what will happen when
#   gameday rehearse {NAME}.yaml    proves that the fault bites and that the reference solution repairs it
#
# Every field is explained in docs/scenario.md, and in your editor through `gameday schema`.
format: gameday/scenario/v1

# One line for people who may know that this scenario exists: it must not give the cause away.
title: {TITLE}

# What happens, for instigators and trainers only.
summary: The session service hangs, so nobody can log in.

# The pack holds the target, its documentation and its traffic.
pack: depot
difficulty: 1                     # 1 (a first drill) to 5 (experts)
duration: {par: 15m, limit: 45m}  # what a good team needs; when the drill ends whatever happened
profile: restore-first            # or understand-first

objectives:
  - tell a process that hangs from one that is down

# The pack's shape of traffic.
workload: evening

# What is broken, when, and by which injector. `docs/fault-injectors.md` lists them.
faults:
  - at: 2m
    injector: process-hang
    with: {service: session}

# An alarm is measured (`when`) or comes at a time (`at`). `related: false` marks noise.
alarms:
  - name: LoginErrorsHigh
    when: {class: login, failed: "> 20 %", for: 10s}
    summary: "{failed} of logins fail"

# Messages that people push at the team.
injects:
  - at: 5m
    unless: status-sent           # or declared, restored
    from: business-owner
    to: ic
    text: Customers are calling me. What do I tell them?

# Help: entries of the pack's documentation, and questions for a team that is stumped.
hints:
  catalogue: [runbooks/logins.md]
  questions:
    - Which service do all failing requests have in common?
    - How do you tell a process that is down from one that answers nothing?

# The drill is stopped by itself when one of these does not hold.
stop_conditions:
  - {probe: staging-neighbours, success: ">= 50 %", for: 20s}

# What really happened. Nobody who has yet to play sees any of it.
truth:
  cause:
    component: session
    kind: process.hang            # a kind from the tree in docs/scenario.md
    facts:
      - {id: session-silent, says: the session service answers nothing, any: [answers nothing, hangs, stuck]}
      - {id: process-alive, says: its process is alive but stopped, any: [alive, stopped]}
      - {id: logins-only, says: "logins time out, everything else answers", any: [[login, log in], [time out, timeout, fail]]}
    # Statements that sound as likely and are wrong: enough of them that guessing does not pay.
    distractors:
      - {id: after-release, says: it began with a release, any: [release, roll-out]}
      - {id: disk-full, says: a volume is full, any: [disk full, volume full]}
      - {id: certificate, says: a certificate has expired, any: [certificate]}
      - {id: slow-link, says: the way between the datacenters is slow, any: [slow link, link is slow]}
      - {id: flood, says: there are many more requests than usual, any: [flood, bots]}
    spreads: [session -> web, web -> edge]
  impact: {login: 80-100 %}
  owners: [session-oncall]        # whom the team has to copy on its ticket
  severity: {live: true, users: everybody, sites: [east, west]}   # the checklist's right answers
  priority: top-priority          # what the ticket has to say
  decision:
    do_nothing: {effective: false, harmful: true}
    fast_track: {effective: true, knowable_after: localised}

# When service counts as restored. This is measured, whatever people say.
restored_when: {class: login, failed: "< 1 %", for: 30s}

# The operations that repair it.
reference_solution:
  - depotctl restart session

# Answers as teams would write them, and what each is worth: right, near or wrong.
sample_claims:
  - {component: session, kind: process.hang, text: "session answers nothing, its process is alive but stopped", band: right}
  - {component: session, kind: process.crash, text: session is down, band: near}
  - {kind: config.certificate, text: a certificate has expired, band: wrong}

# The play of a good team, for `--autopilot`. Times count from the moment named in `after`.
autopilot:
  - {after: start, wait: 2s, who: ana, do: {take-role: ic}}
  - {after: alarm LoginErrorsHigh, wait: 5s, who: ana, do: {ack: LoginErrorsHigh}}
  - {wait: 5s, who: ana, do: {declare: {text: Nobody can log in}}}
  - {wait: 5s, who: ana, do: {ticket: {open: {title: Nobody can log in, on: session, cc: [session-oncall]}}}}
  - {wait: 5s, who: ana, do: {decide: {option: fast_track, because: a restart is quick and loses nothing, ticket: t1}}}
  - {wait: 5s, who: ana, do: {log: {text: Restarting session, on: session}}}
  - {wait: 5s, who: ana, do: {operate: [depotctl, restart, session]}}
  - {after: restored, wait: 5s, who: ana, do: {cause: {component: session, kind: process.hang, facts: [session-silent]}}}
  - {wait: 5s, who: ana, do: {severity: {live: true, users: everybody, sites: [east, west]}}}
  - {wait: 5s, who: ana, do: {resolve: session answers again}}
"#;
