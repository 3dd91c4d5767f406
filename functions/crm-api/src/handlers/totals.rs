//! What links and receipts add up to, for whoever answers for a business: day by day, by week, month and fiscal year, by
//! account, gateway, channel and who made the links; and how long what is due has been so.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use axum::extract::State;
use axum::response::Response;
use domain::business::periods::{Period, Periods};
use domain::business::settings::Settings;
use domain::business::totals::{
    Aging, Aspect, CHANNELS_JOINED_BY, Funnel, LinkKey, LinkSums, Overdue, Received, Sum, Totals,
};
use domain::calendar::{parse_date, parse_persian_date};
use domain::gateway::Mode;
use domain::ids::{AccountId, LinkId};
use domain::language::Calendar;
use domain::records::account::Account;
use domain::{Rejection, Timestamp};
use jiff::ToSpan;
use jiff::civil::Date;
use serde::Serialize;
use store::{Configuration, TooMany, TotalsQuery, TotalsRead};
use utoipa::ToSchema;
use views::instant;
use views::schema::{CalendarName, ChannelName, ModeName, TotalsGroupingName};
use web::extract::Query;
use web::{ApiProblem, Caller};

use crate::app::App;
use crate::caller::MayRead;
use crate::lists::Parameters;
use crate::respond::answer;

/// At most this many years are added up in one call.
const MOST_YEARS: i64 = 3;

/// Nothing new is read after this, so that what is under way comes to its end within the function's time.
const READING: Duration = Duration::from_secs(6);

/// At most this many live links are added up, and at most this many of a day where there is no time for more. A call of the
/// time above does so many of both, by `make bench-totals`.
const MOST_AT_ONCE: usize = 100_000;

/// At most this many of those who made links have a group of their own, those with the most links.
const MOST_CREATORS: usize = 100;

/// What totals are grouped by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Grouping {
    By(Period),
    Account,
    Gateway,
    Channel,
    OpenedBy,
    CreatedBy,
}

impl Grouping {
    const ALL: [Self; 9] = [
        Self::By(Period::Day),
        Self::By(Period::Week),
        Self::By(Period::Month),
        Self::By(Period::Year),
        Self::Account,
        Self::Gateway,
        Self::Channel,
        Self::OpenedBy,
        Self::CreatedBy,
    ];

    fn parse(text: &str) -> Result<Self, Rejection> {
        domain::parse_word(text, &Self::ALL, Self::as_str, "unknown_choice")
    }

    fn as_str(self) -> &'static str {
        match self {
            Self::By(Period::Day) => "day",
            Self::By(Period::Week) => "week",
            Self::By(Period::Month) => "month",
            Self::By(Period::Year) => "year",
            Self::Account => "account",
            Self::Gateway => "gateway",
            Self::Channel => "channel",
            Self::OpenedBy => "opened_by",
            Self::CreatedBy => "created_by",
        }
    }

    /// By what links have to be told apart for it.
    fn aspect(self) -> Aspect {
        match self {
            Self::By(_) | Self::Account => Aspect::Account,
            Self::Gateway => Aspect::Gateway,
            Self::Channel => Aspect::Channels,
            Self::OpenedBy => Aspect::OpenedBy,
            Self::CreatedBy => Aspect::CreatedBy,
        }
    }
}

/// What links and receipts of some days add up to. Sums of two currencies, or of live links and those of the sandbox, are never
/// added.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Totals)]
pub(crate) struct TotalsView {
    #[schema(pattern = "^totals$")]
    object: &'static str,
    /// The first day.
    #[schema(format = Date)]
    from: String,
    /// The last day, which is among them.
    #[schema(format = Date)]
    to: String,
    /// The business's own, whose days these are.
    time_zone: String,
    #[schema(value_type = CalendarName)]
    calendar: &'static str,
    #[schema(value_type = ModeName)]
    mode: &'static str,
    #[schema(value_type = TotalsGroupingName)]
    group_by: &'static str,
    /// Of days, weeks, months and years every one in its order; of the others those of which there is something.
    groups: Vec<GroupView>,
    aging: AgingView,
    #[schema(format = DateTime)]
    as_of: String,
}

