//! The colour of a business on its pages and in its emails, made readable wherever it is shown.
//!
//! Contrast is that of the Web Content Accessibility Guidelines 2.2: text has at least 4.5:1 against what it stands on
//! (success criterion 1.4.3), and a button 3:1 against what is around it (1.4.11).

use serde::{Deserialize, Serialize};

use crate::problem::Rejection;

/// A colour as `#rrggbb`, in small letters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct BrandColor(Rgb);

/// Red, green and blue.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Rgb([u8; 3]);

/// A colour and that of the text on it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Paint {
    surface: Rgb,
    text: Rgb,
}

/// What pages and emails are drawn on, in the light and in the dark.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scheme {
    Light,
    Dark,
}

const BLACK: Rgb = Rgb([0, 0, 0]);
const WHITE: Rgb = Rgb([255, 255, 255]);

/// The least contrast of a button with its surroundings.
const OF_A_BUTTON: f64 = 3.0;

/// A colour comes closer to white or black by a twentieth of the way at a time.
const STEPS: u16 = 20;

impl Scheme {
    /// What a button stands on.
    fn card(self) -> Rgb {
        match self {
            Self::Light => WHITE,
            Self::Dark => Rgb([0x1a, 0x22, 0x2c]),
        }
    }

    /// Towards what a colour moves away from the card.
    fn away(self) -> Rgb {
        match self {
            Self::Light => BLACK,
            Self::Dark => WHITE,
        }
    }
}

impl BrandColor {
    /// What a business has that set none.
    pub const DEFAULT: Self = Self(Rgb([0x0a, 0x58, 0xca]));

    pub fn parse(text: &str) -> Result<Self, Rejection> {
        let channel = |at: usize| {
            let digits = text.get(at..at + 2).filter(|digits| digits.bytes().all(|byte| byte.is_ascii_hexdigit()));
            digits.and_then(|digits| u8::from_str_radix(digits, 16).ok())
        };
        let is_written_so = text.len() == "#rrggbb".len() && text.starts_with('#');
        match (is_written_so, channel(1), channel(3), channel(5)) {
            (true, Some(red), Some(green), Some(blue)) => Ok(Self(Rgb([red, green, blue]))),
            _ => Err(Rejection::new("invalid_color", "Give a colour such as #0a58ca.")),
        }
    }

    /// The colour, brought so far away from what it stands on that it is seen there, and black or white on it.
    pub fn paint(self, scheme: Scheme) -> Paint {
        let steps = (0..=STEPS).map(|step| self.0.mixed(scheme.away(), step));
        let seen = steps.into_iter().find(|color| color.contrast(scheme.card()) >= OF_A_BUTTON);
        let surface = seen.unwrap_or(scheme.away());
        // One of the two always has 4.5:1, because together they have 21:1.
        let text = if surface.contrast(WHITE) >= surface.contrast(BLACK) { WHITE } else { BLACK };
        Paint { surface, text }
    }
}

impl Paint {
    pub fn surface(self) -> String {
        self.surface.written()
    }

    pub fn text(self) -> String {
        self.text.written()
    }
}

impl Rgb {
    fn written(self) -> String {
        let Self([red, green, blue]) = self;
        format!("#{red:02x}{green:02x}{blue:02x}")
    }

    /// So many of [`STEPS`] on the way to another colour.
    fn mixed(self, other: Self, step: u16) -> Self {
        let channel = |at: usize| {
            let mixed = (u16::from(self.0[at]) * (STEPS - step) + u16::from(other.0[at]) * step) / STEPS;
            u8::try_from(mixed).unwrap_or(u8::MAX)
        };
        Self([channel(0), channel(1), channel(2)])
    }

    fn luminance(self) -> f64 {
        let linear = |channel: u8| {
            let channel = f64::from(channel) / 255.0;
            if channel <= 0.040_45 { channel / 12.92 } else { ((channel + 0.055) / 1.055).powf(2.4) }
        };
        let [red, green, blue] = self.0.map(linear);
        0.2126 * red + 0.7152 * green + 0.0722 * blue
    }

    fn contrast(self, other: Self) -> f64 {
        let (one, two) = (self.luminance() + 0.05, other.luminance() + 0.05);
        if one > two { one / two } else { two / one }
    }
}

impl TryFrom<String> for BrandColor {
    type Error = Rejection;
    fn try_from(text: String) -> Result<Self, Rejection> {
        Self::parse(&text)
    }
}

impl From<BrandColor> for String {
    fn from(color: BrandColor) -> String {
        color.0.written()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_colour_is_written_in_one_way() {
        assert_eq!(String::from(BrandColor::parse("#0A58ca").unwrap()), "#0a58ca");
        assert_eq!(BrandColor::parse("#0a58ca"), Ok(BrandColor::DEFAULT));
        for bad in ["", "0a58ca", "#0a58c", "#0a58caa", "#0a58cg", "#+a58ca", "#۰a58c", "blue"] {
            assert_eq!(BrandColor::parse(bad).unwrap_err().code, "invalid_color", "{bad}");
        }
    }

    #[test]
    fn a_colour_stays_as_it_is_where_it_is_seen() {
        let paint = BrandColor::DEFAULT.paint(Scheme::Light);
        assert_eq!((paint.surface(), paint.text()), ("#0a58ca".to_owned(), "#ffffff".to_owned()));
        assert_ne!(BrandColor::DEFAULT.paint(Scheme::Dark).surface(), "#0a58ca", "it has 2.49:1 on a dark card");
    }

    proptest! {
        #[test]
        fn whatever_the_colour_its_text_is_read_and_its_button_is_seen(red: u8, green: u8, blue: u8) {
            for scheme in [Scheme::Light, Scheme::Dark] {
                let Paint { surface, text } = BrandColor(Rgb([red, green, blue])).paint(scheme);
                prop_assert!(surface.contrast(text) >= 4.5);
                prop_assert!(surface.contrast(scheme.card()) >= OF_A_BUTTON);
            }
        }
    }
}
