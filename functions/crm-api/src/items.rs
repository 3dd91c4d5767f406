//! Items: the CRM's documents that links are made on, and the receipts that show under their fields.

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use domain::ids::{ContactId, FieldKey, ItemId};
use domain::item::{Item, ReceiptField};
use domain::text::{parse_name, parse_web_address};
use domain::{Field, Problems};
use serde::{Deserialize, Serialize};
use store::AttachedReceipts;
use web::body::{Unknown, refuse_unknown};
use web::extract::Path;
use web::{ApiProblem, Given, JsonBody};

use crate::caller::{MayRead, MayWrite, id_of};
use crate::contacts::read_money;
use crate::{App, answer, deleted};

/// An item has at most so many receipt fields.
const MOST_FIELDS: usize = 20;

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct ItemBody {
    kind: Given<String>,
    title: Given<String>,
    contact_id: Given<String>,
    amount: Given<i64>,
    currency: Given<String>,
    url: Given<String>,
    receipt_fields: Given<Vec<ReceiptFieldBody>>,
    #[serde(flatten)]
    unknown: Unknown,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct ReceiptFieldBody {
    key: Given<String>,
    label: Given<String>,
    #[serde(flatten)]
    unknown: Unknown,
}

#[derive(Debug, Serialize)]
struct ItemView {
    id: ItemId,
    object: &'static str,
    kind: String,
    title: String,
    contact_id: ContactId,
    amount: Option<i64>,
    currency: Option<&'static str>,
    url: Option<String>,
    receipt_fields: Vec<ReceiptField>,
    /// The ids of the receipts under each field.
    receipts: AttachedReceipts,
}

impl ItemView {
    fn new(item: Item, receipts: AttachedReceipts) -> Self {
        Self {
            id: item.id,
            object: "item",
            kind: item.kind,
            title: item.title,
            contact_id: item.contact_id,
            amount: item.amount.map(|money| money.minor_units()),
            currency: item.amount.map(|money| money.currency().code()),
            url: item.url,
            receipt_fields: item.receipt_fields,
            receipts,
        }
    }
}

pub(crate) async fn read(_: MayRead, State(app): State<App>, Path(id): Path<String>) -> Result<Response, ApiProblem> {
    let id = id_of("id", &id, ItemId::parse)?;
    let (item, receipts) = app.store.item(&id).await?.ok_or_else(|| ApiProblem::not_found("item"))?;
    Ok(answer(ItemView::new(item, receipts)))
}

/// Links keep their own copy of what they need of an item.
pub(crate) async fn delete(
    _: MayWrite,
    State(app): State<App>,
    Path(id): Path<String>,
) -> Result<StatusCode, ApiProblem> {
    let id = id_of("id", &id, ItemId::parse)?;
    deleted(app.store.delete_item(&id).await?, "item")
}

pub(crate) async fn write(
    _: MayWrite,
    State(app): State<App>,
    Path(id): Path<String>,
    body: JsonBody<ItemBody>,
) -> Result<Response, ApiProblem> {
    let id = id_of("id", &id, ItemId::parse)?;
    let body = body.fields;
    let mut problems = Problems::default();
    let Some(item) = body.read(id, &mut problems) else { return Err(ApiProblem::invalid(problems)) };
    app.store.put_item(&item).await?;
    let receipts = app.store.item(&item.id).await?.map(|(_, receipts)| receipts).unwrap_or_default();
    Ok(answer(ItemView::new(item, receipts)))
}

impl ItemBody {
    fn read(self, id: ItemId, problems: &mut Problems) -> Option<Item> {
        let p = problems;
        refuse_unknown("", self.unknown, p);
        let kind = self.kind.field("/kind", p).parse("/kind", p, |kind| parse_name(&kind, 40)).require("/kind", p);
        let title = self.title.field("/title", p).parse("/title", p, |text| parse_name(&text, 200));
        let title = title.require("/title", p);
        let contact_id = self.contact_id.field("/contact_id", p).parse("/contact_id", p, |id| ContactId::parse(&id));
        let contact_id = contact_id.require("/contact_id", p);
        let amount = match (self.amount.field("/amount", p), self.currency) {
            (Field::Absent, Given::Absent) => None,
            (amount, currency) => read_money(amount, currency, "", "", p),
        };
        let url = self.url.field("/url", p).parse("/url", p, |url| parse_web_address(&url)).value();
        let receipt_fields = read_fields(self.receipt_fields.field("/receipt_fields", p), p);
        let item = Item { id, kind: kind?, title: title?, contact_id: contact_id?, amount, url, receipt_fields };
        p.is_empty().then_some(item)
    }
}

fn read_fields(given: Field<Vec<ReceiptFieldBody>>, problems: &mut Problems) -> Vec<ReceiptField> {
    let p = problems;
    let bodies = given.value().unwrap_or_default();
    if bodies.len() > MOST_FIELDS {
        p.refuse("/receipt_fields", "too_many", format!("An item has at most {MOST_FIELDS} receipt fields."));
        return Vec::new();
    }
    let mut fields: Vec<ReceiptField> = Vec::new();
    for (index, body) in bodies.into_iter().enumerate() {
        let at = format!("/receipt_fields/{index}");
        refuse_unknown(&at, body.unknown, p);
        let (key_at, label_at) = (format!("{at}/key"), format!("{at}/label"));
        let key = body.key.field(&key_at, p).parse(&key_at, p, |key| FieldKey::parse(&key)).require(&key_at, p);
        let label = body.label.field(&label_at, p).parse(&label_at, p, |label| parse_name(&label, 100));
        let label = label.require(&label_at, p);
        if let (Some(key), Some(label)) = (key, label) {
            if fields.iter().any(|known| known.key == key) {
                p.refuse(&key_at, "given_twice", "Each field of an item has its own key.");
            }
            fields.push(ReceiptField { key, label });
        }
    }
    fields
}