/// One group of links and receipts.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = TotalsGroup)]
pub(crate) struct GroupView {
    /// A day, the first day of a week or of a year, or a month such as `1405-09`, in the calendar of the answer; the id of an
    /// account; a gateway; channels with `+` between them; the channel by which they were first opened; or who made the links. `null` stands for none of these, such as
    /// money that went back by other means than a gateway, and where more than a hundred made links for all but those with the most.
    #[schema(required = true)]
    key: Option<String>,
    /// The account's, where there still is one, and the fiscal year's.
    #[schema(required = true)]
    name: Option<String>,
    /// The first day of it that was asked for, in the Gregorian calendar; only of days, weeks, months and years.
    #[schema(required = true, format = Date)]
    from: Option<String>,
    /// The last one.
    #[schema(required = true, format = Date)]
    to: Option<String>,
    /// All channels that these links went by, or that by which they were first opened; only where it is grouped by channels.
    #[schema(value_type = Option<Vec<ChannelName>>, required = true)]
    channels: Option<Vec<String>>,
    links: FunnelView,
    /// Money by the day on which it was paid, whenever its link was made. `null` where receipts do not say what it is grouped
    /// by.
    #[schema(required = true)]
    received: Option<ReceivedView>,
}

/// Links that were made on these days, by how far they have come until now: all of them are `created`, and each has one of the
/// five statuses.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = TotalsFunnel)]
pub(crate) struct FunnelView {
    created: SumView,
    /// A person has opened them while they could be paid.
    opened: SumView,
    /// A session was opened at a gateway.
    begun: SumView,
    active: SumView,
    paid: SumView,
    /// One whose time is over counts as expired, also while a payment that was begun in time may still arrive.
    expired: SumView,
    cancelled: SumView,
    /// Another link took their place, which was created itself and is counted on its own day.
    replaced: SumView,
}

/// How many, and the money that they are about.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = TotalsSum)]
pub(crate) struct SumView {
    count: u64,
    /// One of each currency.
    amounts: Vec<AmountView>,
}

/// A sum of money in one currency.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = TotalsAmount)]
pub(crate) struct AmountView {
    currency: &'static str,
    count: u64,
    /// Exact, in the currency's minor unit. A sum can pass 9,007,199,254,740,991, beyond which some languages read it
    /// inexactly.
    #[schema(value_type = i64)]
    amount: i128,
}

/// Receipts.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = TotalsReceived)]
pub(crate) struct ReceivedView {
    /// How many payments there were.
    count: u64,
    /// What customers paid.
    gross: Vec<AmountView>,
    /// What went back of it and of what was paid before, on the day on which it did.
    refunded: Vec<AmountView>,
    /// What records that something is void changed, on the day on which they were made: less for payments that never came, more
    /// for refunds that were noted by mistake or did not last.
    voided: Vec<AmountView>,
    /// `gross` less `refunded`, with `voided`; `count` is that of all.
    net: Vec<AmountView>,
    /// What gateways kept of it. They count the receipts of which the gateway said it; of the others it is not known.
    fees: Vec<AmountView>,
}

/// What all links ask for that are active now, whenever they were made, by how long that has been due. What is due today or
/// later is not yet overdue, nor is what has no `due_at`.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = TotalsAging)]
pub(crate) struct AgingView {
    not_yet_due: SumView,
    days_1_to_30: SumView,
    days_31_to_60: SumView,
    days_61_to_90: SumView,
    days_over_90: SumView,
}

pub(crate) async fn read(
    MayRead(caller): MayRead,
    State(app): State<App>,
    Query(pairs): Query,
) -> Result<Response, ApiProblem> {
    let until = Instant::now() + READING;
    let parameters = Parameters::read(pairs, &["from", "to", "group_by", "calendar", "mode"]);
    // Days are those of the zone that the settings have now, and kept by it.
    let configuration = caller.store.fresh_configuration().await?;
    let now = app.clock.now();
    let asked = Asked::read(parameters, &configuration.settings, now)?;
    let by_day = matches!(asked.grouping, Grouping::By(_));
    let aspect = asked.grouping.aspect();
    let query = TotalsQuery { from: asked.from, to: asked.to, aspect, by_day, now, until, most: MOST_AT_ONCE };
    let totals = match caller.store.totals(&configuration, &query).await? {
        TotalsRead::Whole(totals) => totals,
        TotalsRead::NotYet => return Err(ApiProblem::totals_not_ready()),
        TotalsRead::TooMany(what) => return Err(ApiProblem::totals_too_large(&too_many(what))),
    };
    let groups = match asked.grouping {
        Grouping::By(period) => asked.by_period(period, &totals),
        Grouping::Account => asked.by_account(&totals, &configuration),
        Grouping::Gateway => asked.by_gateway(&totals),
        // By the channel of the address by which a link was first opened, of which there is one at most.
        Grouping::Channel | Grouping::OpenedBy => asked.by_channel(&totals),
        Grouping::CreatedBy => by_creator(&caller, asked.creators(&totals)).await?,
    };
    Ok(answer(TotalsView {
        object: "totals",
        from: asked.from.to_string(),
        to: asked.to.to_string(),
        time_zone: configuration.settings.time_zone.as_str().to_owned(),
        calendar: asked.periods.calendar.as_str(),
        mode: asked.mode.as_str(),
        group_by: asked.grouping.as_str(),
        groups,
        aging: AgingView::new(&totals.aging, asked.mode),
        as_of: instant(now, &configuration.settings),
    }))
}

