//! Metrics in the Grafana dashboard and in the operators' documentation: those that the programs export.

/// Dashboard for both programs.
const DASHBOARD: &str = include_str!("../../../packaging/grafana/netcode.json");

const DOCUMENTATION: &str = include_str!("../../../docs/operating.md");

/// Names in `text` that begin so and go on, each once, in order.
fn names<'t>(text: &'t str, prefix: &str) -> Vec<&'t str> {
    let is_part = |byte: char| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == '_';
    let mut names: Vec<_> = text
        .match_indices(prefix)
        .map(|(at, _)| {
            let name = &text[at..];
            &name[..name.find(|it| !is_part(it)).unwrap_or(name.len())]
        })
        .filter(|name| name.len() > prefix.len())
        .collect();
    names.sort_unstable();
    names.dedup();
    names
}

/// Checks what is drawn and documented of the program that exports `metrics` with this prefix.
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
    // A histogram is documented by the name that its samples begin with.
    let documented = names(DOCUMENTATION, prefix);
    for name in &exported {
        let is_documented = documented.iter().any(|it| name.starts_with(it));
        assert!(is_documented, "{name} is not documented");
    }
    for name in &documented {
        let is_exported = exported.iter().any(|it| it.starts_with(name));
        assert!(is_exported, "{name} is not exported any more");
    }
}
