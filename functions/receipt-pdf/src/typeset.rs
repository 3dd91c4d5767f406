//! Text as it is drawn: shaped, in both directions, broken into lines, with the fonts that this function carries.

use std::borrow::Cow;
use std::collections::HashMap;
use std::ops::Range;
use std::sync::Arc;

use domain::language::Language;
use icu_normalizer::ComposingNormalizerBorrowed;
use krilla::geom::Point;
use krilla::surface::Surface;
use krilla::text::{Font, GlyphId, KrillaGlyph};
use parley::fontique::{Blob, Collection, CollectionOptions, SourceCache};
use parley::style::{FontFamily, FontFamilyName, FontWeight, LineHeight, OverflowWrap, StyleProperty};
use parley::{Alignment, AlignmentOptions, BaseDirection, Cluster, FontContext, Layout, LayoutContext, Run};

use crate::paper::Color;

/// The fonts, in the order in which a letter is looked for. Each has a regular and a bold one.
const FAMILIES: [&str; 3] = ["Vazirmatn", "Noto Sans", "Noto Sans Devanagari"];
const FONTS: [&[u8]; 6] = [
    include_bytes!("../fonts/Vazirmatn-Regular.ttf"),
    include_bytes!("../fonts/Vazirmatn-Bold.ttf"),
    include_bytes!("../fonts/NotoSans-Regular.ttf"),
    include_bytes!("../fonts/NotoSans-Bold.ttf"),
    include_bytes!("../fonts/NotoSansDevanagari-Regular.ttf"),
    include_bytes!("../fonts/NotoSansDevanagari-Bold.ttf"),
];

/// In which direction a text runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Direction {
    /// That of the language of the receipt.
    Language,
    /// That of its first letter: nobody knows in which language somebody wrote it.
    Own,
    LeftToRight,
}

/// How a text looks.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Style {
    /// In points.
    pub(crate) size: f32,
    pub(crate) is_bold: bool,
    pub(crate) color: Color,
    pub(crate) direction: Direction,
}

/// The fonts, read once for as many receipts as the process draws.
pub(crate) struct Typesetter {
    fonts: FontContext,
    layouts: LayoutContext<()>,
    /// What is drawn with, by the id that a font has when text is set.
    drawn: HashMap<u64, Font>,
}

/// A text that was set.
pub(crate) struct Paragraph {
    text: String,
    layout: Layout<()>,
    color: Color,
}

impl Typesetter {
    pub(crate) fn new() -> Self {
        let options = CollectionOptions { shared: false, system_fonts: false };
        let mut collection = Collection::new(options);
        for font in FONTS {
            collection.register_fonts(Blob::new(Arc::new(font)), None);
        }
        let fonts = FontContext { collection, source_cache: SourceCache::default() };
        Self { fonts, layouts: LayoutContext::new(), drawn: HashMap::new() }
    }

    /// Sets a text in lines of at most `width` points. What no font has is written as what it stands for, such as a letter in a
    /// circle as that letter, and left out where it is no letter. `None` where a letter would be missing.
    pub(crate) fn set(&mut self, text: &str, language: Language, style: Style, width: f32) -> Option<Paragraph> {
        let mut text = for_copying(text);
        let mut layout = self.lay_out(&text, language, style, width);
        // Each time there is less that no font has, or what stands for it.
        loop {
            let missing = missing_in(&layout);
            if missing.is_empty() {
                return Some(Paragraph { text, layout, color: style.color });
            }
            text = without(&text, &missing)?;
            layout = self.lay_out(&text, language, style, width);
        }
    }

