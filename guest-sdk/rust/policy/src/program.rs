//! The way into a policy.

use crate::{Parameters, Plan, Result, Violation};

/// Names the function that judges: `policy!(judge)` for
/// `fn judge(plan: &Plan, parameters: &Parameters) -> Result<Vec<Violation>>`.
#[macro_export]
macro_rules! policy {
    ($judge:path) => {
        #[cfg(target_family = "wasm")]
        const _: () = {
            use $crate::program::bindings::exports::mlflow_host::stack::review as contract;

            struct Program;
            impl contract::Guest for Program {
                fn judge(
                    plan: ::std::string::String,
                    parameters: ::std::string::String,
                ) -> ::std::result::Result<::std::vec::Vec<contract::Violation>, ::std::string::String>
                {
                    $crate::program::start($judge, &plan, &parameters)
                }
            }
    $crate::program::export!(Program with_types_in $crate::program::bindings);
        };
        // Used from tests only, outside Wasm.
        #[cfg(not(target_family = "wasm"))]
        #[allow(dead_code)]
        const _: fn(
            &$crate::Plan,
            &$crate::Parameters,
        ) -> $crate::Result<::std::vec::Vec<$crate::Violation>> = $judge;
    };
}

/// Generated from `wit/policy.wit`.
#[cfg(target_family = "wasm")]
#[allow(missing_docs, unreachable_pub, clippy::all, reason = "generated")]
pub mod bindings {
    wit_bindgen::generate!({
        path: "../../../wit",
        world: "policy",
        pub_export_macro: true,
        default_bindings_module: "::mlflow_host_policy::program::bindings",
    });
}

#[cfg(target_family = "wasm")]
pub use bindings::export;

/// Judges a plan so that a panic reaches the host as words, not only as a trap.
#[cfg(target_family = "wasm")]
pub fn start(
    judge: fn(&Plan, &Parameters) -> Result<Vec<Violation>>,
    plan: &str,
    parameters: &str,
) -> Result<Vec<bindings::exports::mlflow_host::stack::review::Violation>> {
    use bindings::exports::mlflow_host::stack::review::Violation as Theirs;
    use bindings::mlflow_host::stack::log::{Level, write};

    std::panic::set_hook(Box::new(|panic| write(Level::Error, &panic.to_string())));
    let theirs = |Violation { urn, path, message }: Violation| Theirs { urn, path, message };
    Ok(decided(judge, plan, parameters)?.into_iter().map(theirs).collect())
}

/// What a policy makes of the documents that the host hands over.
#[cfg_attr(not(target_family = "wasm"), allow(dead_code, reason = "used in Wasm"))]
fn decided(
    judge: fn(&Plan, &Parameters) -> Result<Vec<Violation>>,
    plan: &str,
    parameters: &str,
) -> Result<Vec<Violation>> {
    let parsed =
        |text: &str| serde_json::from_str(text).map_err(|error| format!("The host speaks no JSON: {error}."));
    judge(&Plan::new(parsed(plan)?), &Parameters::new(parsed(parameters)?))
}
