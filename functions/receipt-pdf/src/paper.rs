//! A receipt on paper: what stands where on pages of A4, in which order it is read aloud, and what it is called in the file.

use std::num::NonZeroU16;

use domain::Timestamp;
use domain::language::Language;
use domain::link::{ReceiptSheet, SheetFact, SheetStanding};
use jiff::tz::TimeZone;
use krilla::action::{Action, LinkAction};
use krilla::annotation::{Annotation, LinkAnnotation, Target};
use krilla::color::rgb;
use krilla::configure::{Accessibility, Archival, ConfigurationBuilder};
use krilla::destination::XyzDestination;
use krilla::error::KrillaError;
use krilla::geom::{Path, PathBuilder, Point, Rect, Size, Transform};
use krilla::image::Image;
use krilla::metadata::{DateTime, Metadata};
use krilla::num::NormalizedF32;
use krilla::outline::{Outline, OutlineNode};
use krilla::page::PageSettings;
use krilla::paint::{Fill, FillRule};
use krilla::surface::Surface;
use krilla::tagging::{
    Artifact, ArtifactType, ContentTag, Identifier, SpanTag, TableHeaderScope, Tag, TagGroup, TagTree,
};
use krilla::{Document, SerializeSettings};
use qrcode::types::Color as Module;
use qrcode::{EcLevel, QrCode};

use crate::typeset::{Direction, Paragraph, Style, Typesetter};

/// A colour of ink: red, green, blue.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Color(u8, u8, u8);

impl Color {
    pub(crate) fn fill(self) -> Fill {
        let paint = rgb::Color::new(self.0, self.1, self.2).into();
        Fill { paint, opacity: NormalizedF32::ONE, rule: FillRule::default() }
    }
}

/// A4, in points.
const PAGE: (f32, f32) = (595.0, 842.0);
const MARGIN: f32 = 62.0;
const WIDTH: f32 = PAGE.0 - 2.0 * MARGIN;

/// How wide the names of facts are, and what lies between them and what they name.
const NAMES: f32 = 150.0;
const GAP: f32 = 14.0;

/// How high a value may be: less than a page.
const LONGEST_VALUE: f32 = 600.0;

/// The side of the code that a phone reads.
const CODE: f32 = 92.0;

/// How high and how wide a logo is at most.
const LOGO: (f32, f32) = (40.0, 160.0);
/// A larger picture is not shown: a small file can be one that takes all of the memory.
const MOST_PIXELS: u64 = 4_000_000;

const INK: Color = Color(0x16, 0x20, 0x2c);
const QUIET: Color = Color(0x4a, 0x57, 0x66);
const LINE: Color = Color(0xd5, 0xdb, 0xe2);
const GOOD: Color = Color(0x0b, 0x6b, 0x3a);
const BAD: Color = Color(0xa3, 0x1d, 0x1d);

const BODY: Style = Style { size: 10.5, is_bold: false, color: INK, direction: Direction::Own };
const NAME: Style = Style { color: QUIET, direction: Direction::Language, ..BODY };
const SAID: Style = Style { direction: Direction::Language, ..BODY };
const HINT: Style = Style { size: 9.0, ..NAME };
const BUSINESS: Style = Style { size: 13.0, is_bold: true, ..BODY };
const TITLE: Style = Style { size: 19.0, is_bold: true, ..SAID };
const HEADING: Style = Style { size: 12.0, is_bold: true, ..SAID };
const AMOUNT: Style = Style { size: 25.0, is_bold: true, ..SAID };

/// A picture of the business.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Picture {
    Png,
    Jpeg,
}

/// Why a receipt could not be drawn.
#[derive(Debug, thiserror::Error)]
pub(crate) enum DrawError {
    /// Of what kind the error is, and nothing of what it says: that can be letters of a name.
    #[error("the pages could not be written: {0}")]
    NotWritten(&'static str),
    #[error("a page of A4 could not be begun")]
    NoPage,
    #[error("no font has a letter of it")]
    NoLetter,
}

/// What something on a page is to somebody who hears it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Role {
    Title,
    Heading,
    Text,
    /// The name of a fact, with which a row of a table begins.
    Name,
    Value,
    /// A text that leads to the page of the receipt.
    Address,
}

