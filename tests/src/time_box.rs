//! A box of time: as many of many cases as there is time for.
//!
//! How many cases there are grows with every feature, and to try all of them takes longer than a build may. A build
//! therefore tries what it has time for, in an order that a seed shuffles, so that each commit tries others. It fails
//! where it tried far fewer than it should have: a machine that is too slow, or cases that are skipped, are noticed.

use std::time::{Duration, Instant};

use crate::seeded::Seeded;

/// What seeds the chance where nobody says anything, as in a checkout without git.
const NO_SEED: &str = "paylink";

/// How long cases are tried, and in which order.
#[derive(Clone, Debug)]
pub struct TimeBox {
    time: Duration,
    began: Instant,
    seed: String,
}

impl TimeBox {
    /// A box of `PAYLINK_SECONDS` seconds that begins now. `PAYLINK_SEED`, any text, seeds it; `make` says the commit.
    /// Nothing where no seconds are said: all cases are tried then, or those that somebody names.
    ///
    /// # Panics
    /// Where the seconds are no number.
    pub fn from_environment() -> Option<Self> {
        let said = |variable: &str| std::env::var(variable).ok().filter(|text| !text.is_empty());
        let seconds = said("PAYLINK_SECONDS")?;
        let seconds = seconds.parse().unwrap_or_else(|_| panic!("PAYLINK_SECONDS is no number: {seconds}"));
        let seed = said("PAYLINK_SEED").unwrap_or_else(|| NO_SEED.to_owned());
        Some(Self { time: Duration::from_secs(seconds), began: Instant::now(), seed })
    }

    /// Whether no further case begins.
    pub fn is_over(&self) -> bool {
        self.began.elapsed() >= self.time
    }

    /// The chance that shuffles the cases.
    pub fn chance(&self) -> Seeded {
        Seeded::from_text(&self.seed)
    }

    /// Says how many of all cases were tried, and fails where fewer than `least_in_a_minute` were tried in a minute.
    ///
    /// # Panics
    /// Where too few were tried.
    #[allow(clippy::print_stdout, reason = "whoever reads the log of a build reads this")]
    pub fn close(&self, cases: &str, tried: usize, all: Option<usize>, least_in_a_minute: usize) {
        let of_all = all.map_or_else(String::new, |all| format!(" of {all}"));
        let (took, seed) = (self.began.elapsed().as_secs(), &self.seed);
        println!("{tried}{of_all} {cases} were tried in {took} seconds, in the order of PAYLINK_SEED={seed}.");
        let seconds = usize::try_from(self.time.as_secs()).unwrap();
        let least = (least_in_a_minute * seconds / 60).min(all.unwrap_or(usize::MAX));
        assert!(
            tried >= least,
            "only {tried} {cases} were tried in {took} seconds, and at least {least} should have been"
        );
    }
}