    fn lay_out(&mut self, text: &str, language: Language, style: Style, width: f32) -> Layout<()> {
        let mut builder = self.layouts.ranged_builder(&mut self.fonts, text, 1.0, false);
        let families = FAMILIES.map(|name| FontFamilyName::Named(Cow::Borrowed(name)));
        builder.push_default(StyleProperty::FontFamily(FontFamily::List(Cow::Borrowed(&families))));
        builder.push_default(StyleProperty::FontSize(style.size));
        builder.push_default(StyleProperty::FontWeight(FontWeight::new(if style.is_bold { 700.0 } else { 400.0 })));
        builder.push_default(StyleProperty::LineHeight(LineHeight::FontSizeRelative(1.5)));
        builder.push_default(StyleProperty::Locale(language.code().parse().ok()));
        // A reference without any blank is broken where it has to be.
        builder.push_default(StyleProperty::OverflowWrap(OverflowWrap::Anywhere));
        builder.set_base_direction(match style.direction {
            Direction::Own => BaseDirection::Auto,
            Direction::LeftToRight => BaseDirection::Ltr,
            Direction::Language if language.is_right_to_left() => BaseDirection::Rtl,
            Direction::Language => BaseDirection::Ltr,
        });
        let mut layout = builder.build(text);
        layout.break_all_lines(Some(width));
        let side = if language.is_right_to_left() { Alignment::Right } else { Alignment::Left };
        layout.align(side, AlignmentOptions { align_when_overflowing: true, ..AlignmentOptions::default() });
        layout
    }

    /// Draws the lines of a paragraph whose upper left corner this is, each as `mark` has it done.
    pub(crate) fn draw(
        &mut self,
        paragraph: &Paragraph,
        at: Point,
        surface: &mut Surface<'_>,
        mut mark: impl FnMut(&mut Surface<'_>, &mut dyn FnMut(&mut Surface<'_>)),
    ) {
        for line in paragraph.layout.lines() {
            let baseline = at.y + line.metrics().baseline;
            let mut x = at.x + line.metrics().offset;
            mark(surface, &mut |surface| {
                surface.set_fill(Some(paragraph.color.fill()));
                for run in line.runs() {
                    let size = run.font_size();
                    let begins = x;
                    let mut glyphs: Vec<KrillaGlyph> = Vec::new();
                    let copied = Copied::of(&run, &paragraph.text);
                    for cluster in run.visual_clusters() {
                        let drawn: Vec<_> = cluster.glyphs().collect();
                        for (number, glyph) in drawn.iter().enumerate() {
                            let Some(range) = copied.range(&cluster, number, drawn.len()) else { continue };
                            glyphs.push(KrillaGlyph::new(
                                GlyphId::new(glyph.id),
                                glyph.advance / size,
                                glyph.x / size,
                                glyph.y / size,
                                0.0,
                                range,
                                None,
                            ));
                            x += glyph.advance;
                        }
                    }
                    let Some(font) = self.drawn_with(run.font()) else { continue };
                    surface.draw_glyphs(Point::from_xy(begins, baseline), &glyphs, font, &copied.text, size, false);
                }
            });
        }
    }

    fn drawn_with(&mut self, font: &parley::FontData) -> Option<Font> {
        if let Some(known) = self.drawn.get(&font.data.id()) {
            return Some(known.clone());
        }
        let read = Font::new(font.data.as_ref().to_vec().into(), font.index)?;
        self.drawn.insert(font.data.id(), read.clone());
        Some(read)
    }
}

impl Paragraph {
    pub(crate) fn height(&self) -> f32 {
        self.layout.height()
    }

    pub(crate) fn text(&self) -> &str {
        &self.text
    }
}

/// What is copied out of the file where a run was drawn: the letters of each glyph, from the first to the last.
///
/// Programs put the letters of a line that runs from right to left back in order by reversing it, one glyph after the other. So
/// a glyph that stands for two letters would be reversed in itself. The one such glyph of Arabic, lam with alef, is named by the
/// character that Unicode has for it, which programs take apart again. Where a letter has a mark, or something invisible behind
/// it, each has a glyph of its own, and is copied by that.
struct Copied {
    text: String,
    /// Where in the text the letters of a cluster are, one by one, by where the cluster begins.
    letters: HashMap<usize, Vec<Range<usize>>>,
}

