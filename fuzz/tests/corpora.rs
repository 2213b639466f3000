//! Replay of the committed corpora, without libFuzzer.

use std::fs;
use std::panic;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};

use netcode_fuzz::TARGETS;

/// Panics so far, also those that a library's task has caught.
static PANICS: AtomicUsize = AtomicUsize::new(0);

fn inputs(target: &str) -> Vec<PathBuf> {
    let corpus = Path::new(env!("CARGO_MANIFEST_DIR")).join("corpus");
    let folder = corpus.join(target);
    let listed = fs::read_dir(&folder).unwrap_or_else(|error| panic!("{folder:?}: {error}"));
    let mut files: Vec<_> = listed.map(|entry| entry.unwrap().path()).collect();
    files.sort();
    files
}

#[test]
fn every_input_of_every_corpus_runs_to_its_end() {
    let report = panic::take_hook();
    panic::set_hook(Box::new(move |info| {
        PANICS.fetch_add(1, Ordering::Relaxed);
        report(info);
    }));
    let mut failed = Vec::new();
    for (name, target) in TARGETS {
        let files = inputs(name);
        assert!(!files.is_empty(), "{name} has no corpus");
        for file in files {
            let data = fs::read(&file).unwrap();
            let before = PANICS.load(Ordering::Relaxed);
            let _ = panic::catch_unwind(|| target(&data));
            if PANICS.load(Ordering::Relaxed) != before {
                failed.push(file);
            }
        }
    }
    assert!(failed.is_empty(), "{failed:#?}");
}
