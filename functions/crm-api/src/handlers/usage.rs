//! What a business used of the stack in a month, for whoever runs it for many.

use axum::extract::State;
use axum::response::Response;
use domain::Rejection;
use domain::business::settings::Settings;
use domain::business::usage::Usage;
use domain::calendar::parse_month;
use domain::ids::BusinessId;
use jiff::civil::Date;
use serde::Serialize;
use utoipa::ToSchema;
use views::instant;
use web::ApiProblem;
use web::extract::{Path, Query};

use crate::app::App;
use crate::caller::{MayReadBusinesses, id_of};
use crate::lists::Parameters;
use crate::respond::answer;

/// What a business used in one of its months.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = BusinessUsage)]
pub(crate) struct UsageView {
    #[schema(pattern = "^usage$")]
    object: &'static str,
    business_id: String,
    /// Such as `2026-11`: a month in the business's time zone.
    month: String,
    #[schema(format = DateTime)]
    from: String,
    /// The first instant of the next month.
    #[schema(format = DateTime)]
    to: String,
    /// Links made in the month, by what became of them until now.
    links: Vec<LinkUsage>,
    /// Receipts registered in the month, whenever their links were made.
    receipts: Vec<ReceiptUsage>,
    /// Messages that a provider took over in the month, those too that did not arrive.
    messages: Vec<MessageUsage>,
}

#[derive(Debug, Serialize, ToSchema)]
#[schema(as = PaymentLinkUsage)]
pub(crate) struct LinkUsage {
    mode: &'static str,
    /// `active`, `paid`, `expired`, `cancelled` or `replaced`.
    status: &'static str,
    currency: &'static str,
    count: u64,
    /// What these links ask for together, in the currency's minor unit.
    amount: i64,
}

#[derive(Debug, Serialize, ToSchema)]
#[schema(as = ReceiptUsage)]
pub(crate) struct ReceiptUsage {
    mode: &'static str,
    currency: &'static str,
    count: u64,
    /// What these receipts are of together, in the currency's minor unit.
    amount: i64,
}

#[derive(Debug, Serialize, ToSchema)]
#[schema(as = MessageUsage)]
pub(crate) struct MessageUsage {
    /// `sms`, `email` or `social`.
    channel: &'static str,
    /// The kind of the provider, such as `sns`.
    provider: &'static str,
    count: u64,
    /// The segments of these messages; zero where they are no SMS.
    segments: u64,
}

pub(crate) async fn read(
    _: MayReadBusinesses,
    State(app): State<App>,
    Path(id): Path<String>,
    Query(pairs): Query,
) -> Result<Response, ApiProblem> {
    let id = id_of("id", &id, BusinessId::parse)?;
    let mut parameters = Parameters::read(pairs, &["month"]);
    let month = parameters.parse("month", Month::parse);
    parameters.checked()?;
    let store = app.store.of(&id);
    if store.business().await?.is_none() {
        return Err(ApiProblem::not_found("business"));
    }
    let settings = store.configuration().await?.settings.clone();
    let now = app.clock.now();
    let month = month.unwrap_or_else(|| Month(settings.zone().to_datetime(now).date().first_of_month()));
    let (from, to) = month.bounds(&settings).map_err(|rejection| ApiProblem::bad_parameter("month", &rejection))?;
    let usage = store.usage(from, to, now).await?;
    Ok(answer(UsageView::new(&id, month, (instant(from, &settings), instant(to, &settings)), &usage)))
}

/// A month by its first day.
#[derive(Clone, Copy)]
struct Month(Date);

impl Month {
    fn parse(text: &str) -> Result<Self, Rejection> {
        parse_month(text).map(Self)
    }

    fn bounds(self, settings: &Settings) -> Result<(domain::Timestamp, domain::Timestamp), Rejection> {
        let zone = settings.zone();
        let start = |date: Date| zone.to_timestamp(date.at(0, 0, 0, 0)).map_err(|_| no_month());
        let next = self.0.checked_add(jiff::Span::new().months(1)).map_err(|_| no_month())?;
        Ok((start(self.0)?, start(next)?))
    }
}

fn no_month() -> Rejection {
    Rejection::new("invalid_date", "There is no such month.")
}

impl UsageView {
    fn new(business: &BusinessId, month: Month, (from, to): (String, String), usage: &Usage) -> Self {
        let links = usage.links.iter().map(|((mode, status, currency), sum)| LinkUsage {
            mode: mode.as_str(),
            status: status.as_str(),
            currency,
            count: sum.count,
            amount: sum.amount,
        });
        let receipts = usage.receipts.iter().map(|((mode, currency), sum)| ReceiptUsage {
            mode: mode.as_str(),
            currency,
            count: sum.count,
            amount: sum.amount,
        });
        let messages = usage.messages.iter().map(|((channel, provider), sum)| MessageUsage {
            channel: channel.as_str(),
            provider: provider.as_str(),
            count: sum.count,
            segments: sum.segments,
        });
        Self {
            object: "usage",
            business_id: business.to_string(),
            month: month.0.strftime("%Y-%m").to_string(),
            from,
            to,
            links: links.collect(),
            receipts: receipts.collect(),
            messages: messages.collect(),
        }
    }
}
