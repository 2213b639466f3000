//! Shrinker: the smallest plan in which the same invariant still fails.

use crate::network::Weather;
use crate::plan::{Afterwards, Plan, SECOND};
use crate::trace::Trace;
use crate::world;

/// Most worlds that a shrink runs.
const MOST_RUNS: u32 = 400;

/// Result of a shrink.
pub(crate) struct Shrunk {
    pub(crate) plan: Plan,
    pub(crate) runs: u32,
}

/// Takes away actors, troubles, weather and time, for as long as `invariant` fails.
pub(crate) fn shrink(plan: &Plan, invariant: &str) -> Shrunk {
    let mut best = plan.clone();
    let mut runs = 0;
    loop {
        let mut smaller = false;
        for candidate in candidates(&best) {
            if runs >= MOST_RUNS {
                return Shrunk { plan: best, runs };
            }
            runs += 1;
            if fails(&candidate, invariant) {
                best = candidate;
                smaller = true;
                break;
            }
        }
        if !smaller {
            return Shrunk { plan: best, runs };
        }
    }
}

fn fails(plan: &Plan, invariant: &str) -> bool {
    let run = std::panic::catch_unwind(|| world::run(plan, Trace::default()));
    match run {
        Ok(outcome) => outcome
            .violation
            .is_some_and(|violation| violation.invariant == invariant),
        Err(_) => invariant == crate::PANIC,
    }
}

fn candidates(plan: &Plan) -> Vec<Plan> {
    let mut all = Vec::new();
    let mut propose = |change: &dyn Fn(&mut Plan)| {
        let mut smaller = plan.clone();
        change(&mut smaller);
        all.push(smaller);
    };
    for (n, attack) in plan
        .attacks
        .iter()
        .enumerate()
        .filter(|(_, it)| it.takes_part)
    {
        propose(&|plan| plan.attacks[n].takes_part = false);
        if attack.strength > 1 {
            propose(&|plan| plan.attacks[n].strength /= 2);
        }
    }
    for (n, _) in plan
        .troubles
        .iter()
        .enumerate()
        .filter(|(_, it)| it.takes_part)
    {
        propose(&|plan| plan.troubles[n].takes_part = false);
    }
    for (n, client) in plan
        .clients
        .iter()
        .enumerate()
        .filter(|(_, it)| it.takes_part)
    {
        propose(&|plan| plan.clients[n].takes_part = false);
        if client.bridge.is_some() {
            propose(&|plan| plan.clients[n].bridge = None);
        }
        if client.afterwards != Afterwards::Nothing {
            propose(&|plan| plan.clients[n].afterwards = Afterwards::Nothing);
        }
        if client.clock.drift_ppm != 0 {
            propose(&|plan| plan.clients[n].clock.drift_ppm = 0);
        }
    }
    if plan.weather != Weather::FINE {
        propose(&|plan| plan.weather = Weather::FINE);
        propose(&|plan| plan.weather.loss = 0);
        propose(&|plan| plan.weather.duplicates = 0);
        propose(&|plan| plan.weather.corruption = 0);
        propose(&|plan| plan.weather.jitter = 0);
        // A weather that cannot get better is no candidate.
        all.retain(|smaller| smaller.weather != plan.weather || changed(plan, smaller));
    }
    if plan.duration > 6 * SECOND {
        let mut smaller = plan.clone();
        smaller.duration -= 2 * SECOND;
        all.push(smaller);
    }
    all
}

/// `true` if something other than the weather differs.
fn changed(plan: &Plan, smaller: &Plan) -> bool {
    let weatherless = |plan: &Plan| {
        let mut plan = plan.clone();
        plan.weather = Weather::FINE;
        format!("{plan:?}")
    };
    weatherless(plan) != weatherless(smaller)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_candidate_is_another_plan_and_the_least_plan_has_none() {
        for seed in 0..50 {
            let mut plan = Plan::from_seed(seed);
            let mut steps = 0;
            while let Some(smaller) = candidates(&plan).into_iter().next() {
                assert_ne!(format!("{smaller:?}"), format!("{plan:?}"));
                plan = smaller;
                steps += 1;
                assert!(steps < 1_000, "seed {seed} shrinks for ever");
            }
            assert!(plan.attacks.iter().all(|attack| !attack.takes_part));
            assert!(plan.clients.iter().all(|client| !client.takes_part));
        }
    }

    #[test]
    fn a_plan_that_does_not_fail_stays_as_it_is() {
        let plan = Plan::from_seed(1);
        assert!(!fails(&plan, crate::PANIC));
    }
}