impl Copied {
    fn of(run: &Run<'_, ()>, text: &str) -> Self {
        let mut clusters: Vec<(usize, String)> = Vec::new();
        for cluster in run.clusters() {
            let letters = text.get(cluster.text_range()).unwrap_or_default();
            match clusters.last_mut() {
                Some((_, last)) if cluster.is_ligature_continuation() => last.push_str(letters),
                _ => clusters.push((cluster.text_range().start, letters.to_owned())),
            }
        }
        let mut copied = Self { text: String::new(), letters: HashMap::new() };
        for (begins, letters) in clusters {
            let letters = lam_alef(&letters);
            let start = copied.text.len();
            let places =
                letters.char_indices().map(|(at, letter)| start + at..start + at + letter.len_utf8()).collect();
            copied.text.push_str(&letters);
            copied.letters.insert(begins, places);
        }
        copied
    }

    /// What a glyph of a cluster stands for, by its number among those of the cluster, from left to right: its letter, and where
    /// there are fewer glyphs the last one stands for all that are left.
    fn range(&self, cluster: &Cluster<'_, ()>, number: usize, glyphs: usize) -> Option<Range<usize>> {
        let letters = self.letters.get(&cluster.text_range().start)?;
        let place = if cluster.is_rtl() { glyphs.saturating_sub(number + 1) } else { number };
        let first = letters.get(place).or(letters.last())?;
        let is_last = place + 1 >= glyphs;
        let end = if is_last { letters.last()?.end } else { first.end };
        Some(first.start..end.max(first.end))
    }
}

/// Lam with an alef as the one character that Unicode has for both.
fn lam_alef(letters: &str) -> String {
    [
        ("\u{644}\u{622}", "\u{fef5}"),
        ("\u{644}\u{623}", "\u{fef7}"),
        ("\u{644}\u{625}", "\u{fef9}"),
        ("\u{644}\u{627}", "\u{fefb}"),
    ]
    .into_iter()
    .fold(letters.to_owned(), |letters, (apart, joined)| letters.replace(apart, joined))
}

/// Where no font has what is written.
fn missing_in(layout: &Layout<()>) -> Vec<Range<usize>> {
    let runs = layout.lines().flat_map(|line| line.runs().collect::<Vec<_>>());
    let lacks = |cluster: &Cluster<'_, ()>| cluster.glyphs().any(|glyph| glyph.id == 0);
    runs.flat_map(|run| run.clusters().filter(lacks).map(|cluster| cluster.text_range()).collect::<Vec<_>>()).collect()
}

/// The same text without what no font has. `None` where a letter would be missing.
fn without(text: &str, missing: &[Range<usize>]) -> Option<String> {
    let mut left = String::new();
    for (at, letter) in text.char_indices() {
        let Some(place) = missing.iter().find(|place| place.contains(&at)) else {
            left.push(letter);
            continue;
        };
        let plain: String = ComposingNormalizerBorrowed::new_nfkc().normalize_iter(std::iter::once(letter)).collect();
        let beside = text.get(place.clone()).unwrap_or_default();
        if plain.chars().ne(std::iter::once(letter)) {
            left.push_str(&plain);
        } else if letter.is_alphanumeric() && beside.chars().all(char::is_alphanumeric) {
            return None;
        } else if letter.is_alphanumeric() {
            // What is beside it and no letter may be what no font has.
            left.push(letter);
        }
    }
    Some(left)
}

/// The same text as it can stand in a file: without what no letter of one may be named by, and with one character for a letter
/// with a mark where there is one, because a mark by itself is copied before its letter.
fn for_copying(text: &str) -> String {
    let in_file = |letter: char| match letter {
        '\n' => Some('\n'),
        '\u{feff}' | '\u{fffe}' | '\u{ffff}' => None,
        letter if letter.is_control() => Some(' '),
        letter => Some(letter),
    };
    text.chars().filter_map(in_file).collect::<String>().replace("\u{647}\u{654}", "\u{6c0}")
}
