//! Workbooks made by hand, the way other programs make them and the way nobody should.

use std::io::{Cursor, Write};

use jiff::civil::datetime;
use proptest::prelude::*;
use zip::ZipWriter;
use zip::write::SimpleFileOptions;

use super::super::{Limits, ReadError, Row, Table, Value};
use super::read;

const LIMITS: Limits =
    Limits { bytes: 10_000_000, inflated: 10_000_000, rows: 1_000, columns: 50, cell_characters: 1_000 };

const OFFICE: &str = "http://schemas.openxmlformats.org/officeDocument/2006/relationships";

/// The parts of a workbook with one worksheet, to be changed.
struct Book {
    parts: Vec<(String, Vec<u8>)>,
}

impl Book {
    /// A workbook whose worksheet has these rows.
    fn of(rows: &str) -> Self {
        Self { parts: Vec::new() }
            .with("_rels/.rels", &relationships(&[("r1", "officeDocument", "xl/workbook.xml")]))
            .with("xl/workbook.xml", &workbook("", &[("r1", "")]))
            .with(
                "xl/_rels/workbook.xml.rels",
                &relationships(&[
                    ("r1", "worksheet", "worksheets/sheet1.xml"),
                    ("r2", "sharedStrings", "sharedStrings.xml"),
                    ("r3", "styles", "styles.xml"),
                ]),
            )
            .with("xl/worksheets/sheet1.xml", &worksheet(rows))
    }

    fn with(mut self, path: &str, content: &str) -> Self {
        self.parts.retain(|(other, _)| other != path);
        self.parts.push((path.to_owned(), content.as_bytes().to_vec()));
        self
    }

    fn strings(self, strings: &str) -> Self {
        self.with("xl/sharedStrings.xml", &format!("<sst>{strings}</sst>"))
    }

    fn styles(self, styles: &str) -> Self {
        self.with("xl/styles.xml", &format!("<styleSheet>{styles}</styleSheet>"))
    }

    fn packed(&self) -> Vec<u8> {
        let mut zip = ZipWriter::new(Cursor::new(Vec::new()));
        for (path, content) in &self.parts {
            zip.start_file(path.as_str(), SimpleFileOptions::default()).unwrap();
            zip.write_all(content).unwrap();
        }
        zip.finish().unwrap().into_inner()
    }

    fn read(&self) -> Result<Table, ReadError> {
        read(&self.packed(), &LIMITS)
    }
}

