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
            for channel in request.texts.keys() {
                let detail = "A text belongs to a message of mode custom.";
                problems.refuse(pointer(*channel), "text_not_used", detail);
            }
            if channels.as_ref().is_some_and(Vec::is_empty) {
                let detail = "Name a channel, or leave the field out for all of them.";
                problems.refuse("/message/channels", "required", detail);
                return None;
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
    for channel in Channel::ALL {
        let is_given = request.texts.contains_key(&channel);
        let (code, detail) = match (channels.contains(&channel), is_given) {
            (true, false) => ("required", "This channel is named and needs its text."),
            (false, true) => ("text_not_used", "This channel is not among the channels named."),
            (true, true) | (false, false) => continue,
        };
        problems.refuse(pointer(channel), code, detail);
    }
    let texts = request.texts.iter().filter_map(|(channel, text)| Some((*channel, text.clone().value()?)));
    Some(MessageChoice::Custom { texts: texts.collect() })
}

fn pointer(channel: Channel) -> String {
    format!("/message/{}", channel.as_str())
}

/// The channels that the message goes out on, whatever becomes of its texts.
pub(super) fn channels_named(request: &MessageRequest) -> Option<Vec<Channel>> {
    match (&request.mode, &request.channels) {
        (Field::Refused, _) | (_, Field::Refused) => None,
        (Field::Absent | Field::Value(_), Field::Value(channels)) => {
            Some(channels.clone()).filter(|channels| !channels.is_empty())
        }
        (Field::Absent | Field::Value(MessageMode::Default), Field::Absent) => Some(Channel::ALL.to_vec()),
        // That none are named is reported already.
        (Field::Value(MessageMode::Custom), Field::Absent) => None,
    }
}
