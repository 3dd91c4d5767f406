//! What a request may say about a message provider, by the row of its kind.

use super::{ProviderConfig, ProviderFields};
use crate::messages::approved_template::{ApprovedTemplate, MAX_PARAMETERS, Placeholder};
use crate::messages::kind::MessageKind;
use crate::messages::provider_profile::{ProviderKind, RecordFields, TakenWording};
use crate::problem::{Field, Problems};

impl ProviderConfig {
    /// A provider of this kind with these fields. What the row does not have is refused, what it needs is required, and an
    /// address that is left out is the provider's own.
    pub fn decide(kind: ProviderKind, fields: ProviderFields, problems: &mut Problems) -> Option<Self> {
        // A kind without records is never that of a request.
        let record = kind.profile().record.as_ref()?;
        let wording = kind.profile().wording;
        fields.check_templates(kind, problems);
        fields.check_known(kind, record, problems);
        let ProviderFields { base_url, url, line, phone_number_id, api_version, templates } = fields;
        let base_url = match record.base_url {
            Some(usual) => base_url.optional().map(|given| Some(given.unwrap_or_else(|| usual.to_owned()))),
            None => Some(None),
        };
        let url = if record.has_url { url.require("/url", problems).map(Some) } else { Some(None) };
        let line = if record.has_line { line.optional() } else { Some(None) };
        let phone_number_id = match record.has_phone_number_id {
            true => phone_number_id.require("/phone_number_id", problems).map(Some),
            false => Some(None),
        };
        // The usual one is not written down, so that a record which is given back as it was shown is not held to it.
        let api_version = match record.api_version {
            Some(usual) => api_version.optional().map(|given| given.filter(|given| given != usual)),
            None => Some(None),
        };
        let templates = match wording {
            TakenWording::Texts => Some(Vec::new()),
            TakenWording::TextsAndTemplates(_) => templates.optional().map(Option::unwrap_or_default),
            TakenWording::TemplatesOnly(_) => some_templates(templates, problems),
        };
        Some(Self {
            kind,
            base_url: base_url?,
            url: url?,
            line: line?,
            phone_number_id: phone_number_id?,
            api_version: api_version?,
            templates: templates?,
        })
    }
}

impl ProviderFields {
    /// Refuses what the provider does not take in a template, because it would otherwise be noticed only when its messages
    /// fail.
    fn check_templates(&self, kind: ProviderKind, problems: &mut Problems) {
        let (Field::Value(templates), Some(form)) = (&self.templates, kind.profile().wording.templates()) else {
            return;
        };
        let (kind, most) = (kind.as_str(), form.max_placeholders.min(MAX_PARAMETERS));
        for (index, template) in templates.iter().enumerate() {
            let at = |field: &str| format!("/templates/{index}/{field}");
            if template.parameters.len() > most {
                let detail = format!("A template of the kind {kind} has at most {most} placeholders.");
                problems.refuse(at("parameters"), "too_many", detail);
            }
            for (number, placeholder) in template.parameters.iter().enumerate() {
                let refused = form.refused_characters.iter().find(|c| placeholder.value().writes(**c));
                if let Some(refused) = refused {
                    let detail = format!("A provider of the kind {kind} does not take {refused} in a placeholder.");
                    problems.refuse(at(&format!("parameters/{number}")), "not_allowed", detail);
                }
            }
            let has_names = template.parameters.iter().filter_map(Placeholder::name).next().is_some();
            for (field, is_there) in [
                ("parameters", has_names),
                ("header", template.header.is_some()),
                ("button", template.button.is_some()),
            ] {
                if is_there && !form.has_parts {
                    let detail =
                        format!("A template of the kind {kind} has placeholders without names and nothing else.");
                    problems.refuse(at(field), "not_allowed", detail);
                }
            }
        }
    }

    fn check_known(&self, kind: ProviderKind, record: &RecordFields, problems: &mut Problems) {
        let Self { base_url, url, line, phone_number_id, api_version, templates } = self;
        let has_templates = kind.profile().wording.templates().is_some();
        for (pointer, is_absent, has_it) in [
            ("/base_url", matches!(base_url, Field::Absent), record.base_url.is_some()),
            ("/url", matches!(url, Field::Absent), record.has_url),
            ("/line", matches!(line, Field::Absent), record.has_line),
            ("/phone_number_id", matches!(phone_number_id, Field::Absent), record.has_phone_number_id),
            ("/api_version", matches!(api_version, Field::Absent), record.api_version.is_some()),
            ("/templates", matches!(templates, Field::Absent), has_templates),
        ] {
            if !is_absent && !has_it {
                let detail = format!("A provider of the kind {} has no such field.", kind.as_str());
                problems.refuse(pointer, "not_allowed", detail);
            }
        }
    }
}

/// The templates of a provider that sends nothing else.
fn some_templates(given: Field<Vec<ApprovedTemplate>>, problems: &mut Problems) -> Option<Vec<ApprovedTemplate>> {
    let templates = given.require("/templates", problems).filter(|templates| !templates.is_empty());
    let asks = |templates: &[ApprovedTemplate]| templates.iter().any(|one| one.kind == MessageKind::LinkCreated);
    let none_asks = templates.as_deref().is_none_or(|templates| !asks(templates));
    if none_asks && problems.is_empty() {
        problems.refuse("/templates", "required", "Without a template that asks to pay no link can be sent.");
    }
    templates
}
