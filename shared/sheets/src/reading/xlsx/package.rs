use std::collections::HashMap;
use std::io::{self, BufReader, Cursor, ErrorKind, Read};

use zip::ZipArchive;
use zip::read::ZipFile;
use zip::result::ZipError;

use super::super::ReadError;
use super::xml::{Xml, attribute};

/// The parts of a file of Office, and how many more bytes may come out of them.
pub(super) struct Package<'a> {
    archive: ZipArchive<Cursor<&'a [u8]>>,
    /// The place of each part in the archive by its path, which is told apart without regard to case.
    places: HashMap<String, usize>,
    left: u64,
    limit: u64,
}

/// A part that is being unpacked.
type Part<'a, 'b> = Xml<BufReader<Counted<'a, ZipFile<'a, Cursor<&'b [u8]>>>>>;

/// Where a part says that another is.
pub(super) struct Relationship {
    pub(super) id: String,
    /// An address of which only the end tells: it begins in two ways.
    pub(super) kind: String,
    /// The path of the part.
    pub(super) path: String,
}

impl<'a> Package<'a> {
    /// Looks through an archive from which no more than so many bytes may come.
    pub(super) fn open(bytes: &'a [u8], limit: u64) -> Result<Self, ReadError> {
        let archive = ZipArchive::new(Cursor::new(bytes)).map_err(refused)?;
        let places = archive
            .file_names_raw()
            .enumerate()
            .map(|(place, name)| (normal(&String::from_utf8_lossy(name)), place))
            .collect();
        Ok(Self { archive, places, left: limit, limit })
    }

    /// The part with that path, if there is one, to be read from its beginning.
    pub(super) fn part(&mut self, path: &str) -> Result<Option<Part<'_, 'a>>, ReadError> {
        let Some(place) = self.places.get(path) else {
            return Ok(None);
        };
        let file = self.archive.by_index(*place).map_err(refused)?;
        if file.size() > self.left {
            return Err(ReadError::TooLarge { limit: self.limit });
        }
        Ok(Some(Xml::new(BufReader::new(Counted { source: file, left: &mut self.left }), self.limit)))
    }

    /// Where a part, or with an empty path the file itself, says that others are.
    pub(super) fn relationships(&mut self, path: &str) -> Result<Vec<Relationship>, ReadError> {
        let (folder, name) = path.rsplit_once('/').unwrap_or(("", path));
        let mut found = Vec::new();
        let Some(mut xml) = self.part(&normal(&format!("{folder}/_rels/{name}.rels")))? else {
            return Ok(found);
        };
        xml.each_start(|start| {
            if start.local_name().as_ref() == "Relationship" {
                let target = attribute(start, "Target")?.unwrap_or_default();
                found.push(Relationship {
                    id: attribute(start, "Id")?.unwrap_or_default(),
                    kind: attribute(start, "Type")?.unwrap_or_default(),
                    path: if target.starts_with('/') { normal(&target) } else { normal(&format!("{folder}/{target}")) },
                });
            }
            Ok(())
        })?;
        Ok(found)
    }
}

/// A path as all who mean the same part write it: in lower case, with slashes, from the root and without detours.
fn normal(path: &str) -> String {
    let mut steps = Vec::new();
    let path = path.replace('\\', "/").to_ascii_lowercase();
    for step in path.split('/') {
        match step {
            "" | "." => {}
            ".." => {
                steps.pop();
            }
            step => steps.push(step),
        }
    }
    steps.join("/")
}

/// What is encrypted or packed in another way is no workbook that Excel has saved.
fn refused(error: ZipError) -> ReadError {
    match error {
        ZipError::UnsupportedArchive(_) | ZipError::InvalidPassword => ReadError::NotThisFormat,
        _ => ReadError::Damaged,
    }
}

/// Counts what comes out of a part, whatever size the archive says it has.
pub(super) struct Counted<'a, R> {
    source: R,
    left: &'a mut u64,
}

impl<R: Read> Read for Counted<'_, R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.source.read(buffer)?;
        match self.left.checked_sub(u64::try_from(count).unwrap_or(u64::MAX)) {
            Some(left) => *self.left = left,
            None => return Err(ErrorKind::FileTooLarge.into()),
        }
        Ok(count)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_leads_to_its_part_however_it_is_written() {
        for path in [
            "xl/worksheets/Sheet1.xml",
            "/xl/worksheets/sheet1.xml",
            "xl\\worksheets\\sheet1.xml",
            "xl/x/../worksheets/./sheet1.xml",
            "../xl//worksheets/sheet1.xml",
        ] {
            assert_eq!(normal(path), "xl/worksheets/sheet1.xml", "{path}");
        }
        assert_eq!(normal("/_rels/.rels"), "_rels/.rels");
    }

    #[test]
    fn what_comes_out_is_counted_and_not_what_was_announced() {
        let mut left = 10;
        let mut text = String::new();
        Counted { source: &b"123456"[..], left: &mut left }.read_to_string(&mut text).unwrap();
        assert_eq!((text.as_str(), left), ("123456", 4));
        let error = Counted { source: &b"12345"[..], left: &mut left }.read_to_string(&mut text).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::FileTooLarge);
        let mut xml = Xml::new(BufReader::new(Counted { source: &b"<a>12345</a>"[..], left: &mut left }), 10);
        assert_eq!(xml.each_start(|_| Ok(())), Err(ReadError::TooLarge { limit: 10 }));
    }
}
