//! What was measured as tables in Markdown: printed, written down beside the JSON, and put into `docs/performance.md`
//! where its marks are, so that no figure of that page is typed by hand.

use std::collections::BTreeMap;
use std::fmt::Write;

use crate::businesses::BusinessLevel;
use crate::cold::CONNECT_ONLY;
use crate::experiments::Experiments;
use crate::growth::{Growth, Step};
use crate::report::{Budget, Report, Spread, Warm};
use crate::warm::{DELAYED, EMBEDDED};
use crate::world::{FUNCTIONS, PEERS};

/// A table and the name by which the page asks for it.
pub(crate) type Named = (&'static str, String);

fn table(head: &[&str], rows: impl IntoIterator<Item = Vec<String>>) -> String {
    let mut text = format!("| {} |\n|{}\n", head.join(" | "), "---|".repeat(head.len()));
    for row in rows {
        writeln!(text, "| {} |", row.join(" | ")).expect("a string");
    }
    text
}

/// A number without digits that say nothing.
fn plain(number: f64) -> String {
    let text = format!("{number:.3}");
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}

/// A large number in groups of three digits.
fn grouped(number: f64) -> String {
    let digits = format!("{number:.0}");
    let groups: Vec<&str> =
        digits.as_bytes().rchunks(3).rev().map(|group| std::str::from_utf8(group).expect("digits")).collect();
    groups.join(",")
}

fn spread(spread: &Spread) -> String {
    format!("{:.1} / {:.1}", spread.p50, spread.p90)
}

fn mebibytes(bytes: u64) -> String {
    format!("{:.1}", f64::from(u32::try_from(bytes / 1024).unwrap_or(u32::MAX)) / 1024.0)
}

fn megabytes(bytes: u64) -> String {
    format!("{:.2}", f64::from(u32::try_from(bytes).unwrap_or(u32::MAX)) / 1e6)
}

/// What a step is called without the number that sorts it.
fn unnumbered(name: &str) -> &str {
    name.trim_start_matches(|character: char| character.is_ascii_digit()).trim_start()
}

pub(crate) fn of(report: &Report) -> Vec<Named> {
    let mut tables =
        vec![("about", report.about.sentence() + "\n"), ("counts", counts(report)), ("walls", walls(report))];
    tables.push(("budgets", budgets(&report.budgets)));
    tables.push(("cold", cold(report)));
    tables.push(("beside", beside(report)));
    tables.push(("ratios", ratios(report)));
    for (name, store) in [("warm-embedded", EMBEDDED), ("warm-delayed", DELAYED)] {
        if let Some(programs) = report.warm.get(store) {
            tables.push((name, warm(report, store, programs)));
        }
    }
    if let Some(delay) = &report.store_delay {
        let text =
            format!("The delayed store really answered after {:.2} / {:.2} ms (p50 / p90).\n", delay.p50, delay.p90);
        tables.push(("store-delay", text));
    }
    tables.push(("bulk", bulk(report)));
    let races = report.races.iter().map(|(what, times)| vec![what.clone(), spread(times)]);
    tables.push(("races", table(&["fought for", "p50 / p90 in ms"], races)));
    let dollars = |lines: &[(String, f64)]| -> Vec<Vec<String>> {
        lines.iter().map(|(name, dollars)| vec![name.clone(), format!("{dollars:.2}")]).collect()
    };
    tables.push(("cost", table(&["for a million link lives, each with one email", "dollars"], dollars(&report.cost))));
    tables.push(("cost-of-a-month", table(&["each month beside them", "dollars"], dollars(&report.cost_of_a_month))));
    tables.push(("scale", scale(report)));
    tables
}

/// What there is to say of starts alone.
pub(crate) fn of_starts(report: &Report) -> Vec<Named> {
    vec![("cold", cold(report)), ("beside", beside(report))]
}

fn counts(report: &Report) -> String {
    let rows = report.counts.iter().map(|(name, count)| {
        let numbers = [count.round_trips, count.writes, count.read_units, count.write_units];
        let mut row = vec![unnumbered(name).to_owned()];
        row.extend(numbers.into_iter().map(plain));
        row
    });
    table(&["", "round trips", "of them writes", "read units", "write units"], rows)
}

fn walls(report: &Report) -> String {
    let rows = report.walls.iter().map(|wall| {
        let full = wall.full_at.map_or_else(|| "never".to_owned(), |rate| format!("{} a second", grouped(rate)));
        let (reads, writes) = (plain(wall.read_units), plain(wall.write_units));
        vec![wall.partition.clone(), reads, writes, wall.shared_by.clone(), full]
    });
    table(&["partition", "read units per life", "write units per life", "shared by", "full at"], rows)
}

fn budgets(budgets: &[Budget]) -> String {
    let rows = budgets.iter().map(|budget| {
        let met = match (&budget.accepted_because, budget.is_met) {
            (_, true) => "yes".to_owned(),
            (Some(reason), false) => format!("**no**: {reason}"),
            (None, false) => "**no**".to_owned(),
        };
        let limit = format!("{} {}", if budget.is_least { "≥" } else { "≤" }, plain(budget.limit));
        vec![budget.what.clone(), budget.unit.clone(), format!("{:.2}", budget.measured), limit, met]
    });
    table(&["budget", "", "measured", "limit", "met"], rows)
}

/// First connections, ours and others', and how many times as long as that of the program in C each takes.
fn beside(report: &Report) -> String {
    let least = report.beside.get(CONNECT_ONLY).map(|least| least.p50);
    let ours = FUNCTIONS.iter().filter_map(|name| Some((*name, &report.cold.get(*name)?.before_network)));
    let others = report.beside.iter().map(|(name, first)| (name.as_str(), first));
    let rows = ours.chain(others).map(|(name, first)| {
        let name = if name == CONNECT_ONLY { "a program in C that only connects" } else { name };
        let times = least.map(|least| format!("{:.1}", first.p50 / least)).unwrap_or_default();
        vec![name.to_owned(), format!("{:.2} / {:.2}", first.p50, first.p90), times]
    });
    table(&["first connection", "p50 / p90 in ms", "times that in C"], rows)
}

fn cold(report: &Report) -> String {
    let rows = FUNCTIONS.iter().chain(&PEERS).filter_map(|name| {
        let cold = report.cold.get(*name)?;
        let size = report.sizes.get(*name);
        Some(vec![
            peer_name(name).to_owned(),
            spread(&cold.before_network),
            spread(&cold.without_network),
            spread(&cold.ready),
            spread(&cold.first_answer),
            spread(&cold.processor),
            mebibytes(cold.peak_memory_ready_bytes),
            mebibytes(cold.peak_memory_after_hundred_bytes),
            size.map(|size| megabytes(size.binary_bytes)).unwrap_or_default(),
            size.map(|size| megabytes(size.zip_bytes)).unwrap_or_default(),
        ])
    });
    let head = [
        "p50 / p90 in ms, MiB, MB",
        "first connection",
        "without network",
        "connected",
        "first answer",
        "of it on a processor",
        "memory when ready",
        "after a hundred requests",
        "binary",
        "zip",
    ];
    table(&head, rows)
}

pub(crate) fn of_experiments(experiments: &Experiments) -> Vec<Named> {
    let rows = experiments.tried.iter().map(|tried| {
        let (cold, size) = (&tried.cold, &tried.size);
        vec![
            tried.what.clone(),
            spread(&cold.before_network),
            spread(&cold.without_network),
            spread(&cold.ready),
            spread(&cold.first_answer),
            mebibytes(cold.peak_memory_ready_bytes),
            megabytes(size.binary_bytes),
            megabytes(size.zip_bytes),
        ]
    });
    let head = [
        experiments.function.as_str(),
        "first connection",
        "without network",
        "connected",
        "first answer",
        "memory when ready",
        "binary",
        "zip",
    ];
    vec![("experiments-about", experiments.about.sentence() + "\n"), ("experiments", table(&head, rows))]
}

fn peer_name(name: &str) -> &str {
    match name {
        "node" => "Node.js peer",
        "python" => "Python peer",
        ours => ours,
    }
}

fn ratios(report: &Report) -> String {
    let rows = ["start", "first answer", "memory when ready", "memory after a hundred"].map(|what| {
        let ratio =
            |peer: &str| report.ratios.get(peer).and_then(|ratios| ratios.get(what)).copied().unwrap_or_default();
        vec![what.to_owned(), format!("{:.1}", ratio("node")), format!("{:.1}", ratio("python"))]
    });
    table(&["times what create-link needs", "Node.js peer", "Python peer"], rows)
}

fn warm(report: &Report, store: &str, programs: &BTreeMap<String, BTreeMap<String, Warm>>) -> String {
    let ours = &programs["paylink"];
    let mut head = vec![store, "Paylink", "processor"];
    let delay = report.store_delay.as_ref().filter(|_| store == DELAYED).map(|delay| delay.p50);
    head.extend(delay.map(|_| "beside the store"));
    let peers: Vec<(&str, &str)> = [("node", "Node.js"), ("python", "Python")]
        .into_iter()
        .filter(|(peer, _)| programs.contains_key(*peer))
        .collect();
    for (_, name) in &peers {
        head.extend([*name, "processor"]);
    }
    let rows = ours.iter().map(|(step, warm)| {
        let mut row = vec![unnumbered(step).to_owned(), spread(&warm.latency), format!("{:.2}", warm.processor_ms)];
        row.extend(delay.map(|delay| format!("{:.1}", warm.latency.p50 - delay * round_trips(report, step))));
        for (peer, _) in &peers {
            let theirs = &programs[*peer][step];
            row.push(format!("{} ({:.1}×)", spread(&theirs.latency), theirs.latency.p50 / warm.latency.p50));
            row.push(format!("{:.2} ({:.1}×)", theirs.processor_ms, theirs.processor_ms / warm.processor_ms));
        }
        row
    });
    table(&head, rows)
}

/// How often a step goes to the store.
fn round_trips(report: &Report, step: &str) -> f64 {
    let operation = match step {
        "1 create" => "1 create",
        "2 pay" => "3 pay, first visit",
        "3 pay again" => "5 pay, a later visit",
        _ => "6 confirm",
    };
    report.counts[operation].round_trips
}

fn bulk(report: &Report) -> String {
    let rows = report.bulk.iter().map(|bulk| {
        let (pieces, rate) = (bulk.pieces.to_string(), format!("{:.0}", bulk.per_second));
        vec![bulk.what.clone(), pieces, rate, format!("{:.2}", bulk.processor_ms_each)]
    });
    table(&["much at once", "pieces", "a second", "processor ms each"], rows)
}

fn scale(report: &Report) -> String {
    let rows = report.scale.iter().map(|scale| {
        let numbers = [
            scale.lives_per_second,
            scale.write_units,
            scale.read_units,
            scale.calls,
            scale.invocations,
            scale.running,
            scale.dollars_a_month,
            scale.dollars_a_month_with_email,
        ];
        numbers.into_iter().map(grouped).collect::<Vec<String>>()
    });
    let head = [
        "lives a second",
        "write units a second",
        "read units a second",
        "API calls a second",
        "invocations a second",
        "running functions",
        "dollars a month",
        "with an email each",
    ];
    table(&head, rows)
}

pub(crate) fn of_growth(growth: &Growth) -> Vec<Named> {
    let levels: Vec<String> =
        growth.levels.iter().map(|level| format!("{} links", grouped(number(level.links)))).collect();
    let mut head = vec![""];
    head.extend(levels.iter().map(String::as_str));
    head.push("round trips, read and write units at each");
    let steps = growth.levels.first().map(|level| level.steps.keys().cloned().collect::<Vec<_>>()).unwrap_or_default();
    let rows = steps.iter().map(|step| {
        let mut row = vec![unnumbered(step).to_owned()];
        row.extend(growth.levels.iter().map(|level| spread(&level.steps[step].latency)));
        let count = &growth.levels[0].steps[step].count;
        row.push(format!("{}, {}, {}", plain(count.round_trips), plain(count.read_units), plain(count.write_units)));
        row
    });
    let steps = table(&head, rows);
    head[0] = "the embedded store's own answers";
    head.pop();
    let operations =
        growth.levels.first().map(|level| level.store.keys().cloned().collect::<Vec<_>>()).unwrap_or_default();
    let rows = operations.iter().map(|operation| {
        let mut row = vec![operation.clone()];
        row.extend(growth.levels.iter().map(|level| level.store.get(operation).map(spread).unwrap_or_default()));
        row
    });
    let store = table(&head, rows);
    let filled = growth.levels.iter().map(|level| vec![grouped(number(level.links)), grouped(level.filled_per_second)]);
    let filled = table(&["links", "put in a second"], filled);
    let large = growth.large.iter().map(|large| {
        let count = &large.count;
        let counts = format!("{}, {}, {}", plain(count.round_trips), plain(count.read_units), plain(count.write_units));
        vec![large.what.clone(), spread(&large.latency), counts]
    });
    let large = table(&["", "p50 / p90 in ms", "round trips, read and write units of each"], large);
    let about = growth.about.sentence() + "\n";
    vec![
        ("growth-businesses", of_businesses(&growth.businesses)),
        ("growth-about", about),
        ("growth", steps),
        ("growth-store", store),
        ("growth-filled", filled),
        ("growth-large", large),
    ]
}

/// What a life asks for in a business that a process knows, and in one that it does not.
fn of_businesses(levels: &[BusinessLevel]) -> String {
    let mut head = vec![String::new()];
    for level in levels {
        let many = grouped(number(level.businesses));
        head.push(format!("{many}, known"));
        if !level.unknown.is_empty() {
            head.push(format!("{many}, unknown"));
        }
    }
    head.extend(["known: round trips, read and write units", "unknown"].map(str::to_owned));
    let counts = |step: Option<&Step>| {
        let count = step.map(|step| &step.count);
        count.map_or_else(String::new, |count| {
            format!("{}, {}, {}", plain(count.round_trips), plain(count.read_units), plain(count.write_units))
        })
    };
    let names = levels.first().map(|level| level.known.keys().cloned().collect::<Vec<_>>()).unwrap_or_default();
    let rows = names.iter().map(|name| {
        let mut row = vec![unnumbered(name).to_owned()];
        for level in levels {
            row.push(spread(&level.known[name].latency));
            row.extend(level.unknown.get(name).map(|step| spread(&step.latency)));
        }
        row.push(counts(levels.last().and_then(|level| level.known.get(name))));
        row.push(counts(levels.last().and_then(|level| level.unknown.get(name))));
        row
    });
    let mut rows: Vec<Vec<String>> = rows.collect();
    let mut memory = vec!["MiB of create-link after 100 businesses, and after 1,000".to_owned()];
    for level in levels {
        let shown = level.memory.map(|(few, many)| format!("{} / {}", mebibytes(few), mebibytes(many)));
        memory.push(shown.unwrap_or_default());
        if !level.unknown.is_empty() {
            memory.push(String::new());
        }
    }
    memory.extend([String::new(), String::new()]);
    rows.push(memory);
    let head: Vec<&str> = head.iter().map(String::as_str).collect();
    table(&head, rows)
}

fn number(count: usize) -> f64 {
    f64::from(u32::try_from(count).unwrap_or(u32::MAX))
}

/// All tables one below the other.
pub(crate) fn document(tables: &[Named]) -> String {
    tables.iter().map(|(name, text)| format!("## {name}\n\n{text}\n")).collect()
}

/// A page with these tables between the marks of their names. Marks of tables that were not measured keep what they have.
pub(crate) fn put_into(page: &str, tables: &[Named]) -> String {
    let mut page = page.to_owned();
    for (name, text) in tables {
        let (begin, end) = (format!("<!-- measured: {name} -->\n"), "<!-- end -->");
        let Some(from) = page.find(&begin).map(|at| at + begin.len()) else { continue };
        let Some(length) = page[from..].find(end) else { panic!("the mark of {name} has no end") };
        page.replace_range(from..from + length, &format!("\n{text}\n"));
    }
    page
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_gets_new_tables_where_its_marks_are_and_nowhere_else() {
        let page = "one\n<!-- measured: a -->\nold\n<!-- end -->\ntwo\n<!-- measured: b -->\nkept\n<!-- end -->\n";
        let put = put_into(page, &[("a", "new\n".to_owned()), ("c", "lost\n".to_owned())]);
        assert_eq!(
            put,
            "one\n<!-- measured: a -->\n\nnew\n\n<!-- end -->\ntwo\n<!-- measured: b -->\nkept\n<!-- end -->\n"
        );
        assert_eq!(put_into(&put, &[("a", "new\n".to_owned())]), put);
    }

    #[test]
    fn numbers_are_written_as_people_write_them() {
        assert_eq!(grouped(1_234_567.0), "1,234,567");
        assert_eq!(grouped(250.4), "250");
        assert_eq!(plain(2.0), "2");
        assert_eq!(plain(1.0160), "1.016");
    }
}
