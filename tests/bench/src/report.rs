//! What was measured, and what is worse than before. `tables` shows it to people.

use std::collections::BTreeMap;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::about::About;

/// A zip may grow by this share before a check fails: a new compiler or a dependency's update moves it by less. It must
/// stay within its budget all the same. Counts may not grow at all.
const SIZE_MARGIN: f64 = 1.05;

/// Memory and time differ between machines, so that past this there is only a warning. Their budgets hold as well, that of
/// memory as a failure.
const MEMORY_MARGIN: f64 = 1.10;
const TIME_MARGIN: f64 = 1.50;

#[derive(Debug, Default, Serialize, Deserialize)]
pub(crate) struct Report {
    #[serde(default)]
    pub(crate) about: About,
    pub(crate) sizes: BTreeMap<String, Size>,
    pub(crate) counts: BTreeMap<String, Count>,
    #[serde(default)]
    pub(crate) walls: Vec<Wall>,
    #[serde(default)]
    pub(crate) cost: Vec<(String, f64)>,
    #[serde(default)]
    pub(crate) cost_of_a_month: Vec<(String, f64)>,
    #[serde(default)]
    pub(crate) scale: Vec<Scale>,
    #[serde(default)]
    pub(crate) cold: BTreeMap<String, Cold>,
    /// From exec to the first connection of programs that are not ours.
    #[serde(default)]
    pub(crate) beside: BTreeMap<String, Spread>,
    /// From the store to the program to the step.
    #[serde(default)]
    pub(crate) warm: BTreeMap<String, BTreeMap<String, BTreeMap<String, Warm>>>,
    /// How long the answers of the store with a fixed delay took.
    #[serde(default)]
    pub(crate) store_delay: Option<Spread>,
    #[serde(default)]
    pub(crate) bulk: Vec<Bulk>,
    #[serde(default)]
    pub(crate) races: BTreeMap<String, Spread>,
    /// For each peer, by how much it exceeds Paylink in what it needs.
    #[serde(default)]
    pub(crate) ratios: BTreeMap<String, BTreeMap<String, f64>>,
    #[serde(default)]
    pub(crate) budgets: Vec<Budget>,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Size {
    pub(crate) binary_bytes: u64,
    pub(crate) zip_bytes: u64,
}

/// What one operation asks of DynamoDB.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Count {
    pub(crate) round_trips: f64,
    pub(crate) read_units: f64,
    pub(crate) write_units: f64,
    /// Those of the round trips that write.
    pub(crate) writes: f64,
}

/// A partition of the table or of an index, and what one life asks of it.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Wall {
    pub(crate) partition: String,
    pub(crate) shared_by: String,
    pub(crate) read_units: f64,
    pub(crate) write_units: f64,
    /// The number of lives a second that fill it. `None` where lives do not share it.
    pub(crate) full_at: Option<f64>,
}

/// What a number of lives a second asks for.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Scale {
    pub(crate) lives_per_second: f64,
    pub(crate) write_units: f64,
    pub(crate) read_units: f64,
    pub(crate) calls: f64,
    pub(crate) invocations: f64,
    pub(crate) running: f64,
    pub(crate) dollars_a_month: f64,
    pub(crate) dollars_a_month_with_email: f64,
}

/// The middle and the ninth tenth of many times, in milliseconds.
#[derive(Debug, Default, Clone, Copy, Serialize, Deserialize)]
pub(crate) struct Spread {
    pub p50: f64,
    pub p90: f64,
}

impl Spread {
    pub(crate) fn of(mut times: Vec<Duration>) -> Self {
        times.sort_unstable();
        let at = |tenths: usize| times[(times.len() - 1) * tenths / 10].as_secs_f64() * 1000.0;
        Self { p50: at(5), p90: at(9) }
    }
}

#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Cold {
    /// From exec until the process opens its first connection, to DynamoDB or to the Runtime API.
    pub(crate) before_network: Spread,
    /// From exec to the first request for an invocation, without the time from the first connection to DynamoDB to the last
    /// answer from there.
    pub(crate) without_network: Spread,
    /// From exec to the first request for an invocation.
    pub(crate) ready: Spread,
    /// From exec to the first answer.
    pub(crate) first_answer: Spread,
    /// The process's own time on a processor until then.
    #[serde(default)]
    pub(crate) processor: Spread,
    pub(crate) peak_memory_ready_bytes: u64,
    pub(crate) peak_memory_after_hundred_bytes: u64,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Warm {
    pub(crate) latency: Spread,
    /// The process's own time on a processor for one operation, in milliseconds.
    pub(crate) processor_ms: f64,
}

/// Much work at once.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Bulk {
    pub(crate) what: String,
    pub(crate) pieces: usize,
    pub(crate) per_second: f64,
    pub(crate) processor_ms_each: f64,
}

