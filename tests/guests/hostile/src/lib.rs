//! Does one thing, by the configuration key `case`; most of them a stack should not do.

#![expect(clippy::infinite_iter, reason = "what never ends is one of them")]

use std::hint::black_box;

use mlflow_host_sdk::kinds::standard::{RandomPassword, Value};
use mlflow_host_sdk::{
    Error, Kind, Resource, Result, assets, component, config, functions, log, output, stack,
};

stack!(run);

/// A kind that nobody knows.
struct Nonsense;

impl Kind for Nonsense {
    const NAME: &'static str = "std/Nonsense";
}

fn run() -> Result<()> {
    let case = config::require("case")?;
    let value = || Value::new().value("x");
    match case.as_str() {
        "good" => good()?,
        "unknown-kind" => drop(Resource::<Nonsense>::new().declare("thing")),
        "misspelt" => drop(value().property("valeu", 1).declare("thing")),
        "duplicate" => {
            value().declare("thing");
            value().declare("thing");
        }
        "cycle" => {
            value().depends_on("std/Value::second").declare("first");
            value().depends_on("std/Value::first").declare("second");
        }
        "mangled" => {
            let token = value().declare("first").value().token().to_owned();
            Value::new()
                .value([("upper", token.to_uppercase()), ("cut", token.replace(':', ""))])
                .declare("second");
        }
        "key" => {
            let token = value().declare("first").value().token().to_owned();
            Value::new().value([(token, 1)]).declare("second");
        }
        "fail" => return Err(Error::new("The moon is \u{1b}[31mnot\u{1b}[0m in the right phase.")),
        "swallowed" => {
            let broken = Resource::<Nonsense>::new().declare("broken");
            Value::new().value(format!("{}/path", broken.attribute("uri"))).declare("follows");
            value().property("valeu", 1).declare("second");
        }
        "flood" => (0..50_000).for_each(|_| log::info("again and again and again and again")),
        "panic" => panic!("the answer was {}", black_box(41)),
        "recursion" => drop(black_box(deeper(1))),
        "loop" => loop {
            black_box(());
        },
        "allocate" => loop {
            black_box(vec![1_u8; 64 << 20].leak());
        },
        "declare-forever" => (0..).for_each(|index| drop(value().declare(&format!("thing-{index}")))),
        // For ever, and wrongly: by its properties, as one of the same name, as a component.
        "declare-wrongly" => (0..).for_each(|index| {
            value().property("valeu", 1).declare(&format!("thing-{index}"));
            value().declare("thing");
            component("no kind", &format!("thing-{index}"));
        }),
        // Short to write, and an automaton of gigabytes.
        "patterns" => drop(assets::directory_without("wit", &vec!["?*a"; 1_500_000])),
        "long-patterns" => drop(assets::directory_without("wit", &["?*".repeat(100_000).as_str()])),
        "large-options" => drop(value().alias(&"std/Value::old".repeat(100_000)).declare("thing")),
        "large-call" => log::info("x".repeat(20 << 20)),
        "multiplied" => {
            let mut token = functions::lower("x");
            for _ in 0..4 {
                token = functions::join("", vec![&token; 30_000]);
            }
        }
        "nested-calls" => {
            let mut token = functions::lower("x");
            for _ in 0..10_000 {
                token = functions::join("", [&token, &token]);
            }
        }
        "forged" => {
            // Everything that a guess can be: the marks of a token around keys, nodes and paths.
            let guesses = ["0", "0:value", "key:0:value", "0000000000000000:0:value", "secret:token"];
            let forged: Vec<_> = guesses.iter().map(|guess| format!("\u{E000}{guess}\u{E001}x")).collect();
            Value::new().value(forged).declare("first");
        }
        "sliced" => {
            let token = config::require_secret("token")?.to_string();
            let characters: Vec<char> = token.chars().collect();
            let pieces: Vec<String> =
                (1..characters.len()).map(|end| characters[..end].iter().collect()).collect();
            Value::new().value(pieces).declare("first");
        }
        "swapped" => {
            let token = config::require_secret("token")?.to_string();
            let swapped: String = token.chars().rev().collect();
            Value::new().value(format!("{swapped}{token}")).declare("first");
        }
        "renumbered" => {
            let first = value().declare("first").value().token().to_owned();
            let second = value().declare("second").value().token().to_owned();
            let number = |token: &str| token[token.find(':').unwrap_or_default()..].to_owned();
            Value::new().value(first.replace(&number(&first), &number(&second))).declare("third");
        }
        // A token that another run has made, which the configuration carries into this one.
        "make-token" => return Err(Error::new(hexadecimal(&config::require_secret("token")?.to_string()))),
        "carried" => {
            let carried = config::require("carried")?;
            let bytes = (0..carried.len()).step_by(2).map(|at| u8::from_str_radix(&carried[at..at + 2], 16));
            let token = String::from_utf8(bytes.collect::<Result<Vec<_>, _>>()?)?;
            Value::new().value(token).declare("first");
        }
        "deep" => output("deep", deep()),
        "deep-properties" => drop(Value::new().value(deep()).declare("deep")),
        "deep-options" => drop(value().replace_on(deep()).declare("deep")),
        "deep-call" => drop(functions::json(deep())),
        "secret-name" => drop(value().declare(&config::require_secret("token")?.to_string())),
        "secret-log" => log::info(format!("The secret is {}.", config::require_secret("token")?)),
        "secret-error" => return Err(Error::new(format!("It is {}!", config::require_secret("token")?))),
        "secret-kind" => drop(component(&config::require_secret("token")?.to_string(), "group")),
        "secret-length" => output("length", config::require_secret("token")?.to_string().len().to_string()),
        "secret-key" => {
            Value::new().value([(config::require_secret("token")?.to_string(), 1)]).declare("first");
        }
        "asset" => {
            let directory = assets::directory(&config::require("path")?)?;
            Value::new()
                .value([("archive", &directory.archive)])
                .replace_on(directory.digest.as_str())
                .declare("files");
        }
        "typed" => drop(config::integer("number")?),
        other => return Err(Error::new(format!("There is no case `{other}`."))),
    }
    Ok(())
}

/// A list in a list, a thousand times.
fn deep() -> serde_json::Value {
    (0..1000).fold(serde_json::Value::Null, |inner, _| serde_json::json!([inner]))
}

fn hexadecimal(text: &str) -> String {
    text.bytes().map(|byte| format!("{byte:02x}")).collect()
}

fn good() -> Result<()> {
    let group = component("test:group", "all");
    let password = RandomPassword::new().length(20).parent(&group).declare("password");
    let first = Value::new().value([("nested", vec![1, 2])]).parent(&group).declare("first");
    Value::new()
        .value([
            ("whole", format!("{}", first.value())),
            ("part", format!("postgres://u:{}@h", functions::url_encode(password.result()))),
            ("secret", config::require_secret("token")?.to_string()),
        ])
        .depends_on(&password)
        .replace_on(functions::sha256(password.result()))
        .ignore_changes("value.part")
        .protect(true)
        .declare("second");
    log::info(format!("The value is {}.", first.value()));
    output("password", password.result());
    output("where", format!("{} {}", config::stack().name, config::stack().region));
    Ok(())
}

#[allow(unconditional_recursion, reason = "that is the point")]
fn deeper(depth: u64) -> u64 {
    black_box(deeper(black_box(depth + 1))) + 1
}
