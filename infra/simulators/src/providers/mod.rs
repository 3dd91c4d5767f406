//! The providers of messages, SNS and SES among them, with the inbox in which a person looks at what they delivered.

mod aws_query;

pub mod aws_account;
pub mod bot;
pub mod inbox;
pub mod kavenegar;
pub mod reports;
pub mod ses;
pub mod sns;
pub mod whatsapp;