/// Why totals are never told.
fn too_many(what: TooMany) -> String {
    match what {
        TooMany::LiveLinks => format!("More than {MOST_AT_ONCE} links are live, and of more no totals are told."),
        TooMany::LiveLinksInParts => {
            "More live links have several parts that are due than one call can read; ask when others use the service less.".to_owned()
        }
        TooMany::OfDay(day) => {
            format!(
                "More than {MOST_AT_ONCE} links were made or paid on {day}, and of a day with more no totals are told."
            )
        }
        TooMany::Sums => "These days have too many sums for one call; give fewer days.".to_owned(),
    }
}

/// What was asked for.
struct Asked {
    from: Date,
    to: Date,
    grouping: Grouping,
    periods: Periods,
    mode: Mode,
}

impl Asked {
    fn read(mut parameters: Parameters, settings: &Settings, now: Timestamp) -> Result<Self, ApiProblem> {
        let calendar = parameters.parse("calendar", Calendar::parse);
        let periods = settings.periods(calendar);
        let parse = |text: &str| match calendar {
            Some(Calendar::Persian) => parse_persian_date(text),
            Some(Calendar::Gregorian) | None => parse_date(text),
        };
        let grouping = parameters.parse("group_by", Grouping::parse).unwrap_or(Grouping::By(Period::Day));
        let mode = parameters.parse("mode", Mode::parse).unwrap_or(Mode::Live);
        let today = settings.zone().to_datetime(now).date();
        // In a calendar that is not known no date can be read.
        let is_known = calendar.is_some() || parameters.get("calendar").is_none();
        let mut date = |name| if is_known { parameters.parse(name, parse) } else { None };
        let (given_from, given_to) = (date("from"), date("to"));
        let to = given_to.unwrap_or(today);
        let from = given_from.unwrap_or_else(|| periods.first_day(Period::Month, to));
        let are_read = given_from.is_some() == parameters.get("from").is_some()
            && given_to.is_some() == parameters.get("to").is_some();
        if are_read && from > to {
            parameters.refuse("to", Rejection::new("out_of_range", "Nothing lies between from and to."));
        } else if are_read && to >= from.saturating_add(MOST_YEARS.years()) {
            parameters.refuse("to", Rejection::new("out_of_range", format!("Give at most {MOST_YEARS} years.")));
        }
        parameters.checked()?;
        Ok(Self { from, to, grouping, periods, mode })
    }

