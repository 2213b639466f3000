//! Versions of programs and of Debian's packages.

use std::fmt::{self, Display, Formatter};

/// Version: major, minor, patch. Any suffix is ignored.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Version(pub(crate) u32, pub(crate) u32, pub(crate) u32);

impl Version {
    /// Parses the first version in a program's output or in a package's version: `QEMU emulator
    /// version 7.2.22 (Debian …)`, `v20.20.2`, `Redis server v=7.0.15`, `1:7.2+dfsg-7+deb12u18`.
    pub(crate) fn read(text: &str) -> Option<Self> {
        text.split_whitespace().find_map(Self::read_word)
    }

    fn read_word(word: &str) -> Option<Self> {
        // systemd's is in parentheses, that of Redis behind `v=`.
        let word = word.strip_prefix(['v', '(']).unwrap_or(word);
        let word = word.strip_prefix('=').unwrap_or(word);
        // Debian's epoch.
        let word = word.split_once(':').map_or(word, |(_, rest)| rest);
        let end = word.find(|it: char| !it.is_ascii_digit() && it != '.');
        let (numbers, _) = word.split_at(end.unwrap_or(word.len()));
        let mut numbers = numbers.split('.').map(str::parse);
        let major = numbers.next()?.ok()?;
        let minor = numbers.next()?.ok()?;
        let patch = numbers.next().and_then(Result::ok).unwrap_or(0);
        Some(Self(major, minor, patch))
    }

    /// `rust-version` of the workspace.
    pub(crate) fn of_workspace() -> Option<Self> {
        Self::read(env!("CARGO_PKG_RUST_VERSION"))
    }
}

impl Display for Version {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}.{}", self.0, self.1, self.2)
    }
}

/// Accepted versions: those from the last of the list on, and for the major version of an earlier
/// entry those from that entry on. Node's packages write `^20.19 || >=22.12` for such a range.
#[derive(Clone, Debug)]
pub(crate) struct AtLeast(pub(crate) Vec<Version>);

impl AtLeast {
    pub(crate) fn serves(&self, version: Version) -> bool {
        let of_its_major = self.0.iter().any(|it| it.0 == version.0 && *it <= version);
        of_its_major || self.0.last().is_none_or(|last| *last <= version)
    }
}

impl Display for AtLeast {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let all: Vec<_> = self
            .0
            .iter()
            .map(|it| format!("{}.{}", it.0, it.1))
            .collect();
        write!(f, "{} or later", all.join(", "))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_read_from_what_programs_and_packages_say() {
        for (text, version) in [
            ("rustc 1.96.0 (ac68faa20 2026-05-25)", Version(1, 96, 0)),
            (
                "Chromium 156.0.8078.108 built on Debian GNU/Linux 12",
                Version(156, 0, 8078),
            ),
            ("ChromeDriver 148.0.7778.167 (0d46)", Version(148, 0, 7778)),
            (
                "QEMU emulator version 7.2.22 (Debian 1:7.2)\nCopyright",
                Version(7, 2, 22),
            ),
            ("v20.20.2\n", Version(20, 20, 2)),
            ("Redis server v=7.0.15 sha=00000000:0", Version(7, 0, 15)),
            ("systemd 252 (252.39-1~deb12u2)\n+PAM", Version(252, 39, 0)),
            ("9.2.0~ds1-1", Version(9, 2, 0)),
            ("1.85.0+dfsg3-1~deb12u3", Version(1, 85, 0)),
            ("1:7.2+dfsg-7+deb12u18+b3", Version(7, 2, 0)),
            ("1.97.0-nightly", Version(1, 97, 0)),
            ("1.91", Version(1, 91, 0)),
        ] {
            assert_eq!(Version::read(text), Some(version), "{text}");
        }
    }

    #[test]
    fn words_without_a_version_are_none() {
        for text in ["", "(none)", "Segmentation fault", "12", "built in 2026"] {
            assert_eq!(Version::read(text), None, "{text}");
        }
    }

    #[test]
    fn versions_are_compared_by_number_and_not_by_letter() {
        assert!(Version(1, 100, 0) > Version(1, 91, 0));
        assert!(Version(1, 85, 9) < Version(1, 91, 0));
    }

    #[test]
    fn a_gap_between_two_major_versions_does_not_serve() {
        let node = AtLeast(vec![Version(20, 19, 0), Version(22, 12, 0)]);
        for serves in [
            Version(20, 19, 0),
            Version(20, 20, 2),
            Version(22, 12, 0),
            Version(26, 0, 0),
        ] {
            assert!(node.serves(serves), "{serves}");
        }
        for too_old in [
            Version(18, 20, 4),
            Version(20, 18, 9),
            Version(21, 7, 0),
            Version(22, 11, 0),
        ] {
            assert!(!node.serves(too_old), "{too_old}");
        }
    }

    #[test]
    fn the_workspace_names_the_oldest_compiler_it_builds_with() {
        assert!(Version::of_workspace().is_some());
    }
}