/// What is drawn somewhere.
enum Drawn {
    Text(Role, Box<Paragraph>),
    Logo(Image, Size),
    Line,
    /// The stroke of colour before the title, as high as that.
    Mark(Color, f32),
    Code,
}

struct Piece {
    page: usize,
    at: Point,
    drawn: Drawn,
}

/// Where things go, from above.
struct Composer<'a> {
    typesetter: &'a mut Typesetter,
    language: Language,
    pieces: Vec<Piece>,
    page: usize,
    y: f32,
}

impl Composer<'_> {
    /// Where something of this width begins that stands at the side where lines begin, so far from there.
    fn beside_start(&self, offset: f32, width: f32) -> f32 {
        if self.language.is_right_to_left() { PAGE.0 - MARGIN - offset - width } else { MARGIN + offset }
    }

    /// Goes on on the next page where so much does not fit on this one.
    fn reserve(&mut self, height: f32) {
        if self.y + height > PAGE.1 - MARGIN && self.y > MARGIN {
            self.page += 1;
            self.y = MARGIN;
        }
    }

    fn put(&mut self, x: f32, y: f32, drawn: Drawn) {
        self.pieces.push(Piece { page: self.page, at: Point::from_xy(x, y), drawn });
    }

    fn set(&mut self, text: &str, style: Style, width: f32) -> Result<Paragraph, DrawError> {
        self.typesetter.set(text, self.language, style, width).ok_or(DrawError::NoLetter)
    }

    /// A text over the whole width, and how much is left free below it.
    fn text(&mut self, role: Role, text: &str, style: Style, below: f32) -> Result<(), DrawError> {
        let set = self.set(text, style, WIDTH)?;
        let height = set.height();
        self.reserve(height);
        self.put(MARGIN, self.y, Drawn::Text(role, Box::new(set)));
        self.y += height + below;
        Ok(())
    }

    /// The logo and the name of the business.
    fn business(&mut self, name: &str, logo: Option<(Picture, Vec<u8>)>) -> Result<(), DrawError> {
        let logo = logo.and_then(|(kind, bytes)| read_picture(kind, bytes));
        let mut offset = 0.0;
        let mut height: f32 = 0.0;
        if let Some((image, size)) = logo {
            let x = self.beside_start(0.0, size.width());
            self.put(x, self.y, Drawn::Logo(image, size));
            offset = size.width() + 12.0;
            height = size.height();
        }
        let width = WIDTH - offset;
        let set = self.set(name, BUSINESS, width)?;
        let x = self.beside_start(offset, width);
        let middle = self.y + ((height - set.height()) / 2.0).max(0.0);
        height = height.max(set.height());
        self.put(x, middle, Drawn::Text(Role::Text, Box::new(set)));
        self.y += height + 22.0;
        Ok(())
    }

    fn title(&mut self, title: &str, color: Color) -> Result<(), DrawError> {
        let width = WIDTH - 14.0;
        let set = self.set(title, TITLE, width)?;
        let height = set.height();
        self.put(self.beside_start(0.0, 4.0), self.y, Drawn::Mark(color, height));
        self.put(self.beside_start(14.0, width), self.y, Drawn::Text(Role::Title, Box::new(set)));
        self.y += height + 8.0;
        Ok(())
    }

    fn facts(&mut self, facts: &[SheetFact]) -> Result<(), DrawError> {
        for fact in facts {
            // Where a number stands in a line with words that run the other way, Chromium copies its parts in the wrong order. So it
            // has a line of its own.
            let stands_alone = fact.is_ltr && self.language.is_right_to_left();
            let (names, width) = if stands_alone { (WIDTH, WIDTH) } else { (NAMES, WIDTH - NAMES - GAP) };
            let direction = if fact.is_ltr { Direction::LeftToRight } else { Direction::Own };
            let name = self.set(&fact.name, NAME, names)?;
            let mut value = self.set(&fact.value, Style { direction, ..BODY }, width)?;
            // One that is longer than a page is one of very many lines, which are set one behind the other.
            if value.height() > LONGEST_VALUE {
                value = self.set(&fact.value.replace('\n', " · "), Style { direction, ..BODY }, width)?;
            }
            let (offset, down) = if stands_alone { (0.0, name.height()) } else { (NAMES + GAP, 0.0) };
            let height = name.height().max(down + value.height());
            self.reserve(height + 9.0);
            self.put(MARGIN, self.y, Drawn::Line);
            self.put(self.beside_start(0.0, names), self.y + 4.5, Drawn::Text(Role::Name, Box::new(name)));
            self.put(self.beside_start(offset, width), self.y + 4.5 + down, Drawn::Text(Role::Value, Box::new(value)));
            self.y += height + 9.0;
        }
        self.put(MARGIN, self.y, Drawn::Line);
        self.y += 16.0;
        Ok(())
    }

    /// How anybody checks the receipt: in words beside a code that phones read.
    fn check(&mut self, sheet: &ReceiptSheet) -> Result<(), DrawError> {
        let width = WIDTH - CODE - 20.0;
        let words = self.set(&sheet.check, SAID, width)?;
        let code_style = Style { size: 12.0, is_bold: true, direction: Direction::LeftToRight, ..BODY };
        let code = self.set(sheet.code.expose(), code_style, width)?;
        let address = self.set(&sheet.address, Style { direction: Direction::LeftToRight, ..HINT }, width)?;
        let height = (words.height() + code.height() + address.height() + 8.0).max(CODE);
        self.reserve(height);
        let x = self.beside_start(0.0, width);
        let mut y = self.y;
        for (role, set) in [(Role::Text, words), (Role::Text, code), (Role::Address, address)] {
            let below = set.height() + 4.0;
            self.put(x, y, Drawn::Text(role, Box::new(set)));
            y += below;
        }
        self.put(self.beside_start(WIDTH - CODE, CODE), self.y, Drawn::Code);
        self.y += height + 16.0;
        Ok(())
    }
}

