//! What books have of an account on some days, read to be held against somebody else's list.
//!
//! Receipts are listed by when they were registered, which is when books have them or later. So the list is read from the
//! first of the days until now; what an entry says of a receipt chooses those that are read.

use std::collections::BTreeMap;
use std::time::Instant;

use domain::Timestamp;
use domain::business::reconciliation::{Begun, Ours};
use domain::clocks::{CLOCKS_DIFFER_BY, later};
use domain::gateway::Mode;
use domain::ids::{AccountId, AttemptId, LinkId, ReceiptId};
use domain::link::{PaymentLink, Receipt, ReceiptFacts, ReceiptKind, RefundCause};
use futures_util::stream::{self, StreamExt, TryStreamExt};

use crate::confirmation::ClaimRecord;
use crate::error::StoreError;
use crate::item::{from_item, text_of};
use crate::keys::{self, FACTS, Key, LISTED_AT, PK};
use crate::lists::{listed_since, months};
use crate::{BusinessStore, Configuration, facts};

const READ: &str = "read what books have";

/// At most this many entries of the list are looked at. A call of some seconds does so many.
const MOST_ENTRIES: usize = 100_000;

/// So many lists, or portions of records, are read at once.
const CONCURRENCY: usize = 8;

/// How many records one answer of DynamoDB has at most.
const RECORDS_AT_A_TIME: usize = 100;

/// What is to be read.
#[derive(Clone, Copy, Debug)]
pub struct BookedQuery<'a> {
    pub account: &'a AccountId,
    pub mode: Mode,
    /// What books have at this instant or later.
    pub from: Timestamp,
    /// And before this one.
    pub to: Timestamp,
    pub now: Timestamp,
    /// Nothing new is read after this.
    pub until: Instant,
    /// At most this many receipts are read.
    pub most: usize,
}

/// What became of reading it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum BookedRead {
    Whole(Vec<Ours>),
    /// There are more receipts than were wanted at most.
    TooMany,
    /// More was registered since the first of the days than can be looked through.
    TooMuchSince,
}

impl BusinessStore {
    /// The receipts that books have of an account between two instants, in any order, each of a refund with the reference
    /// of its payment.
    pub async fn booked(
        &self,
        configuration: &Configuration,
        query: &BookedQuery<'_>,
    ) -> Result<BookedRead, StoreError> {
        let (shards, since) = listed_since(configuration);
        let (from, end) = (query.from.max(since), later(query.now, CLOCKS_DIFFER_BY));
        if from >= end {
            return Ok(BookedRead::Whole(Vec::new()));
        }
        let (mut chosen, mut looked_at): (Vec<ReceiptId>, usize) = (Vec::new(), 0);
        for month in months(from, end) {
            let lists = shards.all().map(|shard| keys::receipts_of_month(&self.business, &month.name, shard));
            let reads = lists.map(|list| self.chosen_of(list, (from, end), query)).collect::<Vec<_>>();
            let mut reads = stream::iter(reads).buffer_unordered(CONCURRENCY);
            while let Some(of_list) = reads.try_next().await? {
                let Some((found, looked)) = of_list else { return Ok(BookedRead::TooMuchSince) };
                chosen.extend(found);
                looked_at += looked;
            }
            if chosen.len() > query.most {
                return Ok(BookedRead::TooMany);
            }
            if looked_at > MOST_ENTRIES {
                return Ok(BookedRead::TooMuchSince);
            }
        }
        let mut receipts = self.receipts(&chosen).await?;
        // An entry that cannot be read is chosen as well.
        receipts.retain(|receipt| is_wanted(&receipt.facts(), query));
        Ok(BookedRead::Whole(self.with_payments(receipts).await?))
    }

    /// The receipts of one list that are wanted, and how many entries were looked at. `None` where there is no time for it.
    async fn chosen_of(
        &self,
        list: String,
        (from, end): (Timestamp, Timestamp),
        query: &BookedQuery<'_>,
    ) -> Result<Option<(Vec<ReceiptId>, usize)>, StoreError> {
        let (mut chosen, mut looked_at, mut start) = (Vec::new(), 0, None);
        loop {
            let answer = self
                .entries_of(&list, from, end)
                .projection_expression("#at, #facts")
                .expression_attribute_names("#facts", FACTS)
                .set_exclusive_start_key(start)
                .send()
                .await
                .map_err(|error| StoreError::service(READ, &error))?;
            for entry in answer.items.unwrap_or_default() {
                looked_at += 1;
                let told = text_of(&entry, FACTS).and_then(facts::read_receipt);
                let id = text_of(&entry, LISTED_AT).and_then(keys::listed_id);
                if told.is_none_or(|facts| is_wanted(&facts, query)) {
                    chosen.extend(id.and_then(|id| ReceiptId::parse(id).ok()));
                }
            }
            start = answer.last_evaluated_key;
            if start.is_none() || chosen.len() > query.most {
                return Ok(Some((chosen, looked_at)));
            }
            if looked_at > MOST_ENTRIES || Instant::now() >= query.until {
                return Ok(None);
            }
        }
    }

    /// Several receipts by id, in any order. Those that do not exist are left out.
    async fn receipts(&self, ids: &[ReceiptId]) -> Result<Vec<Receipt>, StoreError> {
        let keys = |ids: &[ReceiptId]| ids.iter().map(|id| keys::receipt(&self.business, id)).collect::<Vec<Key>>();
        let portions: Vec<Vec<Key>> = ids.chunks(RECORDS_AT_A_TIME).map(keys).collect();
        let reads = portions.into_iter().map(|portion| self.store.batch_get(READ, portion));
        let found: Vec<_> = stream::iter(reads).buffer_unordered(CONCURRENCY).try_collect().await?;
        found.into_iter().flatten().map(|item| from_item(READ, item)).collect()
    }