/// A limit, and what was measured against it.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Budget {
    pub(crate) what: String,
    pub(crate) unit: String,
    pub(crate) measured: f64,
    pub(crate) limit: f64,
    pub(crate) is_met: bool,
    /// The limit is what is wanted at least.
    pub(crate) is_least: bool,
    /// A time depends on the machine, so that a check only warns.
    pub(crate) is_time: bool,
    /// Why it is not met and stays so.
    pub(crate) accepted_because: Option<String>,
}

/// What a comparison found.
#[derive(Debug, Default)]
pub(crate) struct Worse {
    pub(crate) failures: Vec<String>,
    pub(crate) warnings: Vec<String>,
}

impl Report {
    /// What is worse than the baseline, or over budget.
    pub(crate) fn worse_than(&self, baseline: &Self) -> Worse {
        let mut worse = Worse::default();
        self.compare_counts(baseline, &mut worse);
        self.compare_sizes(baseline, &mut worse);
        self.compare_starts(baseline, &mut worse);
        self.compare_warm(baseline, &mut worse);
        for budget in self.budgets.iter().filter(|budget| !budget.is_met && budget.accepted_because.is_none()) {
            let Budget { what, unit, measured, limit, .. } = budget;
            let list = if budget.is_time { &mut worse.warnings } else { &mut worse.failures };
            list.push(format!("{what}: {measured:.2} {unit} against a budget of {limit}"));
        }
        worse
    }

    fn compare_counts(&self, baseline: &Self, worse: &mut Worse) {
        for (name, now) in &self.counts {
            let Some(before) = baseline.counts.get(name) else {
                worse
                    .failures
                    .push(format!("{name} is not in the baseline; `make bench` and `make bench-baseline` add it"));
                continue;
            };
            let pairs = [
                ("round trips", before.round_trips, now.round_trips),
                ("writes", before.writes, now.writes),
                ("read units", before.read_units, now.read_units),
                ("write units", before.write_units, now.write_units),
            ];
            for (what, before, now) in pairs {
                if now > before + 0.001 {
                    worse.failures.push(format!("{name}: {now:.3} {what} instead of {before:.3}"));
                }
            }
        }
        let missing = baseline.counts.keys().filter(|name| !self.counts.contains_key(*name));
        worse.failures.extend(missing.map(|name| format!("{name} is not counted any more")));
    }

    fn compare_sizes(&self, baseline: &Self, worse: &mut Worse) {
        for (name, now) in &self.sizes {
            let Some(before) = baseline.sizes.get(name) else {
                worse.failures.push(format!("the size of {name} is not in the baseline"));
                continue;
            };
            if exceeds(now.zip_bytes, before.zip_bytes, SIZE_MARGIN) {
                let text = format!("{name}: a zip of {} bytes instead of {}", now.zip_bytes, before.zip_bytes);
                worse.failures.push(text);
            }
        }
    }

    fn compare_starts(&self, baseline: &Self, worse: &mut Worse) {
        for (name, now) in &self.cold {
            let Some(before) = baseline.cold.get(name) else {
                worse.failures.push(format!("the start of {name} is not in the baseline"));
                continue;
            };
            let memory = [
                ("when ready", before.peak_memory_ready_bytes, now.peak_memory_ready_bytes),
                (
                    "after a hundred requests",
                    before.peak_memory_after_hundred_bytes,
                    now.peak_memory_after_hundred_bytes,
                ),
            ];
            for (when, before, now) in memory {
                if exceeds(now, before, MEMORY_MARGIN) {
                    worse.warnings.push(format!("{name}: {now} bytes of memory {when} instead of {before}"));
                }
            }
            worse.warn_of_time(&format!("{name} ready"), before.ready.p50, now.ready.p50);
            worse.warn_of_time(&format!("{name}'s first answer"), before.first_answer.p50, now.first_answer.p50);
        }
    }

    fn compare_warm(&self, baseline: &Self, worse: &mut Worse) {
        for (store, programs) in &self.warm {
            for (program, steps) in programs {
                for (step, now) in steps {
                    let Some(before) = baseline.warm.get(store).and_then(|programs| programs.get(program)?.get(step))
                    else {
                        worse.failures.push(format!("{step} of {program} on the {store} is not in the baseline"));
                        continue;
                    };
                    worse.warn_of_time(&format!("{step} on the {store}"), before.latency.p50, now.latency.p50);
                    let what = format!("{step} on the {store}, on a processor");
                    worse.warn_of_time(&what, before.processor_ms, now.processor_ms);
                }
            }
        }
    }

