//! As many resources as are asked for, without a cloud behind them: `scripts/bench` measures with it what
//! the host itself costs.
//!
//! Keys of `[config]`, all optional:
//!
//! - `count`: how many resources (100).
//! - `shape`: `independent` (none needs another), `chain` (each needs the one before) or `layered` (layers
//!   of 100; each needs two of the layer before). `independent` when not set.
//! - `edition`: a text that all values hold; another one changes them all.

use mlflow_host_sdk::kinds::standard::{Value, ValueHandle};
use mlflow_host_sdk::{Error, Result, config, output, stack};

stack!(run);

/// Resources in one layer.
const LAYER: usize = 100;

fn run() -> Result<()> {
    let count = config::integer("count")?.unwrap_or(100);
    let count = usize::try_from(count)
        .map_err(|_| Error::new(format!("`count` is {count}: there is no such number of resources")))?;
    let shape = config::get("shape").unwrap_or_else(|| "independent".to_owned());
    let edition = config::get("edition").unwrap_or_else(|| "first".to_owned());
    let needs: fn(usize) -> Vec<usize> = match shape.as_str() {
        "independent" => |_| Vec::new(),
        "chain" => |position| position.checked_sub(1).into_iter().collect(),
        "layered" => layered,
        other => {
            return Err(Error::new(format!("`shape` is `{other}`, not `independent`, `chain` or `layered`")));
        }
    };

    let mut made: Vec<ValueHandle> = Vec::with_capacity(count);
    for position in 0..count {
        let text = format!("{edition} {position}");
        // What a resource says of others does not grow with their number: the chain may be long.
        let above: Vec<String> =
            needs(position).iter().map(|need| made[*need].attribute("value.text").to_string()).collect();
        let value = Value::new().value([("text", text), ("above", above.join(", "))]);
        made.push(value.declare(&format!("value-{position}")));
    }
    output("count", count.to_string());
    Ok(())
}

/// The resource above, and its right neighbour.
fn layered(position: usize) -> Vec<usize> {
    let Some(above) = position.checked_sub(LAYER) else { return Vec::new() };
    let first = above - above % LAYER;
    vec![above, first + (above + 1) % LAYER]
}

#[cfg(test)]
mod tests {
    use mlflow_host_sdk::testing::{Fake, Recording};
    use serde_json::json;

    fn recording(count: &str, shape: &str) -> Recording {
        Fake::default().config("count", count).config("shape", shape).run(super::run).unwrap()
    }

    fn above(recording: &Recording, position: usize) -> serde_json::Value {
        recording.resources[position].properties["value"]["above"].clone()
    }

    #[test]
    fn each_shape_has_its_references() {
        let all = recording("250", "independent");
        assert_eq!(all.resources.len(), 250);
        assert!((0..250).all(|position| above(&all, position) == ""));

        let all = recording("250", "chain");
        assert_eq!(above(&all, 0), "");
        assert_eq!(above(&all, 249), json!("${std/Value::value-248#value.text}"));

        let all = recording("250", "layered");
        assert_eq!(above(&all, 99), "");
        let two = |left: usize, right: usize| {
            json!(format!(
                "${{std/Value::value-{left}#value.text}}, ${{std/Value::value-{right}#value.text}}"
            ))
        };
        assert_eq!(above(&all, 100), two(0, 1));
        assert_eq!(above(&all, 199), two(99, 0));
    }

    #[test]
    fn what_cannot_be_is_said() {
        let run = |key, value| Fake::default().config(key, value).run(super::run).unwrap_err();
        assert!(run("count", "-1").message().contains("-1"));
        assert!(run("shape", "round").message().contains("`round`"));
    }
}
