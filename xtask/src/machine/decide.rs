//! Decision about the programs that a step needs: use, install or refuse.

use super::version::{AtLeast, Version};

/// Programs that a step needs, all of them together.
#[derive(Debug)]
pub(crate) struct Need {
    /// Purpose, for messages.
    pub(crate) purpose: String,
    pub(crate) parts: Vec<Part>,
    /// Versions of which each part must have one.
    pub(crate) at_least: AtLeast,
    pub(crate) agreement: Agreement,
    /// Advice for machines without Debian's packages.
    pub(crate) elsewhere: String,
}

/// One program or library of a need.
#[derive(Debug)]
pub(crate) struct Part {
    pub(crate) asked: Asked,
    /// Debian package.
    pub(crate) package: &'static str,
}

/// Source of a part's version.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Asked {
    /// The program itself, which also proves that it runs.
    Program(&'static str),
    /// Debian's package manager, for parts that are not programs.
    PackageManager,
}

/// Degree to which the versions of the parts must be equal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Agreement {
    Nothing,
    Major,
    Everything,
}

/// State of a need on this machine.
#[derive(Debug)]
pub(crate) struct Found {
    /// Version of each part, in the need's order; `None` if it is missing or does not run.
    pub(crate) parts: Vec<Option<Version>>,
    pub(crate) debian: Debian,
}

/// State of the machine's package manager.
#[derive(Debug)]
pub(crate) enum Debian {
    /// The system is not Debian.
    Absent,
    /// This process is not root and may not install.
    NotOurs,
    /// The package lists are of any age.
    OldLists,
    /// The package lists are up to date.
    Lists {
        /// Version of each part that would be installed.
        offered: Vec<Option<Version>>,
        /// `true` if the lists could be refreshed.
        refreshed: bool,
    },
    /// Installing the packages was tried.
    Tried { succeeded: bool },
}

/// Next action.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Decision {
    /// Use the parts as they are.
    Use,
    /// Refresh the package lists and examine what they offer.
    Refresh,
    /// Install or upgrade the packages.
    Install,
    /// Fail: the sentence gives the reason and the remedy.
    Refuse(String),
}

/// Decides by the present state. `Refresh` leads to `Debian::Lists`, `Install` to `Debian::Tried`,
/// so repeating this ends.
pub(crate) fn decide(found: &Found, need: &Need) -> Decision {
    let Some(fault) = need.fault(&found.parts) else {
        return Decision::Use;
    };
    let what = format!("{}: found {fault}", need.purpose);
    let elsewhere = &need.elsewhere;
    match &found.debian {
        Debian::Absent | Debian::NotOurs => Decision::Refuse(format!(
            "{what}; {elsewhere}, or on Debian, as root, `{}`",
            need.apt_line()
        )),
        Debian::OldLists => Decision::Refresh,
        Debian::Lists { offered, refreshed } => match need.fault(offered) {
            None => Decision::Install,
            Some(fault) if *refreshed => {
                Decision::Refuse(format!("{what}; {elsewhere} (Debian offers {fault})"))
            }
            Some(fault) => Decision::Refuse(format!(
                "{what}; {elsewhere}, or `{}` once the package lists can be refreshed (now they \
                 offer {fault})",
                need.apt_line()
            )),
        },
        Debian::Tried { succeeded } => {
            let failed = if *succeeded { "" } else { ", which failed" };
            let apt = need.apt_line();
            Decision::Refuse(format!("{what}, even after `{apt}`{failed}; {elsewhere}"))
        }
    }
}

impl Need {
    /// `true` if these `versions` of the parts meet the need.
    pub(crate) fn serves(&self, versions: &[Option<Version>]) -> bool {
        self.fault(versions).is_none()
    }

    /// Reason why `versions` do not meet the need, if so.
    fn fault(&self, versions: &[Option<Version>]) -> Option<String> {
        // Versions that a short list lacks count as missing.
        let versions = versions.iter().copied().chain(std::iter::repeat(None));
        let packages = self.packages();
        let (there, missing): (Vec<_>, Vec<_>) = packages
            .iter()
            .zip(versions)
            .partition(|(_, version)| version.is_some());
        let there: Vec<(&str, Version)> = there
            .into_iter()
            .filter_map(|(package, version)| Some((*package, version?)))
            .collect();
        let show = |parts: &[(&str, Version)]| {
            let parts: Vec<_> = parts
                .iter()
                .map(|(name, it)| format!("{name} {it}"))
                .collect();
            parts.join(", ")
        };

        let mut faults: Vec<String> = missing
            .iter()
            .map(|(package, _)| format!("no {package}"))
            .collect();
        let too_old = |(_, version): &&(&str, Version)| !self.at_least.serves(*version);
        let old: Vec<_> = there.iter().filter(too_old).copied().collect();
        if !old.is_empty() {
            faults.push(format!("{}, where {} is needed", show(&old), self.at_least));
        } else if !self.agreement.holds(&there) {
            faults.push(format!("{}, which are not of one version", show(&there)));
        }
        (!faults.is_empty()).then(|| faults.join(", "))
    }

