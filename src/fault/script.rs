//! Runs an injector's script under limits. A script describes, it never acts: `describe()` says what it takes and
//! `plan(params)` says which faults it wants when. There is no file, clock, randomness, output or module in its world.
//!
//! This part is pure. The limits that need an operating system (memory, CPU, the kill) are set by the worker process
//! in `library`; whoever calls [`run`] says through `should_stop` when time is up.

use super::injector::{Description, ParamType, Planned};
use super::kind;
use super::{Fault, TimedFault};
use crate::base::limits::{DRILL_MAX, FAULTS_MAX, SCRIPT_DEADLINE, SCRIPT_OUTPUT_BYTES_MAX};
use crate::base::{Span, names::is_name};
use rhai::packages::{
    ArithmeticPackage, BasicIteratorPackage, BasicMathPackage, BasicStringPackage, LogicPackage, Package,
};
use rhai::{
    AST, Array, CallFnOptions, Dynamic, Engine, EvalAltResult, FuncArgs, INT, ImmutableString,
    OptimizationLevel, Position, Scope, module_resolvers::DummyModuleResolver,
};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use std::sync::atomic::{AtomicU64, Ordering};

/// Most operations of one call, counted over every function that it calls.
pub const OPERATIONS_MAX: u64 = 200_000;
/// Largest script, in bytes.
pub const SOURCE_BYTES_MAX: usize = 64 * 1024;
/// Texts within an array count together, so this stands above what may be answered.
const STRING_BYTES_MAX: usize = 2 * SCRIPT_OUTPUT_BYTES_MAX;
const ARRAY_MAX: usize = 1024;
const MAP_MAX: usize = 256;
const CALL_LEVELS_MAX: usize = 16;
const EXPRESSION_DEPTH_MAX: usize = 32;
const OUTPUT_DEPTH_MAX: usize = 8;
/// Keywords that have no place in a description: they run text, reach files, or call what is not written there.
const DISABLED: [&str; 8] = ["eval", "import", "export", "print", "debug", "Fn", "call", "curry"];

/// What is asked of a script.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Call {
    /// `describe()`.
    Describe,
    /// `plan(params)`.
    Plan(Map<String, Value>),
    /// `react(params, seen)`.
    React(Map<String, Value>, Map<String, Value>),
}

/// Why a script gave no answer. Line and column count from 1; 0 where there is no place.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
#[error("{message}")]
pub struct ScriptError {
    /// What went wrong.
    pub message: String,
    /// Line in the script.
    pub line: usize,
    /// Column in the script.
    pub column: usize,
}

impl ScriptError {
    /// An error without a place in the script.
    pub fn new(message: impl Into<String>) -> Self {
        Self { message: message.into(), line: 0, column: 0 }
    }

    fn at(message: String, position: Position) -> Self {
        Self { message, line: position.line().unwrap_or(0), column: position.position().unwrap_or(0) }
    }
}

/// Compiles a script and calls one of its functions; the answer is plain data. `should_stop` is asked now and then;
/// when it says yes the script ends with an error.
pub fn run(
    source: &str,
    call: &Call,
    should_stop: impl Fn() -> bool + Send + Sync + 'static,
) -> Result<Value, ScriptError> {
    if source.len() > SOURCE_BYTES_MAX {
        let limit = SOURCE_BYTES_MAX / 1024;
        return Err(ScriptError::new(format!("the script is larger than {limit} KiB")));
    }
    let engine = engine(should_stop);
    let ast = engine
        .compile(source)
        .map_err(|error| ScriptError::at(error.err_type().to_string(), error.position()))?;
    let answer = match call {
        Call::Describe => call_fn(&engine, &ast, "describe", ()),
        Call::Plan(params) => call_fn(&engine, &ast, "plan", (map(params),)),
        Call::React(params, seen) => call_fn(&engine, &ast, "react", (map(params), map(seen))),
    }?;
    let mut room = SCRIPT_OUTPUT_BYTES_MAX;
    into_data(&answer, &mut room, OUTPUT_DEPTH_MAX)
}

