//! The calls of this function, for the OpenAPI document.

use store::Scope;
use views::LinkView;
use web::openapi::Operation;
use web::openapi::groups::PAYMENT_LINKS;

use crate::draft::DraftView;
use crate::replace::ReplaceBody;
use web::link_body::{CreateBody, DraftBody};

pub fn operations() -> Vec<Operation> {
    vec![
        Operation::new("post", "/v1/payment-links", "create_payment_link", PAYMENT_LINKS, "Make a payment link")
            .needs(Scope::Write)
            .idempotent()
            .takes::<CreateBody>()
            .tells("Location")
            .tells("ETag")
            .answers::<LinkView>(201, "The link, also where the request is repeated: then as it is now.")
            .refuses(409)
            .refuses_too_many("The integration calls too often, or the business has used up a quota."),
        Operation::new(
            "post",
            "/v1/payment-links/draft",
            "draft_payment_link",
            PAYMENT_LINKS,
            "What a link would be, with every default, choice and problem; nothing is written",
        )
        .needs(Scope::Read)
        .takes::<DraftBody>()
        .answers::<DraftView>(200, "The draft."),
        Operation::new(
            "post",
            "/v1/payment-links/{id}/replace",
            "replace_payment_link",
            PAYMENT_LINKS,
            "Make a link in the place of another one, whose address then leads to it",
        )
        .needs(Scope::Write)
        .idempotent()
        .may_take::<ReplaceBody>()
        .tells("Location")
        .tells("ETag")
        .answers::<LinkView>(201, "The new link, also where the request is repeated: then as it is now.")
        .refuses(409)
        .refuses_too_many("The integration calls too often, or the business has used up a quota."),
    ]
}