    /// Receipts, each of a refund with the reference of the payment that it corrects.
    async fn with_payments(&self, receipts: Vec<Receipt>) -> Result<Vec<Ours>, StoreError> {
        let corrected = |receipt: &Receipt| match &receipt.kind {
            ReceiptKind::Refund { corrects, .. } | ReceiptKind::RefundVoid { corrects, .. } => Some(corrects.clone()),
            ReceiptKind::Payment | ReceiptKind::PaymentVoid { .. } => None,
        };
        let mut references: BTreeMap<ReceiptId, String> =
            receipts.iter().map(|receipt| (receipt.id.clone(), receipt.gateway_reference.clone())).collect();
        let mut others: Vec<ReceiptId> =
            receipts.iter().filter_map(corrected).filter(|id| !references.contains_key(id)).collect();
        others.sort();
        others.dedup();
        for payment in self.receipts(&others).await? {
            references.insert(payment.id, payment.gateway_reference);
        }
        let with_payment = |receipt: Receipt| {
            let payment = corrected(&receipt).and_then(|id| references.get(&id).cloned());
            Ours::new(receipt, payment)
        };
        Ok(receipts.into_iter().map(with_payment).collect())
    }

    /// The receipts that have one of these references, whenever books have them. What was registered a moment ago may not be
    /// found yet.
    pub async fn booked_under(
        &self,
        references: &[&str],
        account: &AccountId,
        mode: Mode,
    ) -> Result<Vec<Ours>, StoreError> {
        let reads: Vec<_> = references.iter().map(|reference| self.receipts_of_reference(reference)).collect();
        let found: Vec<Vec<ReceiptId>> = stream::iter(reads).buffer_unordered(CONCURRENCY).try_collect().await?;
        let mut ids: Vec<ReceiptId> = found.into_iter().flatten().collect();
        ids.sort();
        ids.dedup();
        let mut receipts = self.receipts(&ids).await?;
        receipts.retain(|receipt| receipt.account_id == *account && receipt.mode == mode);
        self.with_payments(receipts).await
    }

    /// How what these receipts record began: the gateway first heard of a payment when its session was opened, and of a refund
    /// when it was decided. What has no link any more is left out.
    pub async fn begun(&self, receipts: &[&Receipt]) -> Result<BTreeMap<ReceiptId, Begun>, StoreError> {
        let mut ids: Vec<LinkId> = receipts.iter().map(|receipt| receipt.link_id.clone()).collect();
        ids.sort();
        ids.dedup();
        let links: BTreeMap<LinkId, PaymentLink> =
            self.links(&ids).await?.into_iter().map(|link| (link.id().clone(), link)).collect();
        let begun = |receipt: &Receipt| {
            let attempt = links.get(&receipt.link_id)?.attempt(&receipt.attempt_id)?;
            match &receipt.kind {
                ReceiptKind::Payment | ReceiptKind::PaymentVoid { .. } => {
                    Some(Begun { at: attempt.opened_at, is_of_dispute: false })
                }
                ReceiptKind::Refund { refund_id, .. } | ReceiptKind::RefundVoid { refund_id, .. } => {
                    let refund = attempt.refund(refund_id)?;
                    Some(Begun { at: refund.created_at, is_of_dispute: refund.cause == RefundCause::Dispute })
                }
            }
        };
        Ok(receipts.iter().filter_map(|receipt| Some((receipt.id.clone(), begun(receipt)?))).collect())
    }

    /// The attempts of this business that claims of gateways' references name, by the claim, each with its link.
    pub async fn claimed(
        &self,
        mode: Mode,
        claims: &[String],
    ) -> Result<BTreeMap<String, (PaymentLink, AttemptId)>, StoreError> {
        const READ: &str = "read claims";
        let key = |claim: &String| keys::claim(&format!("{}#{claim}", mode.as_str()));
        let names: BTreeMap<String, &String> = claims.iter().map(|claim| (key(claim).pk, claim)).collect();
        let mut records: Vec<(String, ClaimRecord)> = Vec::new();
        for item in self.store.batch_get(READ, names.values().map(|claim| key(claim)).collect()).await? {
            let name = text_of(&item, PK).and_then(|pk| names.get(pk)).map(|claim| (*claim).clone());
            let record: ClaimRecord = from_item(READ, item)?;
            records.extend(name.filter(|_| record.business == self.business).map(|name| (name, record)));
        }
        let mut ids: Vec<LinkId> = records.iter().map(|(_, record)| record.link_id.clone()).collect();
        ids.sort();
        ids.dedup();
        let links: BTreeMap<LinkId, PaymentLink> =
            self.links(&ids).await?.into_iter().map(|link| (link.id().clone(), link)).collect();
        let with_link = |(name, record): (String, ClaimRecord)| {
            links.get(&record.link_id).map(|link| (name, (link.clone(), record.attempt_id)))
        };
        Ok(records.into_iter().filter_map(with_link).collect())
    }
}

/// Whether a receipt of which these facts are known is wanted. Facts tell instants to the second.
fn is_wanted(facts: &ReceiptFacts, query: &BookedQuery<'_>) -> bool {
    let second = facts.booked_at.as_second();
    facts.account_id == *query.account
        && facts.mode == query.mode
        && (query.from.as_second()..=query.to.as_second()).contains(&second)
}