fn call_fn(engine: &Engine, ast: &AST, name: &str, args: impl FuncArgs) -> Result<Dynamic, ScriptError> {
    let exists = ast.iter_functions().any(|function| function.name == name);
    if !exists {
        let written = match name {
            "plan" => "plan(params)",
            "react" => "react(params, seen)",
            _ => "describe()",
        };
        return Err(ScriptError::new(format!("the script has no function `{written}`")));
    }
    let options = CallFnOptions::new().eval_ast(false);
    engine
        .call_fn_with_options(options, &mut Scope::new(), ast, name, args)
        .map_err(|error| evaluation(*error))
}

fn evaluation(error: EvalAltResult) -> ScriptError {
    let mut inner = error;
    while let EvalAltResult::ErrorInFunctionCall(_, _, deeper, _) = inner {
        inner = *deeper;
    }
    let position = inner.take_position();
    let message = match inner {
        EvalAltResult::ErrorTerminated(reason, _) => reason.into_string().unwrap_or_default(),
        EvalAltResult::ErrorStackOverflow(_) => {
            format!("functions call each other more than {CALL_LEVELS_MAX} levels deep")
        }
        EvalAltResult::ErrorRuntime(thrown, _) => format!("the script gave up: {thrown}"),
        other => other.to_string(),
    };
    ScriptError::at(message, position)
}

/// An engine that can compute and do nothing else.
fn engine(should_stop: impl Fn() -> bool + Send + Sync + 'static) -> Engine {
    let mut engine = Engine::new_raw();
    ArithmeticPackage::new().register_into_engine(&mut engine);
    LogicPackage::new().register_into_engine(&mut engine);
    BasicMathPackage::new().register_into_engine(&mut engine);
    BasicStringPackage::new().register_into_engine(&mut engine);
    BasicIteratorPackage::new().register_into_engine(&mut engine);
    register_collections(&mut engine);
    for symbol in DISABLED {
        engine.disable_symbol(symbol);
    }
    engine
        .set_module_resolver(DummyModuleResolver::new())
        .set_optimization_level(OptimizationLevel::None)
        .set_allow_anonymous_fn(false)
        .set_strict_variables(true)
        .set_fail_on_invalid_map_property(true)
        .set_max_call_levels(CALL_LEVELS_MAX)
        .set_max_expr_depths(EXPRESSION_DEPTH_MAX, EXPRESSION_DEPTH_MAX)
        .set_max_functions(64)
        .set_max_variables(256)
        .set_max_modules(0)
        .set_max_string_size(STRING_BYTES_MAX)
        .set_max_array_size(ARRAY_MAX)
        .set_max_map_size(MAP_MAX)
        .set_max_operations(OPERATIONS_MAX * 2);
    // The engine's own count begins again in some nested calls; this one never does.
    let operations = AtomicU64::new(0);
    engine.on_progress(move |_| {
        let count = operations.fetch_add(1, Ordering::Relaxed);
        if count >= OPERATIONS_MAX {
            return Some(format!("the script does not end: more than {OPERATIONS_MAX} operations").into());
        }
        let ask = count.is_multiple_of(64);
        (ask && should_stop()).then(|| format!("the script does not end within {SCRIPT_DEADLINE}").into())
    });
    engine
}

/// The few functions on texts, arrays and maps that a plan needs. None takes a function, so none can hide a loop, and
/// none makes more than it is given.
fn register_collections(engine: &mut Engine) {
    engine
        .register_iterator::<Array>()
        .register_fn("len", |list: &mut Array| count(list.len()))
        .register_fn("is_empty", |list: &mut Array| list.is_empty())
        .register_fn("push", |list: &mut Array, item: Dynamic| list.push(item))
        .register_fn("len", |map: &mut rhai::Map| count(map.len()))
        .register_fn("is_empty", |map: &mut rhai::Map| map.is_empty())
        .register_fn("contains", |map: &mut rhai::Map, key: &str| map.contains_key(key))
        .register_fn("keys", |map: &mut rhai::Map| -> Array {
            map.keys().map(|key| Dynamic::from(key.to_string())).collect()
        })
        .register_fn("len", |text: &str| count(text.chars().count()))
        .register_fn("is_empty", |text: &str| text.is_empty())
        .register_fn("contains", |text: &str, part: &str| text.contains(part))
        .register_fn("starts_with", |text: &str, part: &str| text.starts_with(part))
        .register_fn("ends_with", |text: &str, part: &str| text.ends_with(part))
        .register_fn("trimmed", |text: &str| ImmutableString::from(text.trim()))
        .register_fn("split", |text: &str, at: &str| -> Array {
            let parts = text.split(at).filter(|part| !part.is_empty()).take(ARRAY_MAX);
            parts.map(|part| Dynamic::from(part.to_owned())).collect()
        })
        .register_fn("min", |a: INT, b: INT| a.min(b))
        .register_fn("max", |a: INT, b: INT| a.max(b));
}