    /// Links of this mode, whenever they were made.
    fn links<'a>(&self, totals: &'a Totals) -> impl Iterator<Item = (&'a LinkKey, &'a (Funnel, Option<LinkId>))> {
        let mode = self.mode;
        totals.links.values().flat_map(|LinkSums(sums)| sums).filter(move |(key, _)| key.mode == mode)
    }

    fn by_period(&self, period: Period, totals: &Totals) -> Vec<GroupView> {
        let mut groups: Vec<(Date, Date, Group)> = Vec::new();
        let mut date = self.from;
        let mut receipts: BTreeMap<Date, Vec<(&'static str, Received)>> = BTreeMap::new();
        for (key, received) in totals.receipts.0.iter().filter(|(key, _)| key.mode == self.mode) {
            receipts.entry(key.day).or_default().push((key.currency, *received));
        }
        while date <= self.to {
            let first = self.periods.first_day(period, date);
            if groups.last().is_none_or(|(known, _, _)| *known != first) {
                groups.push((first, date, Group::default()));
            }
            if let Some((_, _, group)) = groups.last_mut() {
                let links = totals.links.get(&date).into_iter().flat_map(|LinkSums(sums)| sums);
                for (key, (funnel, _)) in links.filter(|(key, _)| key.mode == self.mode) {
                    group.add_links(key.currency, *funnel);
                }
                for (currency, received) in receipts.remove(&date).unwrap_or_default() {
                    group.add_received(currency, received);
                }
            }
            let Ok(next) = date.tomorrow() else { break };
            date = next;
        }
        let ends: Vec<Date> = groups.iter().skip(1).filter_map(|(_, begins, _)| begins.yesterday().ok()).collect();
        let ends = ends.into_iter().chain([self.to]);
        groups
            .into_iter()
            .zip(ends)
            .map(|((first, from, group), to)| GroupView {
                key: Some(self.periods.key(period, first)),
                name: (period == Period::Year).then(|| self.periods.year_name(first)),
                from: Some(from.to_string()),
                to: Some(to.to_string()),
                ..group.view(Receipts::Shown)
            })
            .collect()
    }

    fn by_account(&self, totals: &Totals, configuration: &Configuration) -> Vec<GroupView> {
        let mut groups: BTreeMap<String, Group> = BTreeMap::new();
        for (key, (funnel, _)) in self.links(totals) {
            groups.entry(key.word.clone()).or_default().add_links(key.currency, *funnel);
        }
        for (key, received) in totals.receipts.0.iter().filter(|(key, _)| key.mode == self.mode) {
            groups.entry(key.account.to_string()).or_default().add_received(key.currency, *received);
        }
        let name_of = |id: &str| account_of(configuration, id).map(|account| account.name.clone());
        let view = |(id, group): (String, Group)| GroupView {
            name: name_of(&id),
            key: Some(id),
            ..group.view(Receipts::Shown)
        };
        groups.into_iter().map(view).collect()
    }

    fn by_gateway(&self, totals: &Totals) -> Vec<GroupView> {
        let mut groups: BTreeMap<Option<String>, Group> = BTreeMap::new();
        for (key, (funnel, _)) in self.links(totals) {
            groups.entry(Some(key.word.clone())).or_default().add_links(key.currency, *funnel);
        }
        for (key, received) in totals.receipts.0.iter().filter(|(key, _)| key.mode == self.mode) {
            let gateway = key.gateway.map(|gateway| gateway.as_str().to_owned());
            groups.entry(gateway).or_default().add_received(key.currency, *received);
        }
        let view = |(key, group): (Option<String>, Group)| GroupView { key, ..group.view(Receipts::Shown) };
        groups.into_iter().map(view).collect()
    }

    fn by_channel(&self, totals: &Totals) -> Vec<GroupView> {
        let mut groups: BTreeMap<&str, Group> = BTreeMap::new();
        for (key, (funnel, _)) in self.links(totals) {
            groups.entry(&key.word).or_default().add_links(key.currency, *funnel);
        }
        let view = |(word, group): (&str, Group)| {
            let channels = word.split(CHANNELS_JOINED_BY).filter(|channel| !channel.is_empty());
            GroupView {
                key: (!word.is_empty()).then(|| word.to_owned()),
                channels: Some(channels.map(str::to_owned).collect()),
                ..group.view(Receipts::Unknown)
            }
        };
        groups.into_iter().map(view).collect()
    }

    /// Those who made links, each with one of them, and those with the most links first.
    fn creators(&self, totals: &Totals) -> Vec<(Group, Option<LinkId>)> {
        let mut of_mark: BTreeMap<&str, (Group, Option<LinkId>)> = BTreeMap::new();
        for (key, (funnel, id)) in self.links(totals) {
            let (group, of) = of_mark.entry(&key.word).or_default();
            group.add_links(key.currency, *funnel);
            *of = of.take().or_else(|| id.clone());
        }
        let mut groups: Vec<_> = of_mark.into_values().collect();
        groups.sort_by_key(|(group, _)| std::cmp::Reverse(group.created()));
        groups
    }
}

