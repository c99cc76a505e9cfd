//! The one match from effects to seams. Whatever goes wrong out there becomes a report, never an error of the engine.

use super::Hands;
use crate::{
    base::InjectionId,
    drill::{
        command::{HandResult, ProbeAnswer, Report},
        effect::Effect,
        measure::{BUCKET, Measured},
    },
    fault::{
        Fault, Fence, Presence, TimedFault,
        script::{self, Call},
    },
    target::HandError,
};

/// Does one effect and says how it went; some have nothing to say.
pub async fn carry_out(hands: &Hands, effect: Effect) -> Option<Report> {
    match effect {
        Effect::StartWorkload { at } => {
            hands.traffic.start(at).await;
            None
        }
        Effect::StopWorkload => {
            hands.traffic.stop().await;
            None
        }
        Effect::Measure { second } => {
            hands.clock.sleep_until(second + BUCKET).await;
            let bucket = hands.traffic.measure(second).await;
            Some(Report::Measured(Measured { at: second, bucket }))
        }
        Effect::Ask { probe } => {
            let answer: ProbeAnswer = hands.prober.ask(&probe).await;
            Some(Report::Asked { probe, answer })
        }
        Effect::Inspect { id, fault } => {
            let (presence, detail) = match hands.injector.inspect(&id, &fault).await {
                Ok(seen) => (seen.presence, seen.detail),
                Err(error) => (Presence::Unknown, error.to_string()),
            };
            Some(Report::Inspected { id, presence, detail })
        }
        Effect::Arm(arm) => {
            let result = told(hands.injector.arm(&arm).await);
            Some(Report::Armed { id: arm.id, result })
        }
        Effect::Inject { id, fault, fence } => {
            let result = inject(hands, &id, &fault, fence).await;
            Some(Report::Injected { id, result })
        }
        Effect::Revoke { id, fence } => {
            let result = told(hands.injector.revoke(&id, fence).await);
            Some(Report::Revoked { id, result })
        }
        Effect::Undo { id, fence } => {
            let result = hands.injector.undo(&id, fence).await.map_err(doubt);
            Some(Report::Undone { id, result })
        }
        Effect::Heartbeat { epoch } => Some(match hands.injector.heartbeat(epoch).await {
            Ok(expired) => Report::Heartbeat { expired },
            Err(error) => Report::HeartbeatLost { error: error.to_string() },
        }),
        Effect::Send { notice, not_before, .. } => {
            hands.clock.sleep_until(not_before).await;
            let result = hands.notifier.deliver(&notice).await;
            Some(Report::Delivered { notice: notice.id, result })
        }
        Effect::React { reactor, moment, source, params, seen } => {
            let answer = react(hands, source, Call::React(params, seen)).await;
            Some(Report::Reacted { reactor, moment, answer })
        }
        Effect::Operate { by, argv } => {
            let (exit, output) = hands.operator.operate(&argv).await;
            Some(Report::Operated { by, argv, exit, output })
        }
    }
}

/// An injection counts only when its effect is seen afterwards.
async fn inject(hands: &Hands, id: &InjectionId, fault: &Fault, fence: Fence) -> HandResult {
    if let Err(error) = hands.injector.inject(id, fence).await {
        return doubt(error);
    }
    match hands.injector.inspect(id, fault).await {
        Ok(seen) if seen.presence == Presence::Present => HandResult::Done,
        Ok(seen) => HandResult::Unknown(format!("applied, but not seen: {}", seen.detail)),
        Err(error) => HandResult::Unknown(error.to_string()),
    }
}

/// A script's answer, under the limits of every script.
async fn react(hands: &Hands, source: String, call: Call) -> Result<Vec<TimedFault>, String> {
    let scripts = hands.scripts.clone();
    let ran = tokio::task::spawn_blocking(move || scripts.run(&source, &call)).await;
    let answer = ran.map_err(|err| err.to_string())?.map_err(|err| err.to_string())?;
    Ok(answer.and_then(script::planned).map_err(|err| err.to_string())?.0)
}

fn told(result: Result<(), HandError>) -> HandResult {
    result.map_or_else(doubt, |()| HandResult::Done)
}

fn doubt(error: HandError) -> HandResult {
    match error {
        HandError::Refused(why) => HandResult::Refused(why),
        HandError::Unavailable(why) => HandResult::Unknown(why),
    }
}
