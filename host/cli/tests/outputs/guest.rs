//! Stacks for tests, written down as what they declare.

use std::fmt::Write as _;
use std::path::Path;

use wit_component::StringEncoding;
use wit_parser::Resolve;

/// A stack that declares what it was told, and nothing else.
#[derive(Default)]
pub(crate) struct Guest {
    data: Vec<u8>,
    calls: String,
}

/// Where the texts are; below is the place for results.
const TEXTS: usize = 1024;

impl Guest {
    /// Declares a resource; properties and options are JSON.
    pub(crate) fn declare(self, kind: &str, name: &str, properties: &str, options: &str) -> Self {
        self.call("declare", &[kind, name, properties, options])
    }

    /// Declares a `std/Value`; the value is JSON.
    pub(crate) fn value(self, name: &str, value: &str) -> Self {
        self.declare("std/Value", name, &format!(r#"{{"value": {value}}}"#), "{}")
    }

    /// Looks a resource up; properties are JSON.
    pub(crate) fn lookup(self, kind: &str, name: &str, properties: &str) -> Self {
        self.call("lookup", &[kind, name, properties])
    }

    /// Makes an output of an attribute of what was declared or looked up last.
    pub(crate) fn output_of(mut self, name: &str, path: &str) -> Self {
        let (name, path) = (self.text(name), self.text(path));
        let _ = writeln!(
            self.calls,
            r#"(call $attribute (i32.load (i32.const 4)) {path} (i32.const 64))
               (i32.store8 (i32.const 128) (i32.const 34))
               (memory.copy (i32.const 129) (i32.load (i32.const 68)) (i32.load (i32.const 72)))
               (i32.store8 (i32.add (i32.const 129) (i32.load (i32.const 72))) (i32.const 34))
               (call $output {name} (i32.const 128) (i32.add (i32.const 2) (i32.load (i32.const 72)))
                             (i32.const 640))"#
        );
        self
    }

    fn text(&mut self, text: &str) -> String {
        let start = TEXTS + self.data.len();
        self.data.extend(text.as_bytes());
        format!("(i32.const {start}) (i32.const {})", text.len())
    }

    /// The answer goes to the beginning of the memory: 0 and a node, or 1 and a problem.
    fn call(mut self, function: &str, texts: &[&str]) -> Self {
        let texts: String = texts.iter().map(|text| self.text(text)).collect();
        let _ = writeln!(self.calls, "(call ${function} {texts} (i32.const 0))");
        self
    }

    /// The core module, with the type of a stack.
    pub(crate) fn build(&self) -> Vec<u8> {
        let data = self.data.iter().fold(String::new(), |text, byte| format!("{text}\\{byte:02x}"));
        let calls = &self.calls;
        let text = format!(
            r#"(module
                (import "mlflow-host:stack/graph@0.1.0" "declare"
                    (func $declare (param i32 i32 i32 i32 i32 i32 i32 i32 i32)))
                (import "mlflow-host:stack/graph@0.1.0" "output" (func $output (param i32 i32 i32 i32 i32)))
                (import "mlflow-host:stack/graph@0.1.0" "lookup"
                    (func $lookup (param i32 i32 i32 i32 i32 i32 i32)))
                (import "mlflow-host:stack/graph@0.1.0" "attribute" (func $attribute (param i32 i32 i32 i32)))
                (memory (export "memory") 2)
                (data (i32.const {TEXTS}) "{data}")
                (global $free (mut i32) (i32.const 65536))
                (func (export "cabi_realloc") (param i32 i32 i32 i32) (result i32)
                    (local $start i32)
                    (local.set $start (global.get $free))
                    (global.set $free
                        (i32.and (i32.add (i32.add (local.get $start) (local.get 3)) (i32.const 7)) (i32.const -8)))
                    (local.get $start))
                (func (export "run") (result i32)
                    {calls}
                    (i32.store (i32.const 512) (i32.const 0))
                    (i32.const 512)))"#
        );
        let mut module = wat::parse_str(text).unwrap();
        let mut resolve = Resolve::default();
        let contract = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../wit");
        let (package, _) = resolve.push_dir(contract).unwrap();
        let world = resolve.select_world(&[package], Some("stack")).unwrap();
        wit_component::embed_component_metadata(&mut module, &resolve, world, StringEncoding::UTF8).unwrap();
        module
    }
}