/// The index has a mark of who made a link; the name is on the link.
async fn by_creator(caller: &Caller, groups: Vec<(Group, Option<LinkId>)>) -> Result<Vec<GroupView>, ApiProblem> {
    let ids: Vec<LinkId> = groups.iter().take(MOST_CREATORS).filter_map(|(_, id)| id.clone()).collect();
    let mut names: BTreeMap<LinkId, String> = BTreeMap::new();
    for link in caller.store.links(&ids).await? {
        names.extend(link.created_by().map(|name| (link.id().clone(), name.as_str().to_owned())));
    }
    let (mut shown, mut others) = (Vec::new(), Group::default());
    for (number, (group, id)) in groups.into_iter().enumerate() {
        match id.filter(|_| number < MOST_CREATORS).and_then(|id| names.remove(&id)) {
            Some(name) => shown.push(GroupView { key: Some(name), ..group.view(Receipts::Unknown) }),
            None => others.add_all(&group),
        }
    }
    if others.created() > 0 {
        shown.push(others.view(Receipts::Unknown));
    }
    Ok(shown)
}

fn account_of<'a>(configuration: &'a Configuration, id: &str) -> Option<&'a Account> {
    configuration.accounts.get(&AccountId::parse(id).ok()?)
}

/// Whether receipts can be told apart by what it is grouped by.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Receipts {
    Shown,
    Unknown,
}

/// Sums by currency.
#[derive(Default)]
struct Group {
    links: BTreeMap<&'static str, Funnel>,
    received: BTreeMap<&'static str, Received>,
}

impl Group {
    fn add_links(&mut self, currency: &'static str, funnel: Funnel) {
        *self.links.entry(currency).or_default() += funnel;
    }

    fn add_received(&mut self, currency: &'static str, received: Received) {
        *self.received.entry(currency).or_default() += received;
    }

    fn add_all(&mut self, other: &Self) {
        other.links.iter().for_each(|(currency, funnel)| self.add_links(currency, *funnel));
        other.received.iter().for_each(|(currency, received)| self.add_received(currency, *received));
    }

    fn created(&self) -> u64 {
        self.links.values().map(|funnel| funnel.created.count).sum()
    }

    fn view(&self, receipts: Receipts) -> GroupView {
        let of = |step: fn(&Funnel) -> Sum| SumView::new(self.links.iter().map(|(code, funnel)| (*code, step(funnel))));
        let links = FunnelView {
            created: of(|funnel| funnel.created),
            opened: of(|funnel| funnel.opened),
            begun: of(|funnel| funnel.begun),
            active: of(|funnel| funnel.active),
            paid: of(|funnel| funnel.paid),
            expired: of(|funnel| funnel.expired),
            cancelled: of(|funnel| funnel.cancelled),
            replaced: of(|funnel| funnel.replaced),
        };
        let received = || {
            let of = |part: fn(&Received) -> Sum| {
                SumView::new(self.received.iter().map(|(code, received)| (*code, part(received))))
            };
            let gross = of(|received| received.gross);
            ReceivedView {
                count: gross.count,
                gross: gross.amounts,
                refunded: of(|received| received.refunded).amounts,
                voided: of(|received| received.voided).amounts,
                net: of(Received::net).amounts,
                fees: of(|received| received.fees).amounts,
            }
        };
        GroupView {
            key: None,
            name: None,
            from: None,
            to: None,
            channels: None,
            links,
            received: (receipts == Receipts::Shown).then(received),
        }
    }
}

impl SumView {
    fn new(sums: impl Iterator<Item = (&'static str, Sum)>) -> Self {
        let amounts: Vec<AmountView> = sums
            .filter(|(_, sum)| sum.count > 0)
            .map(|(currency, Sum { count, amount })| AmountView { currency, count, amount })
            .collect();
        Self { count: amounts.iter().map(|one| one.count).sum(), amounts }
    }
}

impl AgingView {
    fn new(aging: &Aging, mode: Mode) -> Self {
        let of = |overdue: Overdue| {
            let found = aging.0.iter().filter(|((of, since, _), _)| *of == mode && *since == overdue);
            SumView::new(found.map(|((_, _, currency), sum)| (*currency, *sum)))
        };
        Self {
            not_yet_due: of(Overdue::NotYet),
            days_1_to_30: of(Overdue::Days1To30),
            days_31_to_60: of(Overdue::Days31To60),
            days_61_to_90: of(Overdue::Days61To90),
            days_over_90: of(Overdue::DaysOver90),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_document_names_every_grouping() {
        assert_eq!(Grouping::ALL.map(Grouping::as_str), views::schema::TOTALS_GROUPINGS);
    }
}
