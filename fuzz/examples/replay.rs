//! Runs one target over files and folders of inputs, without libFuzzer, for debuggers and coverage:
//! `cargo run --no-default-features --example replay -- TARGET PATH…` with `--cfg fuzzing` in
//! `RUSTFLAGS`.

use std::path::Path;

use netcode_fuzz::{TARGETS, Target};

fn run(target: Target, path: &Path) -> std::io::Result<()> {
    if path.is_dir() {
        for entry in std::fs::read_dir(path)? {
            run(target, &entry?.path())?;
        }
        return Ok(());
    }
    target(&std::fs::read(path)?);
    Ok(())
}

fn main() -> std::io::Result<()> {
    let mut arguments = std::env::args().skip(1);
    let name = arguments.next().unwrap_or_default();
    let Some((_, target)) = TARGETS.iter().find(|(listed, _)| *listed == name) else {
        let names: Vec<_> = TARGETS.iter().map(|(name, _)| *name).collect();
        return Err(std::io::Error::other(format!(
            "targets: {}",
            names.join(", ")
        )));
    };
    arguments.try_for_each(|path| run(*target, Path::new(&path)))
}