fn read_picture(kind: Picture, bytes: Vec<u8>) -> Option<(Image, Size)> {
    let image = match kind {
        Picture::Png => Image::from_png(bytes.into(), false),
        Picture::Jpeg => Image::from_jpeg(bytes.into(), false),
    };
    let image = image.ok()?;
    let (width, height) = image.size();
    let is_small = u64::from(width) * u64::from(height) <= MOST_PIXELS;
    let (Ok(width), Ok(height), true) = (u16::try_from(width), u16::try_from(height), is_small) else { return None };
    let (width, height) = (f32::from(width), f32::from(height));
    let scale = (LOGO.0 / height).min(LOGO.1 / width);
    Some((image, Size::from_wh(width * scale, height * scale)?))
}

/// The sheet as a PDF that can be kept (PDF/A-2a) and read aloud (PDF/UA-1).
pub(crate) fn draw(
    sheet: &ReceiptSheet,
    language: Language,
    logo: Option<(Picture, Vec<u8>)>,
    now: Timestamp,
    typesetter: &mut Typesetter,
) -> Result<Vec<u8>, DrawError> {
    let has_logo = logo.is_some();
    let pieces = composed(sheet, language, logo, typesetter)?;
    match write(&pieces, sheet, language, now, typesetter) {
        // A picture is read when it is written, and some that browsers show cannot be kept: such as one in the colours of print.
        Err(DrawError::NotWritten(_)) if has_logo => draw(sheet, language, None, now, typesetter),
        written => written,
    }
}

