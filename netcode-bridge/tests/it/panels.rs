//! The Grafana dashboard: its queries name metrics that the programs export.

/// Dashboard for both programs.
const DASHBOARD: &str = include_str!("../../../packaging/grafana/netcode.json");

/// Names in `text` that begin so, each once, in order.
fn names<'t>(text: &'t str, prefix: &str) -> Vec<&'t str> {
    let is_part = |byte: char| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == '_';
    let mut names: Vec<_> = text
        .match_indices(prefix)
        .map(|(at, _)| {
            let name = &text[at..];
            &name[..name.find(|it| !is_part(it)).unwrap_or(name.len())]
        })
        .collect();
    names.sort_unstable();
    names.dedup();
    names
}

/// Checks the panels of the program that exports `metrics` with this prefix.
pub(crate) fn check(prefix: &str, metrics: &str) {
    let is_sample = |line: &&str| !line.starts_with('#');
    let samples: Vec<_> = metrics.lines().filter(is_sample).collect();
    let samples = samples.join("\n");
    let exported = names(&samples, prefix);
    let drawn = names(DASHBOARD, prefix);
    assert!(drawn.len() > 10, "{drawn:?}");
    for name in &drawn {
        assert!(exported.contains(name), "{name} is not among {exported:?}");
    }
}
