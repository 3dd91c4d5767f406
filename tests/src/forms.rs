//! Forms on pages, as a browser reads and posts them.

/// A form, with the fields that it posts by itself. One without an action goes to the address of its page.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Form {
    pub action: String,
    pub fields: Vec<(String, String)>,
}

impl Form {
    /// The first form of a page, where there is one.
    pub fn of(page: &str) -> Option<Self> {
        let start = page.find("<form")?;
        let form = &page[start..start + page[start..].find("</form>")?];
        let fields = form.split("<input ").skip(1).filter_map(|input| {
            let input = &input[..input.find('>')?];
            Some((attribute(input, "name")?, attribute(input, "value")?))
        });
        let action = attribute(&form[..form.find('>')?], "action").unwrap_or_default();
        Some(Self { action, fields: fields.collect() })
    }
}

/// A quoted attribute, unescaped.
fn attribute(tag: &str, name: &str) -> Option<String> {
    let value = tag.split(&format!("{name}=\"")).nth(1)?.split('"').next()?;
    Some(value.replace("&lt;", "<").replace("&gt;", ">").replace("&quot;", "\"").replace("&amp;", "&"))
}