/// What stands where, from the first page to the last.
fn composed(
    sheet: &ReceiptSheet,
    language: Language,
    logo: Option<(Picture, Vec<u8>)>,
    typesetter: &mut Typesetter,
) -> Result<Vec<Piece>, DrawError> {
    let mut composer = Composer { typesetter, language, pieces: Vec::new(), page: 0, y: MARGIN };
    composer.business(&sheet.business, logo)?;
    if let Some(mark) = &sheet.test_mark {
        composer.text(Role::Text, mark, Style { color: BAD, is_bold: true, ..SAID }, 10.0)?;
    }
    let color = match sheet.standing {
        SheetStanding::Valid => GOOD,
        SheetStanding::Void => BAD,
        SheetStanding::Returned => QUIET,
    };
    composer.title(&sheet.title, color)?;
    if let Some(void) = &sheet.void {
        composer.text(Role::Text, void, Style { color: BAD, ..SAID }, 6.0)?;
    }
    composer.text(Role::Text, &sheet.amount, AMOUNT, if sheet.in_rial.is_some() { 0.0 } else { 14.0 })?;
    if let Some(rial) = &sheet.in_rial {
        composer.text(Role::Text, rial, NAME, 14.0)?;
    }
    composer.facts(&sheet.facts)?;
    if !sheet.refunds.is_empty() {
        composer.reserve(60.0);
        composer.text(Role::Heading, &sheet.refunds_title, HEADING, 6.0)?;
        composer.facts(&sheet.refunds)?;
    }
    composer.check(sheet)?;
    composer.text(Role::Text, &sheet.no_tax, HINT, 2.0)?;
    composer.text(Role::Text, &sheet.made, HINT, 2.0)?;
    if let Some((ask, contacts)) = &sheet.support {
        composer.y += 8.0;
        composer.text(Role::Text, ask, HINT, 0.0)?;
        for contact in contacts {
            composer.text(Role::Text, contact, Style { direction: Direction::LeftToRight, ..HINT }, 0.0)?;
        }
    }
    Ok(composer.pieces)
}

fn write(
    pieces: &[Piece],
    sheet: &ReceiptSheet,
    language: Language,
    now: Timestamp,
    typesetter: &mut Typesetter,
) -> Result<Vec<u8>, DrawError> {
    let configuration = ConfigurationBuilder::new()
        .with_archival_validator(Archival::A2_A)
        .with_accessibility_validator(Accessibility::UA1)
        .finish()
        .unwrap_or_default();
    let mut document =
        Document::new_with(SerializeSettings { configuration, enable_tagging: true, ..SerializeSettings::default() });
    document.set_metadata(metadata(sheet, language, now));
    let mut tags = Tags::default();
    let pages = pieces.last().map_or(0, |piece| piece.page);
    for number in 0..=pages {
        let settings = PageSettings::from_wh(PAGE.0, PAGE.1).ok_or(DrawError::NoPage)?;
        let mut page = document.start_page_with(settings);
        let mut links: Vec<(usize, Rect)> = Vec::new();
        let mut surface = page.surface();
        for piece in pieces.iter().filter(|piece| piece.page == number) {
            match &piece.drawn {
                Drawn::Text(role, set) => {
                    let mut parts = Vec::new();
                    typesetter.draw(set, piece.at, &mut surface, |surface, line| {
                        parts.push(surface.start_tagged(ContentTag::Span(SpanTag::empty())));
                        line(surface);
                        surface.end_tagged();
                    });
                    if let Some(at) = tags.add(*role, set.text(), parts)
                        && let Some(area) = Rect::from_xywh(piece.at.x, piece.at.y, WIDTH - CODE - 20.0, set.height())
                    {
                        links.push((at, area));
                    }
                }
                Drawn::Code => {
                    let part = surface.start_tagged(ContentTag::Other);
                    code(&sheet.address, piece.at, &mut surface);
                    surface.end_tagged();
                    tags.figure(part, &sheet.address);
                }
                drawn @ (Drawn::Logo(..) | Drawn::Line | Drawn::Mark(..)) => {
                    surface.start_tagged(ContentTag::Artifact(Artifact::with_kind(ArtifactType::Other)));
                    ornament(drawn, piece.at, &mut surface);
                    surface.end_tagged();
                }
            }
        }
        surface.finish();
        for (at, area) in links {
            let target = Target::Action(Action::Link(LinkAction::new(sheet.address.clone())));
            let link = Annotation::new_link(LinkAnnotation::new(area, target), Some(sheet.address.clone()));
            let part = page.add_tagged_annotation(link);
            tags.link(at, part);
        }
        page.finish();
    }
    let mut outline = Outline::new();
    outline.push_child(OutlineNode::new(sheet.title.clone(), XyzDestination::new(0, Point::from_xy(0.0, 0.0))));
    document.set_outline(outline);
    document.set_tag_tree(tags.tree(language));
    document.finish().map_err(|error| DrawError::NotWritten(kind_of(&error)))
}

