//! Sizes of the files that a page loads: limited, and compared with the table in the README.

use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result, bail, ensure};

use super::{folder, package_folder, tools};
use crate::process::{capture, run};

/// Maximum sizes of the module, bytes: uncompressed, and compressed.
const MAX_MODULE: Size = Size {
    bytes: 64 * 1024,
    gzipped: 30 * 1024,
};

/// Largest difference between a size in the README and the measured one, per cent: compilers differ.
const MARGIN: u64 = 5;

/// Size of a file, bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Size {
    bytes: u64,
    gzipped: u64,
}

/// Prints the sizes. Rejects a module above the limits, and a README with other sizes.
pub(super) fn check() -> Result<()> {
    let module = measure(&package_folder().join("wasm/netcode_wasm_bg.wasm"))?;
    let script = measure(&minified()?)?;
    let readme = std::fs::read_to_string(folder().join("README.md"))?;
    for (row, size) in [("module", module), ("JavaScript", script)] {
        println!("{row}: {} bytes, {} gzipped", size.bytes, size.gzipped);
        let written = read_row(&readme, row)?;
        ensure!(
            is_near(written.bytes, size.bytes) && is_near(written.gzipped, size.gzipped),
            "netcode-wasm/README.md gives other sizes of the {row}: {written:?}"
        );
    }
    if module.bytes > MAX_MODULE.bytes || module.gzipped > MAX_MODULE.gzipped {
        bail!("the module is larger than {MAX_MODULE:?}");
    }
    Ok(())
}

/// The package's JavaScript as bundlers make it: one file, minified.
fn minified() -> Result<std::path::PathBuf> {
    let file = package_folder().with_file_name("minified.js");
    let mut bundle = tools::npm("esbuild")?;
    bundle.arg(package_folder().join("dist/index.js"));
    bundle.args([
        "--bundle",
        "--minify",
        "--format=esm",
        "--log-level=warning",
    ]);
    run(bundle.arg(format!("--outfile={}", file.display())))?;
    Ok(file)
}

fn measure(file: &Path) -> Result<Size> {
    let mut gzip = Command::new("sh");
    gzip.args(["-c", "gzip -9 < \"$1\" | wc -c", "sh"]);
    Ok(Size {
        bytes: std::fs::metadata(file)?.len(),
        gzipped: capture(gzip.arg(file))?.trim().parse()?,
    })
}

/// Sizes in the README's table: `| module, … | 59,300 | 27,400 |`.
fn read_row(readme: &str, row: &str) -> Result<Size> {
    let start = format!("| {row}");
    let line = readme.lines().find(|line| line.starts_with(&start));
    let line = line.with_context(|| format!("no sizes of the {row} in netcode-wasm/README.md"))?;
    let mut cells = line.split('|').skip(2);
    let mut number = || {
        let cell = cells.next().unwrap_or_default().trim().replace(',', "");
        cell.parse()
            .with_context(|| format!("no number in `{line}`"))
    };
    Ok(Size {
        bytes: number()?,
        gzipped: number()?,
    })
}

fn is_near(written: u64, measured: u64) -> bool {
    written.abs_diff(measured).saturating_mul(100) <= measured.saturating_mul(MARGIN)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_read_from_the_row_of_their_name() {
        let readme =
            "| | bytes | gzipped |\n| --- | --- | --- |\n| module, `a.wasm` | 59,300 | 900 |\n";
        let expected = Size {
            bytes: 59_300,
            gzipped: 900,
        };
        assert_eq!(read_row(readme, "module").unwrap(), expected);
        assert!(read_row(readme, "JavaScript").is_err());
        assert!(read_row("| module | many | 1 |", "module").is_err());
    }

    #[test]
    fn a_size_may_differ_by_the_margin_and_no_more() {
        assert!(is_near(105, 100) && is_near(95, 100));
        assert!(!is_near(106, 100) && !is_near(94, 100));
    }
}
