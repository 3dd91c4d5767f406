//! Workbooks, read part by part and element by element.
//!
//! No library that reads workbooks is asked, because what they make of hostile ones ends the process. calamine 0.38
//! makes room for as many strings as the attribute `uniqueCount` says, which a file of a kilobyte can set to any
//! number, and copies the format of a number into each style that names it, with which a file of three kilobytes takes
//! gigabytes.

mod cells;
mod moments;
mod package;
mod strings;
mod styles;
mod workbook;
mod xml;

use self::cells::{Shared, read_sheet};
use self::package::Package;
use self::workbook::Workbook;
use super::{Limits, ReadError, Table, is_archive};

pub(super) fn read(bytes: &[u8], limits: &Limits) -> Result<Table, ReadError> {
    if !is_archive(bytes) {
        return Err(ReadError::NotThisFormat);
    }
    let mut package = Package::open(bytes, limits.inflated)?;
    let workbook = Workbook::read(&mut package)?;
    let mut shared = Shared {
        strings: strings::read(&mut package, workbook.strings.as_deref())?,
        styles: styles::read(&mut package, workbook.styles.as_deref())?,
        counts_from_1904: workbook.counts_from_1904,
        text_left: limits.inflated,
    };
    for path in &workbook.sheets {
        let Some(mut xml) = package.part(path)? else {
            return Err(ReadError::Damaged);
        };
        if let Some(table) = read_sheet(&mut xml, &mut shared, limits)? {
            return Ok(table);
        }
    }
    Err(ReadError::NoHeader)
}

#[cfg(test)]
mod tests;
