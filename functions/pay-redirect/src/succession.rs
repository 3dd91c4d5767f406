//! Links in whose place there is another, and links whose customer wants a new one.

use axum::response::Response;
use domain::ids::PayToken;
use domain::link::PaymentLink;
use store::Configuration;
use web::customer::see_other;

use crate::page::{Page, may_ask_again, of_link, without_link};
use crate::visitor::Visitor;
use crate::{
    App, Asking, Found, VisitError, find, language, of_nobody, preview, sight, unavailable, unless_item_paid,
    write_wish,
};

/// Sends whoever opens a link in whose place there is another to the newest, also whoever only looks: nothing is written.
pub(crate) async fn lead_on(app: &App, link: &PaymentLink, from: &Asking<'_>) -> Option<Response> {
    match app.confirmation.store().newest_in_place_of(link).await {
        Ok(newest) => newest.and_then(|newest| see_other(&newest.url())),
        Err(error) => Some(unavailable(from, &error)),
    }
}

/// The customer of a link that expired asks for a new one, or loads again the page that answered. Whoever does not press the
/// button changes nothing and sees what the link itself says.
pub(crate) async fn ask_again(app: &App, token: &PayToken, from: &Asking<'_>) -> Response {
    let Found { mut link, configuration, room } = match find(app, token).await {
        Ok(Some(found)) => found,
        Ok(None) => return of_nobody(Page::Unknown, from),
        Err(error) => return unavailable(from, &error),
    };
    let language = language(&link, from, &configuration);
    if from.visitor == Visitor::Pressed
        && let Err(error) = request_renewal(app, &configuration, &mut link).await
    {
        tracing::error!(link_id = %link.id(), trace_id = link.trace_id(), error = %error, "That a customer asks for a new link could not be written down.");
        return without_link(Page::Down, language, &configuration);
    }
    if let Some(leading_on) = lead_on(app, &link, from).await {
        return leading_on;
    }
    let sight = sight(app, language, &configuration, room);
    of_link(unless_item_paid(preview(&link, &configuration, sight.now), room), &link, &sight)
}

/// Writes down that the customer asks for a new link, where the page of the link offers that. `link` becomes the link as it was
/// last read or written.
async fn request_renewal(app: &App, configuration: &Configuration, link: &mut PaymentLink) -> Result<(), VisitError> {
    let requested = |link: &PaymentLink, now| {
        let may_ask = may_ask_again(preview(link, configuration, now), link, configuration, now);
        if may_ask { link.request_renewal(now) } else { None }
    };
    write_wish(app, link, "A customer asks for a new link.", requested).await
}