fn kind_of(error: &KrillaError) -> &'static str {
    match error {
        KrillaError::Font(..) => "a font",
        KrillaError::Validation(_) => "what a file that can be kept may not have",
        KrillaError::Limit(_) => "a limit of the format",
        KrillaError::Image(..) | KrillaError::SixteenBitImage(..) => "a picture",
        KrillaError::DuplicateNamedDestination(_) | KrillaError::DuplicateTagId(..) | KrillaError::UnknownTagId(..) => {
            "what is heard"
        }
    }
}

fn metadata(sheet: &ReceiptSheet, language: Language, now: Timestamp) -> Metadata {
    let utc = TimeZone::UTC.to_datetime(now);
    let small = |part: i8| u8::try_from(part).unwrap_or_default();
    let made = DateTime::new(u16::try_from(utc.year()).unwrap_or_default())
        .month(small(utc.month()))
        .day(small(utc.day()))
        .hour(small(utc.hour()))
        .minute(small(utc.minute()))
        .second(small(utc.second()))
        .utc_offset_hour(0)
        .utc_offset_minute(0);
    // The direction of pages is not said: it is for the order in which two of them lie side by side, and Chromium takes it for the
    // direction of each line when it is copied, digits and addresses included.
    Metadata::new()
        .title(format!("{} · {}", sheet.title, sheet.business))
        .authors(vec![sheet.business.clone()])
        .language(language.code().to_owned())
        .creation_date(made)
}

/// What is only there for the eye.
fn ornament(drawn: &Drawn, at: Point, surface: &mut Surface<'_>) {
    match drawn {
        Drawn::Logo(image, size) => {
            surface.push_transform(&Transform::from_translate(at.x, at.y));
            surface.draw_image(image.clone(), *size);
            surface.pop();
        }
        Drawn::Line => fill(surface, at, (WIDTH, 0.6), LINE),
        Drawn::Mark(color, height) => fill(surface, at, (4.0, *height), *color),
        Drawn::Text(..) | Drawn::Code => {}
    }
}

fn fill(surface: &mut Surface<'_>, at: Point, (width, height): (f32, f32), color: Color) {
    if let Some(path) = rectangle(at, (width, height)) {
        painted(surface, &path, color);
    }
}

fn rectangle(at: Point, (width, height): (f32, f32)) -> Option<Path> {
    let mut path = PathBuilder::new();
    path.push_rect(Rect::from_xywh(at.x, at.y, width, height)?);
    path.finish()
}

fn painted(surface: &mut Surface<'_>, path: &Path, color: Color) {
    surface.set_fill(Some(color.fill()));
    surface.draw_path(path);
}

/// An address as a code that phones read, as one path.
fn code(address: &str, at: Point, surface: &mut Surface<'_>) {
    let Ok(code) = QrCode::with_error_correction_level(address, EcLevel::M) else { return };
    let side = u16::try_from(code.width()).unwrap_or(u16::MAX);
    let module = CODE / f32::from(side);
    let mut path = PathBuilder::new();
    for (number, color) in code.to_colors().into_iter().enumerate() {
        let (x, y) = (number % usize::from(side), number / usize::from(side));
        let place = |along: usize| module * f32::from(u16::try_from(along).unwrap_or(u16::MAX));
        if color == Module::Dark
            && let Some(dark) = Rect::from_xywh(at.x + place(x), at.y + place(y), module, module)
        {
            path.push_rect(dark);
        }
    }
    if let Some(path) = path.finish() {
        painted(surface, &path, INK);
    }
}

/// What is heard, in order.
#[derive(Default)]
struct Tags {
    heard: Vec<TagGroup>,
}

impl Tags {
    /// Adds a text. One that leads elsewhere is at the place that is returned, and gets its link there.
    fn add(&mut self, role: Role, said: &str, parts: Vec<Identifier>) -> Option<usize> {
        let of = |tag: TagGroup| {
            let mut tag = tag;
            for part in &parts {
                tag.push(*part);
            }
            tag
        };
        match role {
            Role::Title => self.heard.push(of(TagGroup::new(Tag::Hn(FIRST, Some(said.to_owned()))))),
            Role::Heading => self.heard.push(of(TagGroup::new(Tag::Hn(SECOND, Some(said.to_owned()))))),
            Role::Text => self.heard.push(of(TagGroup::new(Tag::P))),
            Role::Address => {
                self.heard.push(of(TagGroup::new(Tag::Link)));
                return Some(self.heard.len() - 1);
            }
            Role::Name => {
                let mut row = TagGroup::new(Tag::TR);
                row.push(of(TagGroup::new(Tag::TH(TableHeaderScope::Row))));
                self.table().push(row);
            }
            Role::Value => {
                let cell = of(TagGroup::new(Tag::TD));
                if let Some(krilla::tagging::Node::Group(row)) = self.table().children.last_mut() {
                    row.push(cell);
                }
            }
        }
        None
    }

