use std::collections::HashMap;

use quick_xml::events::Event;

use super::super::ReadError;
use super::package::Package;
use super::xml::{each_attribute, is_on};

/// What of a cell's looks says how it is read.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Style {
    /// Its number is shown as a date or a time of the day.
    pub(super) is_date: bool,
    /// Its text is marked as one, so that an apostrophe belongs to it.
    pub(super) is_marked_text: bool,
}

/// The styles that cells name by number.
pub(super) fn read(package: &mut Package<'_>, path: Option<&str>) -> Result<Vec<Style>, ReadError> {
    let Some(path) = path else {
        return Ok(Vec::new());
    };
    let Some(mut xml) = package.part(path)? else {
        return Ok(Vec::new());
    };
    let (mut formats, mut used): (HashMap<u32, bool>, Vec<(u32, bool)>) = (HashMap::new(), Vec::new());
    // The same elements stand in other lists, where they mean other styles.
    let (mut is_in_formats, mut is_in_used) = (false, false);
    loop {
        match xml.next()? {
            Event::Start(start) => match start.local_name().as_ref() {
                "numFmts" => is_in_formats = true,
                "cellXfs" => is_in_used = true,
                "numFmt" if is_in_formats => {
                    let (mut id, mut is_date) = (None, false);
                    each_attribute(&start, |name, value| match name {
                        "numFmtId" => id = value.parse().ok(),
                        "formatCode" => is_date = shows_a_date(value),
                        _ => {}
                    })?;
                    formats.extend(id.map(|id| (id, is_date)));
                }
                "xf" if is_in_used => {
                    let (mut id, mut is_marked_text) = (0, false);
                    each_attribute(&start, |name, value| match name {
                        "numFmtId" => id = value.parse().unwrap_or(0),
                        "quotePrefix" => is_marked_text = is_on(value),
                        _ => {}
                    })?;
                    used.push((id, is_marked_text));
                }
                _ => {}
            },
            Event::End(end) => match end.local_name().as_ref() {
                "numFmts" => is_in_formats = false,
                "cellXfs" => is_in_used = false,
                _ => {}
            },
            Event::Eof => break,
            _ => {}
        }
    }
    let is_date = |id: u32| formats.get(&id).copied().unwrap_or_else(|| shows_a_date_by_number(id));
    Ok(used.into_iter().map(|(id, is_marked_text)| Style { is_date: is_date(id), is_marked_text }).collect())
}

/// Whether the format that every program knows by this number shows a date or a time of the day. The formats 46 and 47
/// show how long something took.
fn shows_a_date_by_number(id: u32) -> bool {
    matches!(id, 14..=22 | 27..=36 | 45 | 50..=58)
}

/// Whether a format such as `yyyy-mm-dd` shows a date or a time of the day. What it has for negative numbers does not
/// matter.
fn shows_a_date(format: &str) -> bool {
    let mut rest = format.chars();
    while let Some(c) = rest.next() {
        match c {
            ';' => return false,
            // The next character is shown, skipped or repeated.
            '\\' | '_' | '*' => {
                rest.next();
            }
            '"' => {
                rest.find(|c| *c == '"');
            }
            '[' => {
                let inside: String = rest.by_ref().take_while(|c| *c != ']').collect();
                // How many hours, minutes or seconds something took.
                if !inside.is_empty() && inside.chars().all(|c| matches!(c, 'h' | 'm' | 's' | 'H' | 'M' | 'S')) {
                    return false;
                }
            }
            'd' | 'm' | 'y' | 'h' | 's' | 'D' | 'M' | 'Y' | 'H' | 'S' => return true,
            _ => {}
        }
    }
    false
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_format_shows_a_date_or_something_else() {
        for format in [
            "yyyy-mm-dd hh:mm:ss",
            "DD/MM/YY",
            "H:MM:SS;@",
            "m\"M\"d\"D\";@",
            "[$-404]e\"\\xfc\"m\"\\xfc\"d\"\\xfc\"",
            "[$-3000401]yyyy/mm/dd",
            "[$-fa-IR,16]yyyy/mm/dd;@",
            "*-yyyy-mm-dd",
            "AM/PM",
        ] {
            assert!(shows_a_date(format), "{format}");
        }
        for format in [
            "General",
            "",
            "@",
            "#,##0.00",
            "#,##0\\ [$ریال-429]",
            "[h]:mm:ss",
            "[mm]",
            "[Red]0;[Blue]yyyy",
            "0\"days\"",
            "\\Y000000",
            "#,##0*y",
            "_d0",
            "\"day",
            "[d",
        ] {
            assert!(!shows_a_date(format), "{format}");
        }
        for (id, is_date) in
            [(0, false), (3, false), (14, true), (22, true), (45, true), (46, false), (49, false), (57, true)]
        {
            assert_eq!(shows_a_date_by_number(id), is_date, "{id}");
        }
    }
}
