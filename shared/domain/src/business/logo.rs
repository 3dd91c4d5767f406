//! The business's logo: a small picture that pages show from their own address.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::problem::Rejection;

/// The largest picture, in bytes. A page and its logo together have to stay small on a slow phone.
pub const LARGEST_LOGO: usize = 16 * 1024;

/// The formats that are taken. SVG is not one of them: it can carry scripts and fetch from elsewhere.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Format {
    Png,
    Jpeg,
}

impl Format {
    const ALL: [Format; 2] = [Format::Png, Format::Jpeg];

    fn media_type(self) -> &'static str {
        match self {
            Self::Png => "image/png",
            Self::Jpeg => "image/jpeg",
        }
    }

    /// How every file of this format begins.
    fn magic(self) -> &'static [u8] {
        match self {
            Self::Png => b"\x89PNG\r\n\x1a\n",
            Self::Jpeg => b"\xff\xd8\xff",
        }
    }
}

/// A picture whose beginning is that of its format.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Logo {
    format: Format,
    /// In base64, because an item of the table with bytes in it reads badly everywhere.
    data: String,
}

impl Logo {
    /// Reads a `data:image/png;base64,…` or `data:image/jpeg;base64,…` URI.
    pub fn parse(uri: &str) -> Result<Self, Rejection> {
        let refused = |detail: &str| Rejection::new("invalid_logo", detail);
        let shape = "Give the logo as data:image/png;base64,… or data:image/jpeg;base64,….";
        let (media_type, data) =
            uri.strip_prefix("data:").and_then(|rest| rest.split_once(";base64,")).ok_or_else(|| refused(shape))?;
        let format = Format::ALL.into_iter().find(|format| format.media_type() == media_type);
        let format = format.ok_or_else(|| refused(shape))?;
        let bytes = STANDARD.decode(data).map_err(|_| refused("What follows base64, is not base64 with padding."))?;
        if bytes.len() > LARGEST_LOGO {
            let detail = format!("The picture has {} bytes, at most {LARGEST_LOGO} are allowed.", bytes.len());
            return Err(Rejection::new("logo_too_large", detail));
        }
        if !bytes.starts_with(format.magic()) {
            return Err(refused(&format!("The picture does not begin as {media_type} does.")));
        }
        Ok(Self { format, data: data.to_owned() })
    }

    pub fn media_type(&self) -> &'static str {
        self.format.media_type()
    }

    /// The picture itself.
    pub fn bytes(&self) -> Vec<u8> {
        STANDARD.decode(&self.data).unwrap_or_default()
    }

    /// As the caller gave it.
    pub fn uri(&self) -> String {
        format!("data:{};base64,{}", self.media_type(), self.data)
    }

    /// The name of this very picture: another picture has another one.
    pub fn hash(&self) -> LogoHash {
        let mut hash = Sha256::new();
        hash.update(self.media_type().as_bytes());
        hash.update(self.bytes());
        LogoHash(hash.finalize().iter().take(16).map(|byte| format!("{byte:02x}")).collect())
    }
}

/// Names a picture by what is in it: 32 hexadecimal digits.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct LogoHash(String);

impl LogoHash {
    pub fn parse(text: &str) -> Result<Self, Rejection> {
        let is_hash = text.len() == 32 && text.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'));
        is_hash
            .then(|| Self(text.to_owned()))
            .ok_or_else(|| Rejection::new("invalid_logo_hash", "A logo is named by 32 hexadecimal digits."))
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl TryFrom<String> for LogoHash {
    type Error = Rejection;
    fn try_from(text: String) -> Result<Self, Rejection> {
        Self::parse(&text)
    }
}

impl From<LogoHash> for String {
    fn from(hash: LogoHash) -> String {
        hash.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn uri(media_type: &str, bytes: &[u8]) -> String {
        format!("data:{media_type};base64,{}", STANDARD.encode(bytes))
    }

    #[test]
    fn a_small_picture_is_taken_and_named_by_its_content() {
        let png = Logo::parse(&uri("image/png", b"\x89PNG\r\n\x1a\nrest")).unwrap();
        assert_eq!((png.media_type(), png.bytes().len()), ("image/png", 12));
        assert_eq!(Logo::parse(&png.uri()), Ok(png.clone()));
        assert_eq!(LogoHash::parse(png.hash().as_str()), Ok(png.hash()));
        let jpeg = Logo::parse(&uri("image/jpeg", b"\xff\xd8\xff\xe0")).unwrap();
        assert_ne!(jpeg.hash(), png.hash());
    }

    #[test]
    fn what_is_no_small_picture_is_refused() {
        let mut large = b"\x89PNG\r\n\x1a\n".to_vec();
        large.resize(LARGEST_LOGO, 0);
        assert!(Logo::parse(&uri("image/png", &large)).is_ok());
        large.push(0);
        for (bad, code) in [
            (uri("image/png", &large), "logo_too_large"),
            (uri("image/png", b"\xff\xd8\xff\xe0"), "invalid_logo"),
            (uri("image/svg+xml", b"<svg/>"), "invalid_logo"),
            ("data:image/png;base64,?".to_owned(), "invalid_logo"),
            ("data:image/png;base64,".to_owned(), "invalid_logo"),
            ("https://business.example/logo.png".to_owned(), "invalid_logo"),
            (String::new(), "invalid_logo"),
        ] {
            assert_eq!(Logo::parse(&bad).unwrap_err().code, code, "{bad}");
        }
        assert!(LogoHash::parse("../settings").is_err());
    }
}
