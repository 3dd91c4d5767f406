//! In which words and on which channels people are notified.

use super::request::{MessageMode, MessageRequest};
use crate::messages::channel::Channel;
use crate::messages::choice::MessageChoice;
use crate::problem::{Field, Problems};

pub(crate) fn decide_message(request: &MessageRequest, problems: &mut Problems) -> Option<MessageChoice> {
    let channels = match &request.channels {
        Field::Refused => return None,
        Field::Absent => None,
        Field::Value(channels) => Some(channels.clone()),
    };
    match request.mode {
        Field::Refused => None,
        Field::Absent | Field::Value(MessageMode::Default) => {
            for (given, pointer) in [
                (!matches!(request.sms, Field::Absent), "/message/sms"),
                (!matches!(request.email, Field::Absent), "/message/email"),
                (!matches!(request.social, Field::Absent), "/message/social"),
            ] {
                if given {
                    problems.refuse(pointer, "text_not_used", "A text belongs to a message of mode custom.");
                }
            }
            Some(MessageChoice::Default { channels: channels.unwrap_or_else(|| Channel::ALL.to_vec()) })
        }
        Field::Value(MessageMode::Custom) => decide_custom_message(request, channels, problems),
    }
}

/// The texts given must be exactly those of the channels named.
fn decide_custom_message(
    request: &MessageRequest,
    channels: Option<Vec<Channel>>,
    problems: &mut Problems,
) -> Option<MessageChoice> {
    let Some(channels) = channels.filter(|channels| !channels.is_empty()) else {
        problems.refuse("/message/channels", "required", "Name the channels of the custom message.");
        return None;
    };
    let texts = [(Channel::Sms, &request.sms), (Channel::Email, &request.email), (Channel::Social, &request.social)];
    for (channel, text) in texts {
        let pointer = format!("/message/{}", channel.as_str());
        match (channels.contains(&channel), text) {
            (true, Field::Absent) => problems.refuse(pointer, "required", "This channel is named and needs its text."),
            (false, Field::Value(_) | Field::Refused) => {
                problems.refuse(pointer, "text_not_used", "This channel is not among the channels named.");
            }
            (true, Field::Value(_) | Field::Refused) | (false, Field::Absent) => {}
        }
    }
    Some(MessageChoice::Custom {
        sms: request.sms.clone().value(),
        email: request.email.clone().value(),
        social: request.social.clone().value(),
    })
}

/// The channels that the message goes out on, whatever becomes of its texts.
pub(super) fn channels_named(request: &MessageRequest) -> Option<Vec<Channel>> {
    match (&request.mode, &request.channels) {
        (Field::Refused, _) | (_, Field::Refused) => None,
        (Field::Absent | Field::Value(_), Field::Value(channels)) => Some(channels.clone()),
        (Field::Absent | Field::Value(MessageMode::Default), Field::Absent) => Some(Channel::ALL.to_vec()),
        // That none are named is reported already.
        (Field::Value(MessageMode::Custom), Field::Absent) => None,
    }
}