    /// The table that is being filled.
    fn table(&mut self) -> &mut TagGroup {
        let is_open = self.heard.last().is_some_and(|last| matches!(last.tag, krilla::tagging::TagKind::Table(_)));
        if !is_open {
            self.heard.push(TagGroup::new(Tag::Table));
        }
        let last = self.heard.len() - 1;
        &mut self.heard[last]
    }

    fn figure(&mut self, part: Identifier, says: &str) {
        let mut figure = TagGroup::new(Tag::Figure(Some(says.to_owned())));
        figure.push(part);
        self.heard.push(figure);
    }

    fn link(&mut self, at: usize, part: Identifier) {
        if let Some(link) = self.heard.get_mut(at) {
            link.push(part);
        }
    }

    fn tree(self, language: Language) -> TagTree {
        let mut tree = TagTree::new().with_lang(Some(language.code().to_owned()));
        self.heard.into_iter().for_each(|group| tree.push(group));
        tree
    }
}

const FIRST: NonZeroU16 = NonZeroU16::MIN;
const SECOND: NonZeroU16 = FIRST.saturating_add(1);

#[cfg(test)]
mod tests {
    use super::*;
    use domain::ids::ReceiptCode;
    use proptest::prelude::*;

    fn fact(name: &str, value: &str, is_ltr: bool) -> SheetFact {
        SheetFact { name: name.to_owned(), value: value.to_owned(), is_ltr }
    }

    fn sheet(language: Language, purpose: &str) -> ReceiptSheet {
        let say = |key: &str| language.say(key, &[]);
        ReceiptSheet {
            standing: SheetStanding::Valid,
            title: say("receipt-title"),
            business: "فروشگاه نمونه".to_owned(),
            test_mark: None,
            amount: "۱۵۰٬۰۰۰ تومان".to_owned(),
            in_rial: Some("۱٬۵۰۰٬۰۰۰ ریال".to_owned()),
            void: None,
            facts: vec![fact(&say("purpose"), purpose, false), fact(&say("reference"), "A-000123", true)],
            refunds_title: say("receipt-refunds"),
            refunds: Vec::new(),
            no_tax: say("receipt-no-tax"),
            check: say("receipt-check"),
            code: ReceiptCode::parse("7hRmz4LdS9oXWcYbQ2tVfA").unwrap(),
            address: "https://pay.business.example/r/7hRmz4LdS9oXWcYbQ2tVfA".to_owned(),
            made: say("receipt-made"),
            support: Some((say("support"), vec!["+98 21 0000 0000".to_owned()])),
        }
    }

    fn drawn(sheet: &ReceiptSheet, language: Language) -> Result<Vec<u8>, DrawError> {
        draw(sheet, language, None, Timestamp::UNIX_EPOCH, &mut Typesetter::new())
    }

    fn pages(sheet: &ReceiptSheet, language: Language) -> usize {
        assert!(drawn(sheet, language).unwrap().starts_with(b"%PDF-1.7"));
        composed(sheet, language, None, &mut Typesetter::new()).unwrap().last().map_or(0, |piece| piece.page + 1)
    }

    #[test]
    fn a_receipt_is_one_page_and_one_with_very_much_to_say_goes_on_on_the_next() {
        for language in Language::ALL {
            assert_eq!(pages(&sheet(language, "Invoice 77"), language), 1, "{language:?}");
            let mut long = sheet(language, &"قرارداد C++ ".repeat(60));
            long.refunds = (0..20).map(|number| fact(&format!("{number}"), "€1.00", false)).collect();
            assert_eq!(pages(&long, language), 2, "{language:?}");
        }
    }