fn count(length: usize) -> INT {
    INT::try_from(length).unwrap_or(INT::MAX)
}

fn map(values: &Map<String, Value>) -> rhai::Map {
    values.iter().map(|(name, value)| (name.into(), into_script(value))).collect()
}

fn into_script(value: &Value) -> Dynamic {
    match value {
        Value::Null => Dynamic::UNIT,
        Value::Bool(flag) => (*flag).into(),
        Value::Number(number) => number
            .as_i64()
            .map(Dynamic::from)
            .or_else(|| number.as_f64().map(Dynamic::from))
            .unwrap_or(Dynamic::UNIT),
        Value::String(text) => text.clone().into(),
        Value::Array(list) => Dynamic::from(list.iter().map(into_script).collect::<Array>()),
        Value::Object(object) => map(object).into(),
    }
}

/// Plain data out of a script's answer. `room` is how many bytes may still be written.
fn into_data(value: &Dynamic, room: &mut usize, depth: usize) -> Result<Value, ScriptError> {
    let mut take = |bytes: usize| {
        let Some(rest) = room.checked_sub(bytes) else {
            let limit = SCRIPT_OUTPUT_BYTES_MAX / 1024;
            let message = format!("the script's answer is larger than {limit} KiB");
            return Err(ScriptError::new(message));
        };
        *room = rest;
        Ok(())
    };
    if depth == 0 {
        return Err(ScriptError::new(format!(
            "the script's answer is nested deeper than {OUTPUT_DEPTH_MAX} levels"
        )));
    }
    take(8)?;
    if value.is_unit() {
        return Ok(Value::Null);
    }
    if let Ok(flag) = value.as_bool() {
        return Ok(flag.into());
    }
    if let Ok(number) = value.as_int() {
        return Ok(number.into());
    }
    if let Ok(text) = value.as_immutable_string_ref() {
        take(text.len())?;
        return Ok(text.as_str().into());
    }
    if let Ok(list) = value.as_array_ref() {
        let items = list.iter().map(|item| into_data(item, room, depth - 1));
        return items.collect::<Result<_, _>>().map(Value::Array);
    }
    if let Ok(map) = value.as_map_ref() {
        let mut object = Map::new();
        for (key, item) in map.iter() {
            *room = room.saturating_sub(key.len());
            object.insert(key.to_string(), into_data(item, room, depth - 1)?);
        }
        return Ok(object.into());
    }
    Err(ScriptError::new(format!(
        "the script's answer holds a {}: only whole numbers, texts, truth values, arrays and maps can be handed out",
        value.type_name()
    )))
}

/// Reads what `describe()` answered.
pub fn description(answer: Value) -> Result<Description, ScriptError> {
    let mut description: Description = serde_json::from_value(answer)
        .map_err(|error| ScriptError::new(format!("`describe()` answered something else: {error}")))?;
    if !kind::exists(&description.kind) || description.kind.starts_with("none.") {
        let kind = &description.kind;
        return Err(ScriptError::new(format!("`describe()`: there is no kind of fault `{kind}`")));
    }
    for (name, param) in &mut description.params {
        if !is_name(name) {
            return Err(ScriptError::new(format!("`describe()`: `{name}` is not a name for a parameter")));
        }
        if (param.min.is_some() || param.max.is_some()) && param.takes != ParamType::Integer {
            let message = format!("`describe()`: `min` and `max` of `{name}` are for integers only");
            return Err(ScriptError::new(message));
        }
        let Some(default) = &mut param.default else {
            continue;
        };
        if let (ParamType::Duration, Some(text)) = (param.takes, default.as_str()) {
            let span: Span = text
                .parse()
                .map_err(|bad| ScriptError::new(format!("`describe()`: the default of `{name}`: {bad}")))?;
            *default = span.millis().into();
        }
        let fits = match param.takes {
            ParamType::Service
            | ParamType::Link
            | ParamType::Volume
            | ParamType::File
            | ParamType::Part
            | ParamType::Text => default.is_string(),
            ParamType::Links => default.as_array().is_some_and(|list| list.iter().all(Value::is_string)),
            ParamType::Integer => default.as_i64().is_some_and(|number| {
                param.min.is_none_or(|min| number >= min) && param.max.is_none_or(|max| number <= max)
            }),
            ParamType::Duration => default.is_u64(),
            ParamType::Boolean => default.is_boolean(),
        };
        if !fits {
            let message = format!("`describe()`: the default of `{name}` does not fit its type");
            return Err(ScriptError::new(message));
        }
    }
    Ok(description)
}