    /// What the peers need beside what the functions need that they stand for.
    pub(crate) fn compare_with(&mut self, peers: &[&str]) {
        for peer in peers {
            let mut ratios = BTreeMap::new();
            if let (Some(theirs), Some(ours)) = (self.cold.get(*peer), self.cold.get("create-link")) {
                let bytes = |bytes: u64| f64::from(u32::try_from(bytes / 1024).unwrap_or(u32::MAX));
                let memory = |of: fn(&Cold) -> u64| bytes(of(theirs)) / bytes(of(ours));
                ratios.insert("start".to_owned(), theirs.ready.p50 / ours.ready.p50);
                ratios.insert("first answer".to_owned(), theirs.first_answer.p50 / ours.first_answer.p50);
                ratios.insert("memory when ready".to_owned(), memory(|cold| cold.peak_memory_ready_bytes));
                ratios.insert("memory after a hundred".to_owned(), memory(|cold| cold.peak_memory_after_hundred_bytes));
            }
            for (store, programs) in &self.warm {
                let (Some(theirs), Some(ours)) = (programs.get(*peer), programs.get("paylink")) else { continue };
                for (step, ours) in ours {
                    let theirs = &theirs[step];
                    let ratio = theirs.latency.p50 / ours.latency.p50;
                    ratios.insert(format!("{store}: {step}, latency"), ratio);
                    ratios.insert(format!("{store}: {step}, processor"), theirs.processor_ms / ours.processor_ms);
                }
            }
            self.ratios.insert((*peer).to_owned(), ratios);
        }
    }

    /// What a check compares with: what does not come from the peers.
    pub(crate) fn into_baseline(mut self, peers: &[&str], stores: &[&str]) -> Self {
        self.cold.retain(|name, _| !peers.contains(&name.as_str()));
        self.warm.retain(|store, _| stores.contains(&store.as_str()));
        for programs in self.warm.values_mut() {
            programs.retain(|name, _| !peers.contains(&name.as_str()));
        }
        Self {
            about: self.about,
            sizes: self.sizes,
            counts: self.counts,
            cold: self.cold,
            warm: self.warm,
            ..Self::default()
        }
    }
}

impl Worse {
    fn warn_of_time(&mut self, what: &str, before: f64, now: f64) {
        if now > before * TIME_MARGIN {
            self.warnings.push(format!("{what}: {now:.2} ms instead of {before:.2}"));
        }
    }
}

fn exceeds(now: u64, before: u64, margin: f64) -> bool {
    let number = |bytes: u64| f64::from(u32::try_from(bytes).unwrap_or(u32::MAX));
    number(now) > number(before) * margin
}

#[cfg(test)]
mod tests {
    use super::*;

    fn report(write_units: f64, zip_bytes: u64, ready: f64) -> Report {
        let spread = |p50| Spread { p50, p90: p50 };
        let count = Count { round_trips: 1.0, read_units: 1.0, write_units, writes: 1.0 };
        let cold = Cold {
            before_network: spread(1.0),
            without_network: spread(1.0),
            ready: spread(ready),
            first_answer: spread(1.0),
            processor: spread(1.0),
            peak_memory_ready_bytes: 1,
            peak_memory_after_hundred_bytes: 1,
        };
        Report {
            counts: BTreeMap::from([("create".to_owned(), count)]),
            sizes: BTreeMap::from([("create-link".to_owned(), Size { binary_bytes: 1, zip_bytes })]),
            cold: BTreeMap::from([("create-link".to_owned(), cold)]),
            ..Report::default()
        }
    }

    #[test]
    fn a_unit_more_fails_and_a_slower_start_only_warns() {
        let worse = report(7.0, 104, 10.0).worse_than(&report(6.0, 100, 5.0));
        assert_eq!(worse.failures, ["create: 7.000 write units instead of 6.000"]);
        assert_eq!(worse.warnings, ["create-link ready: 10.00 ms instead of 5.00"]);
    }

    #[test]
    fn a_zip_may_grow_within_its_margin_only() {
        assert!(report(6.0, 105, 5.0).worse_than(&report(6.0, 100, 5.0)).failures.is_empty());
        assert_eq!(report(6.0, 106, 5.0).worse_than(&report(6.0, 100, 5.0)).failures.len(), 1);
    }

    #[test]
    fn what_the_baseline_does_not_know_fails() {
        let failures = report(6.0, 100, 5.0).worse_than(&Report::default()).failures;
        assert_eq!(failures.len(), 3, "{failures:?}");
    }

    #[test]
    fn a_budget_that_is_not_met_fails_unless_it_is_a_time_or_was_accepted() {
        let budget = |is_time, accepted: Option<&str>| Budget {
            what: "x".to_owned(),
            unit: "MB".to_owned(),
            measured: 4.0,
            limit: 3.0,
            is_met: false,
            is_least: false,
            is_time,
            accepted_because: accepted.map(str::to_owned),
        };
        let budgets = vec![budget(false, None), budget(true, None), budget(false, Some("reasons"))];
        let worse = Report { budgets, ..Report::default() }.worse_than(&Report::default());
        assert_eq!((worse.failures.len(), worse.warnings.len()), (1, 1));
    }
}
