//! The type of a stack, put into core modules whose compilers do not know it.

use wit_component::{StringEncoding, embed_component_metadata};
use wit_parser::Resolve;

use crate::LanguageError;

/// The contract.
pub(crate) const CONTRACT: &str = include_str!("../../../wit/stack.wit");

/// The core module with the component type of the contract's world `stack`; the host wraps it when it loads it.
pub(crate) fn typed(mut module: Vec<u8>) -> Result<Vec<u8>, LanguageError> {
    let mut resolve = Resolve::default();
    resolve
        .push_str("stack.wit", CONTRACT)
        .and_then(|package| resolve.select_world(&[package], Some("stack")))
        .and_then(|world| embed_component_metadata(&mut module, &resolve, world, StringEncoding::UTF8))
        .map_err(|error| LanguageError::NoStack(error.to_string()))?;
    Ok(module)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_module_gets_the_type_and_keeps_its_bytes() {
        let empty = b"\0asm\x01\0\0\0".to_vec();
        let module = typed(empty.clone()).unwrap();
        assert!(module.starts_with(&empty));
        let (found, _) = wit_component::metadata::decode(&module).unwrap();
        assert!(found.is_some());
    }
}