fn relationships(parts: &[(&str, &str, &str)]) -> String {
    let parts: String = parts
        .iter()
        .map(|(id, kind, target)| format!(r#"<Relationship Id="{id}" Type="{OFFICE}/{kind}" Target="{target}"/>"#))
        .collect();
    format!(r#"<?xml version="1.0" encoding="UTF-8"?><Relationships>{parts}</Relationships>"#)
}

fn workbook(properties: &str, sheets: &[(&str, &str)]) -> String {
    let sheets: String =
        sheets.iter().map(|(id, state)| format!(r#"<sheet name="S{id}" sheetId="7" r:id="{id}" {state}/>"#)).collect();
    format!("<workbook><workbookPr {properties}/><sheets>{sheets}</sheets></workbook>")
}

fn worksheet(rows: &str) -> String {
    format!(r#"<worksheet xmlns:r="{OFFICE}"><dimension ref="A1:B2"/><sheetData>{rows}</sheetData></worksheet>"#)
}

/// A row with the header `h` and one below it with this cell.
fn below_a_header(cell: &str) -> String {
    format!(r#"<row><c t="str"><v>h</v></c></row><row>{cell}</row>"#)
}

/// What such a cell is read as.
fn value_of(book: &Book) -> Result<Value, ReadError> {
    book.read().map(|table| table.rows.first().map_or(Value::Empty, |row| row.cells[0].clone()))
}

fn value(cell: &str) -> Result<Value, ReadError> {
    value_of(&Book::of(&below_a_header(cell)))
}

fn text(text: &str) -> Value {
    Value::Text(text.to_owned())
}

#[test]
fn a_cell_is_read_as_what_it_says_it_is() {
    for (cell, meant) in [
        (r#"<c><v>12.5</v></c>"#, Value::Number(12.5)),
        (r#"<c t="n"><v> -1E3 </v></c>"#, Value::Number(-1000.0)),
        (r#"<c t="b"><v>1</v></c>"#, Value::Bool(true)),
        (r#"<c t="b"><v>0</v></c>"#, Value::Bool(false)),
        (r#"<c t="e"><v>#N/A</v></c>"#, Value::Error("#N/A".to_owned())),
        (r#"<c t="str"><f>A1&amp;"x"</f><v>hx</v></c>"#, text("hx")),
        (r#"<c><f>1+1</f><v>2</v></c>"#, Value::Number(2.0)),
        (r#"<c><f>1+1</f></c>"#, Value::Error("#N/A".to_owned())),
        (r#"<c t="d"><v>2026-12-01T23:59:10Z</v></c>"#, Value::Moment(datetime(2026, 12, 1, 23, 59, 10, 0))),
        (r#"<c t="d"><v>2026-12-01</v></c>"#, Value::Moment(datetime(2026, 12, 1, 0, 0, 0, 0))),
        (r#"<c t="d"><v>23:59</v></c>"#, text("23:59")),
        (r#"<c t="inlineStr"><is><t>مریم &amp; &#x1F600;</t></is></c>"#, text("مریم & 😀")),
        (r#"<c t="inlineStr"><is><t><![CDATA[<b>]]></t></is></c>"#, text("<b>")),
        (r#"<c t="inlineStr"><is><t/></is></c>"#, Value::Empty),
        (r#"<c s="3"/>"#, Value::Empty),
        (r#"<c t="s"><v></v></c>"#, Value::Empty),
        (r#"<c t="str"><v>'0912</v></c>"#, text("0912")),
    ] {
        assert_eq!(value(cell), Ok(meant), "{cell}");
    }
}

#[test]
fn a_cell_that_cannot_be_what_it_says_is_damage() {
    for cell in [
        r#"<c><v>12,5</v></c>"#,
        r#"<c><v>inf</v></c>"#,
        r#"<c t="n"><v>1e999</v></c>"#,
        r#"<c t="b"><v>2</v></c>"#,
        r#"<c t="s"><v>0</v></c>"#,
        r#"<c t="s"><v>-1</v></c>"#,
        r#"<c t="x"><v>1</v></c>"#,
        r#"<c t="str"><v>&nbsp;</v></c>"#,
        r#"<c t="str"><v>&#0;</v></c>"#,
        r#"<c t="str"><v>1</c>"#,
        r#"<c r="B3"><v>1</v></c>"#,
        r#"<c r="A2"><v>1</v></c><c r="A2"><v>2</v></c>"#,
        r#"<c r="C2"><v>1</v></c><c r="B2"><v>2</v></c>"#,
        r#"<c r="XFE2"><v>1</v></c>"#,
        r#"<c r=A2><v>1</v></c>"#,
    ] {
        assert_eq!(value(cell), Err(ReadError::Damaged), "{cell}");
    }
    for rows in [
        r#"<row r="0"/>"#,
        r#"<row r="1048577"/>"#,
        r#"<row r="99999999999"/>"#,
        r#"<row r="2"/><row r="2"/>"#,
        r#"<row r="2"/><row r="1"/>"#,
        r#"<row r="1048576"/><row/>"#,
    ] {
        assert_eq!(Book::of(rows).read(), Err(ReadError::Damaged), "{rows}");
    }
}

#[test]
fn strings_that_are_kept_apart_are_found() {
    let strings = r#"<si><t>h</t></si><si/><si><t xml:space="preserve"> a </t></si><si><t> a </t></si>
        <si><r><rPr><b/></rPr><t xml:space="preserve">two </t></r><r><t>runs</t></r><rPh sb="0"><t>no</t></rPh></si>
        <si><t>_x000D_</t></si>"#;
    let cells: String = (0..6).map(|index| format!(r#"<c t="s"><v>{index}</v></c>"#)).collect();
    let read = Book::of(&below_a_header(&cells)).strings(strings).read().unwrap();
    let values = [text("h"), Value::Empty, text(" a "), text("a"), text("two runs"), text("\r")];
    assert_eq!(read.rows[0].cells, values);
}

#[test]
fn a_number_that_is_shown_as_a_date_is_a_moment() {
    let styles = r##"<numFmts><numFmt numFmtId="164" formatCode="yyyy\-mm\-dd"/>
        <numFmt numFmtId="165" formatCode="[h]:mm"/>
        <numFmt numFmtId="22" formatCode="0"/></numFmts>
        <cellStyleXfs><xf numFmtId="14"/></cellStyleXfs>
        <cellXfs><xf numFmtId="0"/><xf numFmtId="14"/><xf numFmtId="164"/>
        <xf numFmtId="165"/><xf numFmtId="22"/></cellXfs>
        <dxfs><dxf><numFmt numFmtId="0" formatCode="yyyy"/></dxf></dxfs>"##;
    let day = |style: usize, days: &str| {
        value_of(&Book::of(&below_a_header(&format!(r#"<c s="{style}"><v>{days}</v></c>"#))).styles(styles)).unwrap()
    };
    let moment = Value::Moment(datetime(2026, 12, 1, 12, 0, 0, 0));
    assert_eq!([1, 2].map(|style| day(style, "46357.5")), [moment.clone(), moment.clone()]);
    for style in [0, 3, 4, 99] {
        assert_eq!(day(style, "46357.5"), Value::Number(46357.5), "{style}");
    }
    assert_eq!(day(1, "0.5"), Value::Number(0.5));
    assert_eq!(day(1, "-5"), Value::Number(-5.0));

    let from_1904 = Book::of(&below_a_header(r#"<c s="1"><v>44895.5</v></c>"#))
        .styles(styles)
        .with("xl/workbook.xml", &workbook(r#"date1904="1""#, &[("r1", "")]));
    assert_eq!(value_of(&from_1904), Ok(moment));
}

#[test]
fn a_text_that_is_marked_keeps_its_apostrophe() {
    let styles = r#"<cellXfs><xf numFmtId="0"/><xf numFmtId="0" quotePrefix="1"/></cellXfs>"#;
    for (style, meant) in [(0, "=1+1"), (1, "'=1+1")] {
        let cell = format!(r#"<c s="{style}" t="inlineStr"><is><t>'=1+1</t></is></c>"#);
        assert_eq!(value_of(&Book::of(&below_a_header(&cell)).styles(styles)), Ok(text(meant)));
    }
}

#[test]
fn rows_and_cells_without_a_place_follow_the_last() {
    let read = Book::of(
        r#"<row/><row r="3"><c r="B3" t="str"><v>h</v></c><c t="str"><v>i</v></c><c/></row>
        <row><c r="A4"><v>1</v></c><c r="D4"><v>2</v></c></row>
        <row r="9" spans="1:2"><c r="A9" s="1"/></row>
        <row r="1048576"><c r="C1048576"><v>3</v></c></row>"#,
    )
    .read()
    .unwrap();
    assert_eq!(read.header, ["", "h", "i"]);
    let (empty, number) = (Value::Empty, Value::Number);
    let first = Row { number: 4, cells: vec![number(1.0), empty.clone(), empty.clone(), number(2.0)] };
    let second = Row { number: 1_048_576, cells: vec![empty.clone(), empty, number(3.0)] };
    assert_eq!(read.rows, [first, second]);
}

#[test]
fn a_header_is_read_as_it_is_shown() {
    let read = Book::of(
        r#"<row><c><v>2026</v></c><c t="b"><v>1</v></c><c t="e"><v>#REF!</v></c><c s="1"><v>46357</v></c><c/></row>"#,
    )
    .styles(r#"<cellXfs><xf/><xf numFmtId="14"/></cellXfs>"#)
    .read()
    .unwrap();
    assert_eq!(read.header, ["2026", "TRUE", "#REF!", "2026-12-01 00:00:00"]);
    assert_eq!(read.rows, []);
}

#[test]
fn the_first_sheet_that_is_shown_and_has_something_in_it_is_read() {
    let header = |text: &str| worksheet(&format!(r#"<row><c t="str"><v>{text}</v></c></row>"#));
    let chart = "<chartsheet/>";
    let book = Book::of("")
        .with(
            "xl/workbook.xml",
            &workbook(
                "",
                &[
                    ("h", r#"state="hidden""#),
                    ("v", r#"state="veryHidden""#),
                    ("c", ""),
                    ("r1", ""),
                    ("a", ""),
                    ("b", ""),
                ],
            ),
        )
        .with(
            "xl/_rels/workbook.xml.rels",
            &relationships(&[
                ("b", "worksheet", "worksheets/b.xml"),
                ("a", "worksheet", "/XL/Worksheets/a.xml"),
                ("r1", "worksheet", "worksheets/sheet1.xml"),
                ("h", "worksheet", "worksheets/h.xml"),
                ("v", "worksheet", "worksheets/h.xml"),
                ("c", "chartsheet", "chartsheets/c.xml"),
            ]),
        )
        .with("xl/worksheets/h.xml", &header("hidden"))
        .with("xl/chartsheets/c.xml", chart)
        .with("xl/worksheets/a.xml", &header("first"))
        .with("xl/worksheets/b.xml", &header("second"));
    assert_eq!(book.read().unwrap().header, ["first"]);
    assert_eq!(Book::of("<row/>").read(), Err(ReadError::NoHeader));
}

#[test]
fn other_spellings_of_the_same_names_are_understood() {
    let book = Book::of("")
        .with(
            "xl/worksheets/sheet1.xml",
            r#"<x:worksheet xmlns:x="urn:x"><x:sheetViews><x:sheetView/></x:sheetViews><x:sheetData><x:row r="1">
            <x:c r="a1"
            t="inlineStr"><x:is><x:t>h</x:t></x:is></x:c></x:row></x:sheetData><x:legacy/></x:worksheet>"#,
        )
        .with(
            "_rels/.rels",
            r#"<Relationships><Relationship Target="/xl/workbook.xml"
            Type="http://purl.oclc.org/ooxml/officeDocument/relationships/officeDocument"/></Relationships>"#,
        );
    assert_eq!(book.read().unwrap().header, ["h"]);
}

#[test]
fn a_million_rows_apart_takes_no_more_than_two_rows() {
    let read =
        Book::of(r#"<row r="1"><c r="A1"><v>1</v></c></row><row r="1048576"><c r="XFD1048576"><v>2</v></c></row>"#);
    assert_eq!(read.read(), Err(ReadError::TooManyColumns { limit: 50 }));
    let wide = read_with(&read, Limits { columns: 16_384, ..LIMITS }).unwrap();
    assert_eq!(wide.rows.len(), 1);
    assert_eq!((wide.rows[0].number, wide.rows[0].cells.len()), (1_048_576, 16_384));
}

fn read_with(book: &Book, limits: Limits) -> Result<Table, ReadError> {
    read(&book.packed(), &limits)
}

#[test]
fn a_sheet_has_no_more_rows_columns_or_characters_than_asked_for() {
    let rows = "<row><c><v>1</v></c></row>".repeat(1_002);
    assert_eq!(Book::of(&rows).read(), Err(ReadError::TooManyRows { limit: 1_000 }));
    assert!(read_with(&Book::of(&rows), Limits { rows: 1_001, ..LIMITS }).is_ok());
    let empty = "<row/>".repeat(100_000);
    assert_eq!(
        Book::of(&format!("{empty}{}", below_a_header("<c><v>1</v></c>"))).read().unwrap().rows[0].number,
        100_002
    );
    let cells = "<c><v>1</v></c>".repeat(51);
    assert_eq!(Book::of(&format!("<row>{cells}</row>")).read(), Err(ReadError::TooManyColumns { limit: 50 }));
    let cells = "<c/>".repeat(16_384);
    assert_eq!(Book::of(&format!("<row>{cells}</row>")).read(), Err(ReadError::NoHeader));
    let long = format!(r#"<c/><c t="str"><v>{}</v></c>"#, "ن".repeat(1_001));
    assert_eq!(value(&long), Err(ReadError::CellTooLong { row: 2, column: 2 }));
    assert!(value(&long.replacen("نن", "ن", 1)).is_ok());
}

/// The file with some bytes changed wherever they stand.
fn replaced(file: &[u8], from: &[u8], to: &[u8]) -> Vec<u8> {
    let (mut changed, mut rest) = (Vec::new(), file);
    while let Some(at) = rest.windows(from.len()).position(|window| window == from) {
        changed.extend_from_slice(&rest[..at]);
        changed.extend_from_slice(to);
        rest = &rest[at + from.len()..];
    }
    changed.extend_from_slice(rest);
    changed
}

#[test]
fn a_small_file_that_swells_is_refused() {
    const SIZE: u32 = 100_000_000;
    let mut bomb = worksheet("");
    let behind = bomb.split_off(bomb.find("</sheetData>").unwrap());
    let filling = " ".repeat(usize::try_from(SIZE).unwrap() - bomb.len() - behind.len());
    let file = Book::of("").with("xl/worksheets/sheet1.xml", &format!("{bomb}{filling}{behind}")).packed();
    assert!(file.len() < 200_000, "{}", file.len());
    assert_eq!(read(&file, &LIMITS), Err(ReadError::TooLarge { limit: 10_000_000 }));

    // The same with headers that say it is small.
    let lying = replaced(&file, &SIZE.to_le_bytes(), &1_000_u32.to_le_bytes());
    assert_ne!(lying, file);
    assert!(matches!(read(&lying, &LIMITS), Err(ReadError::TooLarge { .. } | ReadError::Damaged)));

    // Parts that are small enough one by one.
    let strings = "<si><t>x</t></si>".repeat(300_000);
    let rows = "<row><c><v>1</v></c></row>".repeat(200_000);
    assert!(read_with(&Book::of("<row><c><v>1</v></c></row>").strings(&strings), LIMITS).is_ok());
    assert_eq!(Book::of(&rows).strings(&strings).read(), Err(ReadError::TooLarge { limit: 10_000_000 }));
}

#[test]
fn a_string_that_is_named_a_million_times_is_counted_each_time() {
    let string = format!("<si><t>{}</t></si>", "x".repeat(1_000));
    let cells = r#"<c t="s"><v>0</v></c>"#.repeat(50);
    let book = |rows: usize| Book::of(&format!("<row>{cells}</row>").repeat(rows)).strings(&string);
    assert!(book(200).read().is_ok());
    assert_eq!(book(201).read(), Err(ReadError::TooLarge { limit: 10_000_000 }));
}

#[test]
fn what_a_file_announces_is_not_believed() {
    let one = r#"<row><c t="s"><v>0</v></c></row>"#;
    for count in ["18446744073709551615", "1000000000000", "-1"] {
        let strings = format!(r#"<sst count="{count}" uniqueCount="{count}"><si><t>h</t></si></sst>"#);
        let book = Book::of(one).with("xl/sharedStrings.xml", &strings);
        assert_eq!(book.read().unwrap().header, ["h"]);
    }
    for area in ["A1:XFD1048576", "B2:A1", "AAAAAAAAAAAAAAAAAA99999999999999:B1", ""] {
        let sheet = worksheet(r#"<row><c><v>1</v></c></row>"#).replace("A1:B2", area);
        assert_eq!(Book::of("").with("xl/worksheets/sheet1.xml", &sheet).read().unwrap().header, ["1"]);
    }
    let format = "0".repeat(1_000_000);
    let users = r#"<xf numFmtId="164"/>"#.repeat(4_000);
    let styles =
        format!(r#"<numFmts><numFmt numFmtId="164" formatCode="{format}"/></numFmts><cellXfs>{users}</cellXfs>"#);
    assert_eq!(Book::of(one).strings("<si><t>h</t></si>").styles(&styles).read().unwrap().header, ["h"]);
}

#[test]
fn entities_are_not_defined_by_a_file() {
    let sheet = r#"<!DOCTYPE w [<!ENTITY a "lol"><!ENTITY b "&a;&a;&a;">]>"#.to_owned()
        + &worksheet(r#"<row><c t="str"><v>&b;</v></c></row>"#);
    assert_eq!(Book::of("").with("xl/worksheets/sheet1.xml", &sheet).read(), Err(ReadError::Damaged));
}

#[test]
fn many_attributes_and_deep_elements_take_little() {
    let attributes: String = (0..200_000).map(|index| format!(" a{index}=\"\"")).collect();
    let deep = format!("{}{}", "<a>".repeat(200_000), "</a>".repeat(200_000));
    let cell = format!("<c{attributes}><v>1{deep}</v>{deep}</c>{deep}");
    assert_eq!(value(&cell), Ok(Value::Number(1.0)));
}

#[test]
fn what_is_no_workbook_is_told_from_one_that_is_damaged() {
    let good = Book::of("<row><c><v>1</v></c></row>");
    assert!(good.read().is_ok());
    for other in [&b""[..], b"a,b\n1,2", b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", b"%PDF-1.7", b"PK\x05\x06"] {
        assert_eq!(read(other, &LIMITS), Err(ReadError::NotThisFormat));
    }
    let archive = Book { parts: vec![("mimetype".to_owned(), b"application/x".to_vec())] };
    assert_eq!(archive.read(), Err(ReadError::NotThisFormat));
    let document = Book::of("").with("xl/workbook.xml", "<w:document/>");
    assert_eq!(document.read(), Err(ReadError::NotThisFormat));
    let binary = Book::of("").with("_rels/.rels", &relationships(&[("r1", "officeDocument", "xl/workbook.bin")]));
    assert_eq!(binary.read(), Err(ReadError::NotThisFormat));

    let packed = good.packed();
    // The flag of an encrypted part, in both of its headers.
    let locked = replaced(&packed, b"PK\x03\x04\x14\0\0\0", b"PK\x03\x04\x14\0\x01\0");
    let locked = replaced(&locked, b"\x14\0\0\0\x08\0", b"\x14\0\x01\0\x08\0");
    assert_eq!(read(&locked, &LIMITS), Err(ReadError::NotThisFormat));

    for part in ["xl/workbook.xml", "xl/worksheets/sheet1.xml"] {
        let mut book = Book::of("<row><c><v>1</v></c></row>");
        book.parts.retain(|(path, _)| path != part);
        assert_eq!(book.read(), Err(ReadError::Damaged), "{part}");
        for content in ["", "no xml", "<workbook>", "<worksheet>", "<worksheet/>", "<a></b>", "\u{0}"] {
            let book = Book::of("").with(part, content);
            let refused = book.read().unwrap_err();
            assert!(
                matches!(refused, ReadError::Damaged | ReadError::NotThisFormat | ReadError::NoHeader),
                "{part} {content} {refused:?}"
            );
        }
    }
}

#[test]
fn a_file_that_was_cut_off_is_damaged() {
    let packed = Book::of(&below_a_header("<c><v>1</v></c>")).packed();
    for length in 4..packed.len() {
        assert_eq!(read(&packed[..length], &LIMITS), Err(ReadError::Damaged), "{length}");
    }
}

/// A workbook with something of everything, for changes by chance.
fn everything() -> Book {
    Book::of(
        r#"<row r="1"><c r="A1" t="s"><v>0</v></c><c r="B1" t="inlineStr"><is><t>b_x0041_</t></is></c></row>
        <row r="2"><c r="A2" s="1"><f>1+1</f><v>46357.5</v></c><c r="B2" t="b"><v>1</v></c></row>"#,
    )
    .strings("<si><r><t>one</t></r><r><t>two</t></r></si>")
    .styles(
        r#"<numFmts><numFmt numFmtId="164" formatCode="[h]yy"/></numFmts><cellXfs><xf/><xf numFmtId="164"/></cellXfs>"#,
    )
}

proptest! {
    #[test]
    fn a_part_that_was_changed_by_chance_ends_nothing(
        part in 0_usize..6, changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..6)
    ) {
        let mut book = everything();
        let content = &mut book.parts[part].1;
        for (at, byte) in changes {
            let at = at.index(content.len());
            content[at] = byte;
        }
        let _ = book.read();
    }

    #[test]
    fn an_archive_that_was_changed_by_chance_ends_nothing(
        changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..6)
    ) {
        let mut file = everything().packed();
        for (at, byte) in changes {
            let at = at.index(file.len());
            file[at] = byte;
        }
        let _ = read(&file, &LIMITS);
    }
}
