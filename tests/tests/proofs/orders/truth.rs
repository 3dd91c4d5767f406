//! What is true after whatever came in, by rules that know nothing of how the service keeps them.
//!
//! The first that can decide about money does: it is kept if its link takes money, if no more is due of that link, and if all
//! links of its item have room for it. What is not kept goes back. Cash is there, whatever the item has room for.
//!
//! Where it is left open who is first, or when somebody looks again, there are several books, and one of them has to be right.

use domain::gateway::GatewayRulebook;
use domain::money::Currency;

use super::{Account, Incoming, Order, Scene};

/// The link that a story begins with. The other link of its item, or those that take its place, come behind it.
pub(super) const FIRST: usize = 0;

/// How a payment came.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Payer {
    /// In the first session of the first link.
    First,
    /// In another session.
    Later,
    Cash,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Status {
    Active,
    Paid,
    Expired,
    Cancelled,
    Replaced,
}

/// What a link has come to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Truth {
    pub(super) status: Status,
    /// What it keeps, and what each of that was when it came.
    pub(super) kept: Vec<(Payer, i64)>,
    pub(super) due: i64,
    /// How many payments wait at the gateway to go back by themselves, because nobody takes them.
    pub(super) waiting: usize,
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct Link {
    asked: i64,
    /// The least that is paid at a time, or what the dated parts are.
    parts: Parts,
    status: Status,
    due: i64,
    kept: Vec<(Payer, i64)>,
    /// Whether its time ends when the sweep comes that ends links.
    ends: bool,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Parts {
    One,
    AtLeast(i64),
    Dated(Vec<i64>),
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct Session {
    link: usize,
    payer: Payer,
    amount: i64,
    /// Where no more is left to pay of the item, it pays all that was due.
    settles: i64,
    money: Money,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Money {
    /// Nobody paid.
    None,
    /// The customer paid, and nobody told us.
    Untold,
    /// The same, and it was asked about a moment ago, when it could not be decided: it is asked about again some minutes later.
    AskedAbout,
    /// It could not be kept, and the gateway still has it.
    Waiting,
    /// It was kept, or is on its way back.
    Decided,
}

/// Money of the first payment that the CRM wants back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Back {
    Unasked,
    Asked,
    Taken,
    Over,
}

/// All that there is to know of a story.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Books {
    account: Account,
    scene: Scene,
    fifth: i64,
    links: Vec<Link>,
    sessions: Vec<Session>,
    /// What all links have of the item, and what that asks for.
    paid_of_item: i64,
    item: Option<i64>,
    back: Back,
    is_noted: bool,
    /// The links about which the stream has something to tell, and whether it never came.
    news: Vec<usize>,
    is_untold: bool,
}

impl Order {
    /// All that may be true after all of it.
    pub(super) fn truths(&self) -> Vec<Vec<Truth>> {
        let ends =
            self.books_before(self.incoming.len()).into_iter().flat_map(|books| books.in_the_end(&self.incoming));
        ends.map(|books| books.truth()).collect()
    }

    /// Whether the first payment of the first link is one that this can go back of.
    pub(super) fn can_go_back(&self, at: usize) -> Option<bool> {
        let can = |books: &Books| match books.links[FIRST].kept.first() {
            None => false,
            Some((Payer::Cash, _)) => self.incoming[at] == Incoming::NotedBack,
            Some((Payer::First | Payer::Later, _)) => true,
        };
        let all: Vec<bool> = self.books_before(at).iter().map(can).collect();
        all.iter().all(|one| *one == all[0]).then_some(all[0])
    }

    fn books_before(&self, at: usize) -> Vec<Books> {
        let begun = vec![Books::of(self)];
        self.incoming[..at].iter().fold(begun, |all, event| distinct(all.into_iter().flat_map(|one| one.after(*event))))
    }
}

fn distinct(all: impl Iterator<Item = Books>) -> Vec<Books> {
    let mut distinct: Vec<Books> = Vec::new();
    for one in all {
        if !distinct.contains(&one) {
            distinct.push(one);
        }
    }
    distinct
}

impl Books {
    fn of(order: &Order) -> Self {
        let (account, scene) = (order.account, order.scene);
        let asked = scene.amount(account);
        let fifth = asked / 5;
        let parts = match scene {
            Scene::AtLeast => Parts::AtLeast(2 * fifth),
            Scene::Dated => Parts::Dated(vec![2 * fifth, 3 * fifth]),
            Scene::Alone | Scene::TwoTabs | Scene::TwoLinks | Scene::Deposit => Parts::One,
        };
        let link =
            |asked, parts| Link { asked, parts, status: Status::Active, due: asked, kept: Vec::new(), ends: true };
        let session = |link, payer, amount, money| Session { link, payer, amount, settles: amount, money };
        let begun = if scene == Scene::AtLeast { 2 * fifth } else { asked };
        let (mut links, mut sessions) = (vec![link(asked, parts)], Vec::new());
        sessions.push(session(FIRST, Payer::First, begun, if order.is_paid { Money::Untold } else { Money::None }));
        if let Some(others) = scene.amount_of_other(account) {
            links.push(link(others, Parts::One));
            if scene.has_tab() {
                sessions.push(session(1, Payer::Later, others, Money::None));
            }
        }
        let item = scene.amount_of_other(account).map(|_| asked);
        Self {
            account,
            scene,
            fifth,
            links,
            sessions,
            paid_of_item: 0,
            item,
            back: Back::Unasked,
            is_noted: false,
            news: Vec::new(),
            is_untold: true,
        }
    }

    fn truth(&self) -> Vec<Truth> {
        let of_link = |(at, link): (usize, &Link)| {
            let waits = |session: &&Session| session.link == at && session.money == Money::Waiting;
            let mut kept = link.kept.clone();
            kept.sort_unstable();
            let due = if link.takes_cash() { link.due } else { 0 };
            Truth { status: link.status, kept, due, waiting: self.sessions.iter().filter(waits).count() }
        };
        self.links.iter().enumerate().map(of_link).collect()
    }

    fn after(self, event: Incoming) -> Vec<Self> {
        match event {
            Incoming::ReturnPaid => self.ask(FIRST),
            // SEP cannot be asked: only the return that brings the payment's reference tells of it.
            Incoming::ReturnCancelled if self.account == Account::Sep => self.ask_of_waiting(FIRST),
            // A report, true or false, makes us ask; the gateway knows of the payment, if there is one.
            Incoming::ReturnCancelled | Incoming::WebhookPaid | Incoming::WebhookExpired => self.ask(FIRST),
            Incoming::Poll => self.swept(),
            Incoming::ExpirySweep => self.expired().swept(),
            Incoming::Cancel => vec![self.ended(FIRST, Status::Cancelled)],
            Incoming::SecondAttemptPaid | Incoming::RestPaid => {
                let at = self.at_first_address();
                self.paid_by_customer(at, event == Incoming::RestPaid)
            }
            Incoming::WrittenDown => vec![self.written_down(FIRST, None)],
            Incoming::PartWrittenDown => {
                let fifth = self.fifth;
                vec![self.written_down(FIRST, Some(fifth))]
            }
            Incoming::NewestWrittenDown => {
                let newest = self.links.len() - 1;
                vec![self.written_down(newest, None)]
            }
            Incoming::Replaced => vec![self.replaced()],
            Incoming::OtherPaid => self.paid_by_customer(1, true),
            Incoming::OtherWrittenDown => vec![self.written_down(1, None)],
            Incoming::OtherTabPaid => self.tab_paid(),
            Incoming::BothAtOnce => self.both_at_once(),
            Incoming::StreamComes => self.told(),
            Incoming::NotedBack => self.noted_back(),
            Incoming::PartBack => vec![self.asked_back()],
            Incoming::RefundFinishes => vec![self.refund_decided(true)],
            Incoming::RefundFails => vec![self.refund_decided(false)],
            // What was kept of a link that is paid stays a payment, whatever goes back of it.
            Incoming::RestBack | Incoming::ByHand | Incoming::DisputeLost => vec![self],
        }
    }

    /// What is still under way when nothing comes in any more.
    fn in_the_end(self, incoming: &[Incoming]) -> Vec<Self> {
        let is_asked = incoming.iter().any(|event| event.asks_back());
        let has_money = self.links[FIRST].kept.iter().any(|(payer, _)| *payer != Payer::Cash);
        if !is_asked || !has_money {
            return vec![self];
        }
        self.swept().into_iter().map(|books| books.refund_decided(true)).collect()
    }

    fn room(&self, link: usize) -> i64 {
        let due = self.links[link].due;
        self.item.map_or(due, |item| (item - self.paid_of_item).max(0))
    }

    /// Whether the money of a session can be kept.
    fn takes(&self, at: usize) -> bool {
        let session = &self.sessions[at];
        let link = &self.links[session.link];
        let is_open = match link.status {
            Status::Active => true,
            Status::Expired => self.account.takes_late_money(),
            Status::Paid | Status::Cancelled | Status::Replaced => false,
        };
        is_open && session.amount <= link.due && session.amount <= self.room(session.link)
    }

    /// Money becomes a payment.
    fn keep(mut self, link: usize, (payer, amount): (Payer, i64), settles: i64) -> Self {
        let of = &mut self.links[link];
        of.kept.push((payer, amount));
        of.due -= settles;
        if of.due == 0 {
            of.status = Status::Paid;
        }
        self.paid_of_item += amount;
        self.news.push(link);
        self
    }

    fn decided(mut self, at: usize) -> Self {
        let session = self.sessions[at].clone();
        if self.takes(at) {
            self.sessions[at].money = Money::Decided;
            return self.keep(session.link, (session.payer, session.amount), session.settles);
        }
        // Where the gateway waits for us, nobody takes what cannot be kept.
        let waits = self.account.gateway().confirming_takes_the_money();
        self.sessions[at].money = if waits { Money::Waiting } else { Money::Decided };
        self
    }

    /// Somebody makes us ask about a session.
    fn ask(self, at: usize) -> Vec<Self> {
        match self.sessions[at].money {
            Money::Untold => vec![self.decided(at)],
            Money::AskedAbout => vec![self.clone(), self.decided(at)],
            Money::None | Money::Waiting | Money::Decided => self.ask_of_waiting(at),
        }
    }

    /// What waits to go back is taken after all where there is room for it by now, and it is looked at again.
    fn ask_of_waiting(self, at: usize) -> Vec<Self> {
        if self.sessions[at].money == Money::Waiting && self.takes(at) {
            vec![self.clone(), self.decided(at)]
        } else {
            vec![self]
        }
    }

    /// The schedule asks about everything that it can be told of, and has refunds made.
    fn swept(mut self) -> Vec<Self> {
        if self.back == Back::Asked {
            self.back = Back::Taken;
        }
        let is_told = self.account != Account::Sep;
        (0..self.sessions.len()).fold(vec![self], |all, at| {
            let asked = |one: Self| if is_told { one.ask(at) } else { one.ask_of_waiting(at) };
            distinct(all.into_iter().flat_map(asked))
        })
    }

    /// The time of links is over. At SEP what nobody told us of by then, or nobody took, has gone back.
    fn expired(mut self) -> Self {
        if self.account == Account::Sep {
            for session in self.sessions.iter_mut().filter(|one| one.money != Money::None) {
                session.money = Money::Decided;
            }
        }
        // By then all is asked about that was to be.
        for session in self.sessions.iter_mut().filter(|one| one.money == Money::AskedAbout) {
            session.money = Money::Untold;
        }
        for link in self.links.iter_mut().filter(|link| link.ends && link.status == Status::Active) {
            link.status = Status::Expired;
        }
        self
    }

    fn ended(mut self, at: usize, as_this: Status) -> Self {
        if self.links[at].status == Status::Active {
            self.links[at].status = as_this;
        }
        self
    }

    /// Where the address of the first link leads.
    fn at_first_address(&self) -> usize {
        if self.item.is_some() { FIRST } else { self.links.len() - 1 }
    }

    /// A customer opens a link, pays the next part of it or all that can be paid, and comes back.
    fn paid_by_customer(mut self, at: usize, is_all: bool) -> Vec<Self> {
        // A customer gets no second session where the gateway says that the one before was paid.
        let is_known =
            |session: &Session| session.link == at && matches!(session.money, Money::Untold | Money::AskedAbout);
        let is_unsure = self.account != Account::Sep && self.sessions.iter().any(is_known);
        let (link, room) = (&self.links[at], self.room(at));
        if link.status != Status::Active || room == 0 || is_unsure {
            return vec![self];
        }
        let payable = link.due.min(room);
        let amount = if is_all { payable } else { self.next_part(at).min(payable) };
        let settles = if amount == payable { link.due } else { amount };
        // Whoever has a tab of the link open is led to the same session.
        let is_tab = |one: &Session| one.link == at && one.payer == Payer::Later && one.money == Money::None;
        let session = match self.sessions.iter().position(|one| is_tab(one) && one.amount == amount) {
            Some(tab) => tab,
            None => {
                let money = Money::None;
                self.sessions.push(Session { link: at, payer: Payer::Later, amount, settles, money });
                self.sessions.len() - 1
            }
        };
        self.sessions[session].money = Money::Untold;
        vec![self.decided(session)]
    }

    /// The least that a customer can choose.
    fn next_part(&self, at: usize) -> i64 {
        let link = &self.links[at];
        let least = match &link.parts {
            Parts::One => return link.due,
            Parts::AtLeast(least) => *least,
            Parts::Dated(parts) => {
                let mut paid = link.asked - link.due;
                let mut open = parts.iter().map(|part| {
                    let share = paid.min(*part);
                    paid -= share;
                    part - share
                });
                open.find(|open| *open > 0).unwrap_or(link.due)
            }
        };
        let currency = Currency::parse(self.account.currency()).unwrap();
        let smallest = GatewayRulebook::default().smallest(self.account.gateway(), currency);
        // What would leave less than the gateway takes is paid as well.
        let least = least.max(smallest);
        if least > link.due - smallest { link.due } else { least }
    }

    fn written_down(self, at: usize, amount: Option<i64>) -> Self {
        let link = &self.links[at];
        let amount = amount.unwrap_or(link.due);
        if link.takes_cash() && amount <= link.due && amount > 0 {
            self.keep(at, (Payer::Cash, amount), amount)
        } else {
            self
        }
    }

    /// Another link asks for what is due of the newest one.
    fn replaced(mut self) -> Self {
        let newest = self.links.len() - 1;
        if !self.links[newest].takes_cash() {
            return self;
        }
        let asked = self.links[newest].due;
        self.links[newest].status = Status::Replaced;
        let (status, kept) = (Status::Active, Vec::new());
        self.links.push(Link { asked, parts: Parts::One, status, due: asked, kept, ends: false });
        self
    }

    /// The customer pays in the tab of the other link that was open from the beginning, and comes back.
    fn tab_paid(mut self) -> Vec<Self> {
        let Some(tab) = self.open_tab() else { return vec![self] };
        let is_over = self.links[1].status != Status::Active;
        let unpaid = self.clone();
        self.sessions[tab].money = Money::Untold;
        let paid = self.decided(tab);
        // Whether somebody can still pay in a session that is over is the gateway's to say.
        if is_over { vec![unpaid, paid] } else { vec![paid] }
    }

    fn open_tab(&self) -> Option<usize> {
        self.sessions.iter().position(|one| one.link == 1 && one.money == Money::None)
    }

    fn both_at_once(self) -> Vec<Self> {
        let tab = self.open_tab();
        let orders = [[Incoming::ReturnPaid, Incoming::OtherTabPaid], [Incoming::OtherTabPaid, Incoming::ReturnPaid]];
        let one_after_the_other = |order: [Incoming; 2]| {
            let begun = vec![self.clone()];
            order.into_iter().fold(begun, |all, event| all.into_iter().flat_map(|one| one.after(event)).collect())
        };
        let all: Vec<Self> = orders.into_iter().flat_map(one_after_the_other).collect();
        // Both may have been taken before one was found to be too much, which then goes back by a call.
        let is_new = |at: usize, one: &Self| {
            one.sessions[at].money == Money::Waiting && self.sessions[at].money != Money::Waiting
        };
        let taken = all.clone().into_iter().map(|mut one| {
            for at in [Some(FIRST), tab].into_iter().flatten() {
                if is_new(at, &one) {
                    one.sessions[at].money = Money::Decided;
                }
            }
            one
        });
        distinct(all.into_iter().chain(taken))
    }

    /// The stream tells what happened, and a link that has nothing left to pay of its item ends, unless somebody may be paying.
    fn told(mut self) -> Vec<Self> {
        let news = std::mem::take(&mut self.news);
        let is_first = std::mem::take(&mut self.is_untold);
        (0..self.links.len()).fold(vec![self], |all, at| {
            let ended = |one: Self| {
                let is_full = one.item.is_some() && one.links[at].status == Status::Active && one.room(at) == 0;
                if !is_full || !is_first && !news.iter().any(|link| *link != at) {
                    return vec![one];
                }
                let is_undecided = |money: Money| matches!(money, Money::None | Money::Untold | Money::AskedAbout);
                let may_be_open = |session: &Session| session.link == at && is_undecided(session.money);
                let may_stay = one.sessions.iter().any(may_be_open);
                let ended = one.clone().ended(at, Status::Cancelled);
                if may_stay { vec![one, ended] } else { vec![ended] }
            };
            all.into_iter().flat_map(ended).collect()
        })
    }

    /// The CRM notes that the first payment went back by other means, and the schedule writes that down.
    fn noted_back(self) -> Vec<Self> {
        if self.is_noted || self.links[FIRST].kept.is_empty() {
            return vec![self];
        }
        let gone = |mut one: Self| {
            one.is_noted = true;
            let (_, amount) = one.links[FIRST].kept[0];
            one.goes_back(amount);
            one
        };
        // Which of its work a sweep does first is its own to say. What had no room before and has it afterwards may be asked about
        // once more.
        let before = self.clone().swept().into_iter().map(gone);
        let unasked = gone(self.clone());
        let has_due = |books: &Self, one: &Session| one.amount <= books.links[one.link].due;
        let is_between = |one: &Session| one.money == Money::Untold && !has_due(&self, one) && has_due(&unasked, one);
        let mut asked_between = unasked.clone();
        for session in asked_between.sessions.iter_mut().filter(|one| is_between(one)) {
            session.money = Money::AskedAbout;
        }
        let between = self.sessions.iter().any(is_between).then_some(asked_between);
        distinct(before.chain(unasked.swept()).chain(between))
    }

    /// What went back is due again as long as the link is not over.
    fn goes_back(&mut self, amount: i64) {
        if self.links[FIRST].takes_cash() {
            self.links[FIRST].due += amount;
        }
        self.paid_of_item -= amount;
    }

    fn asked_back(mut self) -> Self {
        let is_of_gateway = self.links[FIRST].kept.first().is_some_and(|(payer, _)| *payer != Payer::Cash);
        if is_of_gateway && self.back == Back::Unasked {
            self.back = Back::Asked;
        }
        self
    }

    fn refund_decided(mut self, is_gone: bool) -> Self {
        if self.back == Back::Taken {
            self.back = Back::Over;
            if is_gone {
                let amount = self.scene.part_back(self.account);
                self.goes_back(amount);
            }
        }
        self
    }
}

impl Link {
    /// Whether it can still be paid, if only in cash.
    fn takes_cash(&self) -> bool {
        matches!(self.status, Status::Active | Status::Expired)
    }
}