/// Reads what `plan(params)` or `react(params, seen)` answered: an array of `#{at, lasts, fault}`, or one such map. `at` counts from the moment
/// that the injector starts; without `lasts`, or with 0, the fault stays until the drill ends. Times are whole
/// milliseconds or texts like `"30s"`.
pub fn planned(answer: Value) -> Result<Planned, ScriptError> {
    let list = match answer {
        Value::Array(list) => list,
        one @ Value::Object(_) => vec![one],
        _ => {
            return Err(ScriptError::new("`plan(params)` must answer with an array of faults"));
        }
    };
    if list.len() > FAULTS_MAX {
        return Err(ScriptError::new(format!("`plan(params)` answered more than {FAULTS_MAX} faults")));
    }
    let faults = list.into_iter().enumerate().map(|(index, entry)| {
        let entry: PlannedEntry = serde_json::from_value(entry)
            .map_err(|error| ScriptError::new(format!("`plan(params)`, fault {}: {error}", index + 1)))?;
        let at = entry.at.map_or(Span::ZERO, |time| time.0);
        let lasts = entry.lasts.map(|time| time.0).filter(|lasts| *lasts > Span::ZERO);
        Ok(TimedFault { at, until: lasts.map(|lasts| at + lasts), fault: entry.fault })
    });
    faults.collect::<Result<_, _>>().map(Planned)
}

/// A fault as a script writes it.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct PlannedEntry {
    at: Option<ScriptTime>,
    lasts: Option<ScriptTime>,
    fault: Fault,
}

#[derive(Deserialize)]
#[serde(try_from = "Value")]
struct ScriptTime(Span);

