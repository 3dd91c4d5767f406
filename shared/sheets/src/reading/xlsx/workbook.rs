use std::collections::HashMap;

use quick_xml::events::Event;

use super::super::ReadError;
use super::package::{Package, Relationship};
use super::xml::{each_attribute, is_on};

/// Where the parts of a workbook are.
pub(super) struct Workbook {
    /// The paths of the worksheets that are shown, in their order.
    pub(super) sheets: Vec<String>,
    pub(super) strings: Option<String>,
    pub(super) styles: Option<String>,
    /// Whether its days are counted from 1904, as on old computers of Apple, and not from 1900.
    pub(super) counts_from_1904: bool,
}

impl Workbook {
    pub(super) fn read(package: &mut Package<'_>) -> Result<Self, ReadError> {
        let document = package.relationships("")?.into_iter().rfind(|part| is_of_kind(part, "officeDocument"));
        let Some(document) = document else {
            return Err(ReadError::NotThisFormat);
        };
        // A binary workbook has all the same parts, but not in XML.
        if document.path.ends_with(".bin") {
            return Err(ReadError::NotThisFormat);
        }
        let parts = package.relationships(&document.path)?;
        let path_of = |kind| parts.iter().find(|part| is_of_kind(part, kind)).map(|part| part.path.clone());
        let (strings, styles) = (path_of("sharedStrings"), path_of("styles"));
        let mut worksheets: HashMap<String, String> =
            parts.into_iter().filter(|part| is_of_kind(part, "worksheet")).map(|part| (part.id, part.path)).collect();

        let Some(mut xml) = package.part(&document.path)? else {
            return Err(ReadError::Damaged);
        };
        loop {
            match xml.next()? {
                Event::Start(root) if root.local_name().as_ref() == "workbook" => break,
                // The main part of a text or a slide show.
                Event::Start(_) => return Err(ReadError::NotThisFormat),
                Event::Eof => return Err(ReadError::Damaged),
                _ => {}
            }
        }
        let (mut sheets, mut counts_from_1904) = (Vec::new(), false);
        xml.each_start(|start| {
            match start.local_name().as_ref() {
                "sheet" => {
                    let (mut id, mut is_shown) = (String::new(), true);
                    each_attribute(start, |name, value| match name {
                        "id" => value.clone_into(&mut id),
                        "state" => is_shown = value == "visible",
                        _ => {}
                    })?;
                    // A sheet of another kind, such as a chart, is not among the worksheets. None is read twice.
                    sheets.extend(worksheets.remove(&id).filter(|_| is_shown));
                }
                "workbookPr" => each_attribute(start, |name, value| {
                    if name == "date1904" {
                        counts_from_1904 = is_on(value);
                    }
                })?,
                _ => {}
            }
            Ok(())
        })?;
        Ok(Self { sheets, strings, styles, counts_from_1904 })
    }
}

/// The two editions of the standard have the same names in different places.
fn is_of_kind(part: &Relationship, kind: &str) -> bool {
    part.kind.rsplit('/').next() == Some(kind)
}
