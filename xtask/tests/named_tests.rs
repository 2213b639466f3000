//! Tests named in documents, which the compiler does not check: each exists.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "tests stop where they fail"
)]

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

/// Documents that name tests in backquotes.
const DOCUMENTS: [&str; 2] = ["SECURITY.md", "netcode-bridge/src/lib.rs"];

/// Fewest words of a test's name; other names in these documents are shorter.
const MIN_WORDS: usize = 4;

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap()
}

fn is_test_name(text: &str) -> bool {
    let is_part = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_';
    text.bytes().all(is_part) && text.split('_').count() >= MIN_WORDS
}

/// Adds the names of all functions in the Rust sources below `folder`.
fn collect_functions(folder: &Path, names: &mut BTreeSet<String>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_string_lossy();
        if path.is_dir() {
            if !matches!(&*name, "target" | "node_modules") && !name.starts_with('.') {
                collect_functions(&path, names);
            }
        } else if name.ends_with(".rs") {
            let text = fs::read_to_string(&path).unwrap();
            let after = text.split("fn ").skip(1);
            names.extend(after.filter_map(|it| Some(it.split_once('(')?.0.to_owned())));
        }
    }
}

#[test]
fn every_test_named_in_a_document_exists() {
    let mut functions = BTreeSet::new();
    collect_functions(root(), &mut functions);
    for document in DOCUMENTS {
        let text = fs::read_to_string(root().join(document)).unwrap();
        let parts: Vec<&str> = text.split('`').collect();
        // Between two backquotes: every second part. rustdoc checks the links.
        let quoted = parts.chunks_exact(2).filter(|it| !it[0].ends_with('['));
        let named: BTreeSet<&str> = quoted
            .map(|it| it[1])
            .filter(|it| is_test_name(it))
            .collect();
        assert!(named.len() >= 20, "{document}: {} tests", named.len());
        let missing: Vec<_> = named
            .iter()
            .filter(|it| !functions.contains(**it))
            .collect();
        assert!(missing.is_empty(), "{document}: {missing:?}");
    }
}