    #[test]
    fn a_picture_that_is_none_or_takes_all_of_the_memory_is_not_shown() {
        assert!(read_picture(Picture::Png, b"\x89PNG\r\n\x1a\n".to_vec()).is_none());
        assert!(read_picture(Picture::Jpeg, b"\xff\xd8\xff".to_vec()).is_none());
        let with_picture = |bytes: &[u8]| {
            let logo = Some((Picture::Png, bytes.to_vec()));
            draw(&sheet(Language::EN, "x"), Language::EN, logo, Timestamp::UNIX_EPOCH, &mut Typesetter::new())
        };
        assert!(with_picture(b"\x89PNG\r\n\x1a\n").is_ok());
        // A header of eight pixels by eight, and nothing that can be read behind it.
        let broken = b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR\0\0\0\x08\0\0\0\x08\x08\x06\0\0\0\xc4\x0f\xbe\x8b\0\0\0\x04IDATxxxx\0\0\0\0";
        assert!(with_picture(broken).is_ok());
    }

    #[test]
    fn a_letter_is_never_left_out_and_what_is_none_may_be() {
        let of = |purpose: &str| {
            let mut typesetter = Typesetter::new();
            let set = typesetter.set(purpose, Language::EN, BODY, WIDTH);
            set.map(|set| set.text().to_owned())
        };
        for (written, drawn) in [
            ("Flowers 🌹", Some("Flowers ")),
            ("𝓐𝓵𝓲 ① Ａ", Some("Ali 1 A")),
            ("1️⃣", Some("1")),
            ("قرارداد", Some("قرارداد")),
            ("Ꜳ", None),
            ("花", None),
        ] {
            assert_eq!(of(written).as_deref(), drawn, "{written}");
        }
        assert!(matches!(drawn(&sheet(Language::EN, "花"), Language::EN), Err(DrawError::NoLetter)));
    }

    #[test]
    fn a_value_of_very_many_lines_loses_none_of_them() {
        let lines: Vec<String> = (0..80).map(|number| format!("L{number}")).collect();
        let pieces =
            composed(&sheet(Language::EN, &lines.join("\n")), Language::EN, None, &mut Typesetter::new()).unwrap();
        let lowest = pieces.iter().map(|piece| match &piece.drawn {
            Drawn::Text(_, set) => piece.at.y + set.height(),
            _ => 0.0,
        });
        assert!(lowest.fold(0.0, f32::max) < PAGE.1, "something is below the page");
        let is_whole = |piece: &Piece| matches!(&piece.drawn, Drawn::Text(_, set) if lines.iter().all(|line| set.text().contains(line)));
        assert!(pieces.iter().any(is_whole));
    }

    /// Letters of the scripts that can be drawn, and what is of no script.
    fn letters() -> impl Strategy<Value = Vec<char>> {
        let from = |first: char, last: char| proptest::char::range(first, last);
        let letter = prop_oneof![
            from('\0', '\u{24f}'),
            from('\u{250}', '\u{52f}'),
            from('\u{600}', '\u{77f}'),
            from('\u{900}', '\u{97f}'),
            from('\u{1e00}', '\u{2bff}'),
            from('\u{fb50}', '\u{ffff}'),
            from('\u{10000}', '\u{10ffff}'),
        ];
        proptest::collection::vec(letter, 0..60)
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(128))]

        /// Whatever people write, as far as the fonts have its script, the file is one that can be kept and read aloud.
        #[test]
        fn whatever_can_be_drawn_is_drawn(letters in letters(), pick in 0_usize..3) {
            let language = Language::ALL[pick];
            let can_be_drawn = |letter: &char| sheet(language, &letter.to_string()).can_be_drawn();
            let mut purpose: String = letters.into_iter().filter(can_be_drawn).collect();
            purpose.push_str(" 𝓐① 1️⃣ لا é e\u{301} \u{200c}\u{feff}\t\0\u{2068}🌹🇮🇷👩‍👩‍👧 क्षि");
            let drawn = drawn(&sheet(language, &purpose), language);
            prop_assert!(matches!(drawn, Ok(_) | Err(DrawError::NoLetter)), "{:?}: {:?}", purpose, drawn);
        }
    }
}
