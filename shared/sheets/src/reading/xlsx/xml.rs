use std::io::{BufRead, ErrorKind};

use quick_xml::Reader;
use quick_xml::XmlVersion;
use quick_xml::escape::resolve_xml_entity;
use quick_xml::events::{BytesStart, Event};

use super::super::ReadError;

/// The elements of a part, one after the other. An element without content is a start and an end.
pub(super) struct Xml<R> {
    reader: Reader<R>,
    buffer: Vec<u8>,
    /// The bytes that may come out of the whole file, for the error.
    limit: u64,
}

/// What matters of the content of an element.
enum Piece {
    Start,
    End,
    Text,
}

impl<R: BufRead> Xml<R> {
    pub(super) fn new(source: R, limit: u64) -> Self {
        let mut reader = Reader::from_reader(source);
        reader.config_mut().expand_empty_elements = true;
        Self { reader, buffer: Vec::new(), limit }
    }

    /// The next event. A definition of entities is refused: no program writes one into a workbook, and they are how a
    /// small file of XML says a lot.
    pub(super) fn next(&mut self) -> Result<Event<'_>, ReadError> {
        self.buffer.clear();
        match self.reader.read_event_into(&mut self.buffer) {
            Ok(Event::DocType(_)) => Err(ReadError::Damaged),
            Ok(event) => Ok(event),
            Err(quick_xml::Error::Io(error)) if error.kind() == ErrorKind::FileTooLarge => {
                Err(ReadError::TooLarge { limit: self.limit })
            }
            Err(_) => Err(ReadError::Damaged),
        }
    }

    /// Looks at every start of an element up to the end of the part.
    pub(super) fn each_start(
        &mut self,
        mut look: impl FnMut(&BytesStart<'_>) -> Result<(), ReadError>,
    ) -> Result<(), ReadError> {
        loop {
            match self.next()? {
                Event::Start(start) => look(&start)?,
                Event::Eof => return Ok(()),
                _ => {}
            }
        }
    }

    /// How many bytes may come out of the whole file.
    pub(super) fn limit(&self) -> u64 {
        self.limit
    }

    /// Goes past the end of the element whose start has just been read.
    pub(super) fn skip(&mut self) -> Result<(), ReadError> {
        let mut depth = 1_usize;
        while depth > 0 {
            match self.next()? {
                Event::Start(_) => depth += 1,
                Event::End(_) => depth -= 1,
                Event::Eof => return Err(ReadError::Damaged),
                _ => {}
            }
        }
        Ok(())
    }

    /// The text of the element whose start has just been read, up to its end. What is in elements inside it is left
    /// out.
    pub(super) fn text(&mut self, text: &mut String) -> Result<(), ReadError> {
        loop {
            match self.piece(text)? {
                Piece::Start => self.skip()?,
                Piece::End => return Ok(()),
                Piece::Text => {}
            }
        }
    }

    /// Appends what comes next, if it is text.
    fn piece(&mut self, text: &mut String) -> Result<Piece, ReadError> {
        match self.next()? {
            Event::Start(_) => return Ok(Piece::Start),
            Event::End(_) => return Ok(Piece::End),
            Event::Eof => return Err(ReadError::Damaged),
            Event::Text(part) => text.push_str(&part.xml10_content()),
            Event::CData(part) => text.push_str(&part.xml10_content()),
            Event::GeneralRef(name) => match resolve_xml_entity(&name) {
                Some(meant) => text.push_str(meant),
                None => match name.resolve_char_ref() {
                    Ok(Some(meant)) => text.push(meant),
                    _ => return Err(ReadError::Damaged),
                },
            },
            _ => {}
        }
        Ok(Piece::Text)
    }
}

/// The value of an attribute by its name without a prefix.
pub(super) fn attribute(start: &BytesStart<'_>, name: &str) -> Result<Option<String>, ReadError> {
    let mut value = None;
    each_attribute(start, |key, text| {
        if key == name {
            value = Some(text.to_owned());
        }
    })?;
    Ok(value)
}

/// Looks at every attribute with its name without a prefix. That no name comes twice is not checked: that takes a time
/// that grows with the square of their number.
pub(super) fn each_attribute(start: &BytesStart<'_>, mut look: impl FnMut(&str, &str)) -> Result<(), ReadError> {
    for attribute in start.attributes().with_checks(false) {
        let attribute = attribute.map_err(|_| ReadError::Damaged)?;
        let value = attribute.normalized_value(XmlVersion::Implicit1_0).map_err(|_| ReadError::Damaged)?;
        look(attribute.key.local_name().as_ref(), &value);
    }
    Ok(())
}

/// Whether an attribute says yes.
pub(super) fn is_on(value: &str) -> bool {
    matches!(value, "1" | "true")
}