impl TryFrom<Value> for ScriptTime {
    type Error = String;
    fn try_from(value: Value) -> Result<Self, String> {
        let span = match (value.as_u64(), value.as_str()) {
            (Some(ms), _) => Some(Span::from_millis(ms)),
            (None, Some(text)) => text.parse().ok(),
            (None, None) => None,
        };
        let span = span.filter(|span| *span <= DRILL_MAX);
        span.map(Self)
            .ok_or_else(|| format!("{value} is not a time: give whole milliseconds or a text like \"30s\""))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn plan(body: &str) -> Result<Value, ScriptError> {
        let source = format!("fn plan(params) {{ {body} }}");
        run(&source, &Call::Plan(Map::new()), || false)
    }

    fn refused(body: &str) -> String {
        plan(body).expect_err(body).message
    }

    #[test]
    fn a_plan_becomes_faults() {
        let answer = plan(
            r#"let all = [];
               for link in ["a", "b"] {
                   all.push(#{at: 500, lasts: "2s", fault: #{kind: "link-latency", link: link, latency_ms: 40}});
               }
               all"#,
        )
        .unwrap();
        let planned = planned(answer).unwrap();
        assert_eq!(planned.0.len(), 2);
        assert_eq!(planned.0[0].at, Span::from_millis(500));
        assert_eq!(planned.0[1].until, Some(Span::from_millis(2500)));
        assert!(matches!(&planned.0[1].fault, Fault::LinkLatency { link, .. } if link.as_str() == "b"));
    }

    #[test]
    fn what_reaches_out_is_not_there() {
        for body in [
            "eval(\"1\")",
            "import \"x\" as x; 1",
            "print(1)",
            "debug(1)",
            "let f = Fn(\"plan\"); 1",
            "[1].map(|x| x)",
            "[1, 2].filter(plan)",
            "[1].for_each(plan)",
            "timestamp()",
            "sleep(1)",
            "rand()",
            "parse_json(\"{}\")",
            "plan.call(1)",
            "call(plan, 1)",
            "open(\"/etc/passwd\")",
        ] {
            assert!(plan(body).is_err(), "{body}");
        }
    }

    #[test]
    fn what_does_not_end_is_ended() {
        let endless = format!("more than {OPERATIONS_MAX} operations");
        assert!(refused("loop {}").contains(&endless), "{}", refused("loop {}"));
        assert!(refused("while true { let x = 1; }").contains(&endless));
        assert!(refused("for i in 0..9000000000 { for j in 0..9000000000 { } }").contains(&endless));
        let recursion = run("fn f(n) { f(n + 1) } fn plan(p) { f(0) }", &Call::Plan(Map::new()), || false);
        assert!(recursion.unwrap_err().message.contains("levels deep"));
        let slow = run("fn plan(p) { loop {} }", &Call::Plan(Map::new()), || true);
        assert!(slow.unwrap_err().message.contains("within 250ms"));
    }

    #[test]
    fn what_grows_is_stopped() {
        for body in [
            "let s = \"x\"; loop { s += s; }",
            "let a = [1]; loop { a.push(a); }",
            "let a = [1]; loop { a = [a, a]; }",
            "let a = [1]; loop { a += a; }",
            "let s = `x`; loop { s = `${s}${s}`; }",
        ] {
            assert!(plan(body).is_err(), "{body}");
        }
        let deep = format!("{}1{}", "(".repeat(200), ")".repeat(200));
        assert!(plan(&deep).is_err());
        let wide = "let a = []; for i in 0..1000 { a.push(\"0123456789012345678901234567890123456789012345678901234567890123456789\"); } a";
        assert!(refused(wide).contains("64 KiB"), "{}", refused(wide));
        assert!(refused("[[[[[[[[[1]]]]]]]]]").contains("nested deeper"));
        assert!(refused("1.5").contains("only whole numbers"));
    }

    #[test]
    fn an_error_names_its_line_and_column() {
        let error = run("fn plan(p) {\n  let x = p.missing;\n  []\n}", &Call::Plan(Map::new()), || false)
            .unwrap_err();
        assert_eq!((error.line, error.column), (2, 13), "{error}");
        let error = run("fn plan(p) {\n  let = 3\n}", &Call::Plan(Map::new()), || false).unwrap_err();
        assert_eq!(error.line, 2, "{error}");
        let error =
            run("fn plan(p) { throw \"no such key\" }", &Call::Plan(Map::new()), || false).unwrap_err();
        assert_eq!(error.message, "the script gave up: no such key");
        let error = run("fn other() {}", &Call::Describe, || false).unwrap_err();
        assert_eq!(error.message, "the script has no function `describe()`");
    }

    #[test]
    fn a_description_is_read_strictly() {
        let read = |text: &str| {
            let source = format!("fn describe() {{ {text} }}");
            run(&source, &Call::Describe, || false).and_then(description)
        };
        let good = r#"#{summary: "s", kind: "network.latency", params: #{d: #{type: "duration", about: "a", "default": "2s"}}}"#;
        assert_eq!(read(good).unwrap().params["d"].default, Some(2000.into()));
        for bad in [
            r#"#{summary: "s", kind: "network.magic"}"#,
            r#"#{summary: "s", kind: "none.false-alarm"}"#,
            r#"#{summary: "s", kind: "network.latency", more: 1}"#,
            r#"#{summary: "s", kind: "network.latency", params: #{d: #{type: "number", about: "a"}}}"#,
            r#"#{summary: "s", kind: "network.latency", params: #{d: #{type: "integer", about: "a", max: 3, "default": 4}}}"#,
            r#"#{summary: "s", kind: "network.latency", params: #{d: #{type: "text", about: "a", max: 3}}}"#,
            "1",
        ] {
            assert!(read(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn a_plan_is_read_strictly() {
        for bad in [
            r#"[#{at: -1, fault: #{kind: "link-down", link: "a"}}]"#,
            r#"[#{fault: #{kind: "link-down", link: "a", more: 1}}]"#,
            r#"[#{fault: #{kind: "format-disk", link: "a"}}]"#,
            r#"[#{fault: #{kind: "link-down", link: "../a"}}]"#,
            r#"[#{fault: #{kind: "link-down", link: "a"}, undo: "rm"}]"#,
            "[1]",
            "()",
        ] {
            assert!(plan(bad).and_then(planned).is_err(), "{bad}");
        }
    }
}
