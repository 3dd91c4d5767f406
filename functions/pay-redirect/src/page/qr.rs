//! An address as a code that a phone's camera reads.

use maud::{Markup, html};
use qrcode::types::Color;
use qrcode::{EcLevel, QrCode};

/// An address as a QR code, with what it leads to.
pub(super) fn code_of(address: &str, label: &str) -> Markup {
    let Ok(code) = QrCode::with_error_correction_level(address, EcLevel::L) else { return Markup::default() };
    // The light margin that a reader needs is four modules wide.
    let side = code.width() + 8;
    html! {
        svg viewBox=(format!("0 0 {side} {side}")) role="img" aria-label=(label) {
            path d=(dark_runs(&code)) stroke="#000" {}
        }
    }
}

/// The dark modules as lines from left to right, each as wide as a module.
fn dark_runs(code: &QrCode) -> String {
    let mut drawn = String::new();
    for y in 0..code.width() {
        let is_dark = |x: usize| x < code.width() && code[(x, y)] == Color::Dark;
        let mut x = 0;
        while x < code.width() {
            let run = (x..).take_while(|x| is_dark(*x)).count();
            if run > 0 {
                drawn.push_str(&format!("M{} {}.5h{run}", x + 4, y + 4));
            }
            x += run.max(1);
        }
    }
    drawn
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_code_is_drawn_by_the_runs_of_its_lines() {
        let code = QrCode::with_error_correction_level("1", EcLevel::L).unwrap();
        let drawn = dark_runs(&code);
        assert!(drawn.starts_with("M4 4.5h7M"), "the upper side of the first corner: {drawn}");
        let dark = code.to_colors().iter().filter(|color| **color == Color::Dark).count();
        let lines: usize =
            drawn.split('h').skip(1).map(|run| run.split('M').next().unwrap().parse::<usize>().unwrap()).sum();
        assert_eq!(lines, dark);
    }
}