    pub(crate) fn packages(&self) -> Vec<&'static str> {
        self.parts.iter().map(|part| part.package).collect()
    }

    fn apt_line(&self) -> String {
        let packages = self.packages().join(" ");
        format!("apt-get update && apt-get install --no-install-recommends {packages}")
    }
}

impl Agreement {
    fn holds(self, parts: &[(&str, Version)]) -> bool {
        let agree = |a: Version, b: Version| match self {
            Self::Nothing => true,
            Self::Major => a.0 == b.0,
            Self::Everything => a == b,
        };
        let mut pairs = parts.iter().zip(parts.iter().skip(1));
        pairs.all(|((_, a), (_, b))| agree(*a, *b))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const OLD: Option<Version> = Some(Version(1, 85, 0));
    const NEW: Option<Version> = Some(Version(1, 96, 0));

    fn part(package: &'static str) -> Part {
        Part {
            asked: Asked::PackageManager,
            package,
        }
    }

    fn compiler() -> Need {
        Need {
            purpose: "compiler for thumbv7m-none-eabi".into(),
            parts: ["rustc-web", "rust-web-src", "libstd-rust-web-dev"]
                .map(part)
                .into(),
            at_least: AtLeast(vec![Version(1, 91, 0)]),
            agreement: Agreement::Everything,
            elsewhere: "run `rustup target add thumbv7m-none-eabi`".into(),
        }
    }

    fn browser() -> Need {
        Need {
            purpose: "browser".into(),
            parts: ["chromium", "chromium-driver"].map(part).into(),
            at_least: AtLeast(vec![Version(150, 0, 0)]),
            agreement: Agreement::Major,
            elsewhere: "install Chromium".into(),
        }
    }

    fn found(parts: &[Option<Version>], debian: Debian) -> Found {
        Found {
            parts: parts.to_vec(),
            debian,
        }
    }

    fn lists(offered: &[Option<Version>]) -> Debian {
        Debian::Lists {
            offered: offered.to_vec(),
            refreshed: true,
        }
    }

    fn refusal(found: &Found, need: &Need) -> String {
        match decide(found, need) {
            Decision::Refuse(why) => why,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn sufficient_programs_are_used_in_every_state_of_the_packages() {
        let all = [
            Debian::Absent,
            Debian::NotOurs,
            Debian::OldLists,
            lists(&[]),
            Debian::Tried { succeeded: true },
        ];
        for debian in all {
            assert_eq!(
                decide(&found(&[NEW; 3], debian), &compiler()),
                Decision::Use
            );
        }
    }

    #[test]
    fn nothing_is_installed_by_lists_of_any_age() {
        for parts in [[None; 3], [OLD; 3], [NEW, None, NEW], [NEW, OLD, NEW]] {
            let found = found(&parts, Debian::OldLists);
            assert_eq!(decide(&found, &compiler()), Decision::Refresh, "{parts:?}");
        }
    }

    #[test]
    fn a_missing_or_outdated_package_is_installed_if_the_new_lists_have_it() {
        for parts in [[None; 3], [OLD; 3], [NEW, None, NEW], [NEW, OLD, NEW]] {
            let found = found(&parts, lists(&[NEW; 3]));
            assert_eq!(decide(&found, &compiler()), Decision::Install, "{parts:?}");
        }
    }

    #[test]
    fn a_package_too_old_in_the_new_lists_is_not_installed() {
        let why = refusal(&found(&[None; 3], lists(&[OLD; 3])), &compiler());
        assert!(why.contains("found no rustc-web, no rust-web-src"), "{why}");
        assert!(
            why.contains("run `rustup target add thumbv7m-none-eabi`"),
            "{why}"
        );
        let offer = "(Debian offers rustc-web 1.85.0, rust-web-src 1.85.0, \
                     libstd-rust-web-dev 1.85.0, where 1.91 or later is needed)";
        assert!(why.contains(offer), "{why}");
        assert!(!why.contains("refreshed"), "{why}");
    }

    #[test]
    fn a_package_that_no_list_has_is_not_installed() {
        for offered in [vec![None; 3], Vec::new()] {
            let why = refusal(&found(&[OLD; 3], lists(&offered)), &compiler());
            assert!(why.contains("Debian offers no rustc-web"), "{why}");
        }
    }

    #[test]
    fn lists_that_could_not_be_refreshed_serve_if_what_they_have_is_new_enough() {
        let stale = |offered: Option<Version>| Debian::Lists {
            offered: vec![offered; 3],
            refreshed: false,
        };
        let decision = decide(&found(&[None; 3], stale(NEW)), &compiler());
        assert_eq!(decision, Decision::Install);
        let why = refusal(&found(&[None; 3], stale(OLD)), &compiler());
        let apt = "run `rustup target add thumbv7m-none-eabi`, or `apt-get update &&";
        assert!(why.contains(apt), "{why}");
        let stale = "once the package lists can be refreshed (now they offer rustc-web 1.85.0,";
        assert!(why.contains(stale), "{why}");
    }

    #[test]
    fn a_person_who_may_not_install_reads_both_remedies_in_one_sentence() {
        for debian in [Debian::NotOurs, Debian::Absent] {
            let why = refusal(&found(&[OLD; 3], debian), &compiler());
            assert_eq!(
                why,
                "compiler for thumbv7m-none-eabi: \
                 found rustc-web 1.85.0, rust-web-src 1.85.0, libstd-rust-web-dev 1.85.0, \
                 where 1.91 or later is needed; \
                 run `rustup target add thumbv7m-none-eabi`, or on Debian, as root, \
                 `apt-get update && apt-get install --no-install-recommends \
                 rustc-web rust-web-src libstd-rust-web-dev`"
            );
        }
    }

    #[test]
    fn nothing_is_installed_twice() {
        for succeeded in [true, false] {
            let why = refusal(&found(&[OLD; 3], Debian::Tried { succeeded }), &compiler());
            assert!(why.contains("even after `apt-get update"), "{why}");
            assert_eq!(why.contains("which failed"), !succeeded, "{why}");
        }
    }

    #[test]
    fn missing_and_outdated_packages_are_both_named() {
        let why = refusal(&found(&[NEW, None, OLD], Debian::NotOurs), &compiler());
        let fault = "found no rust-web-src, libstd-rust-web-dev 1.85.0, where 1.91 or later";
        assert!(why.contains(fault), "{why}");
    }

    #[test]
    fn a_compiler_and_a_source_of_two_versions_do_not_serve() {
        let newer = Some(Version(1, 97, 0));
        let parts = [newer, NEW, newer];
        let decision = decide(&found(&parts, lists(&[newer; 3])), &compiler());
        assert_eq!(decision, Decision::Install);
        let why = refusal(&found(&parts, Debian::NotOurs), &compiler());
        assert!(why.contains("which are not of one version"), "{why}");
    }

    #[test]
    fn a_browser_and_its_driver_need_one_major_version() {
        let browser_of = |major| Some(Version(major, 0, 8078));
        let driver_of = |major| Some(Version(major, 0, 1));
        let one = found(&[browser_of(156), driver_of(156)], Debian::NotOurs);
        assert_eq!(decide(&one, &browser()), Decision::Use);
        let two = [browser_of(156), driver_of(155)];
        let why = refusal(&found(&two, Debian::NotOurs), &browser());
        let fault = "chromium 156.0.8078, chromium-driver 155.0.1, which are not of one version";
        assert!(why.contains(fault), "{why}");
        let old_lists = found(&two, Debian::OldLists);
        assert_eq!(decide(&old_lists, &browser()), Decision::Refresh);
        let equal = found(&two, lists(&[browser_of(156), browser_of(156)]));
        assert_eq!(decide(&equal, &browser()), Decision::Install);
        // The state while the new driver has not reached Debian yet.
        let why = refusal(&found(&[None, None], lists(&two)), &browser());
        assert!(
            why.contains("Debian offers chromium 156.0.8078, chromium-driver 155"),
            "{why}"
        );
    }

    #[test]
    fn parts_without_agreement_may_be_of_any_two_versions() {
        let need = Need {
            agreement: Agreement::Nothing,
            ..browser()
        };
        let parts = [Some(Version(156, 0, 0)), Some(Version(151, 0, 0))];
        assert_eq!(
            decide(&found(&parts, Debian::NotOurs), &need),
            Decision::Use
        );
    }
}
