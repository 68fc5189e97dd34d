//! One queue: its messages and their states.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use super::{attributes::Attributes, failure::Failure, operations::queue_arn};

/// For how long a FIFO queue knows a deduplication id.
const DEDUPLICATION_MILLIS: u64 = 300_000;

pub(super) struct Queue {
    pub(super) name: String,
    pub(super) attributes: Attributes,
    pub(super) created: u64,
    pub(super) modified: u64,
    /// In the order in which they came.
    messages: Vec<Message>,
    /// What was sent lately, by deduplication id: until when, and what.
    sent: BTreeMap<String, (u64, Sent)>,
    sequence: u64,
}

/// A message that somebody sends.
pub(super) struct NewMessage {
    pub(super) id: String,
    pub(super) body: String,
    pub(super) attributes: Value,
    pub(super) delay_millis: u64,
    pub(super) group: Option<String>,
    pub(super) deduplication: Option<String>,
}

/// What the sender gets to know.
#[derive(Clone)]
pub(super) struct Sent {
    pub(super) message_id: String,
    pub(super) sequence: Option<String>,
    /// Whether it was known by its deduplication id, and is not sent again.
    pub(super) is_repeated: bool,
}

#[derive(Clone)]
pub(super) struct Message {
    /// Tells copies apart, which have one id.
    copy: u64,
    pub(super) id: String,
    pub(super) body: String,
    pub(super) attributes: Value,
    pub(super) group: Option<String>,
    pub(super) deduplication: Option<String>,
    pub(super) sequence: Option<String>,
    pub(super) sent: u64,
    pub(super) first_received: Option<u64>,
    pub(super) receive_count: u32,
    /// The queue that gave it up.
    pub(super) source: Option<String>,
    visible: u64,
}

impl Message {
    pub(super) fn receipt_handle(&self, queue: &str) -> String {
        format!("{queue}/{:x}/{:x}", self.copy, self.receive_count)
    }
}

/// How many messages are in which state.
#[derive(Default)]
pub(super) struct Depth {
    pub(super) visible: usize,
    pub(super) in_flight: usize,
    pub(super) delayed: usize,
}

impl Queue {
    pub(super) fn new(name: &str, attributes: Attributes, now: u64) -> Self {
        Self {
            name: name.to_owned(),
            attributes,
            created: now,
            modified: now,
            messages: Vec::new(),
            sent: BTreeMap::new(),
            sequence: 0,
        }
    }

    pub(super) fn arn(&self) -> String {
        queue_arn(&self.name)
    }

    pub(super) const fn is_empty(&self) -> bool {
        self.messages.is_empty()
    }

    fn next(&mut self) -> u64 {
        self.sequence += 1;
        self.sequence
    }

    /// Takes a message in, with so many further copies of it.
    pub(super) fn send(&mut self, new: NewMessage, copies: u32, now: u64) -> Sent {
        self.sent.retain(|_, (until, _)| *until > now);
        if let Some(known) = new.deduplication.as_ref().and_then(|id| self.sent.get(id)) {
            return Sent { is_repeated: true, ..known.1.clone() };
        }
        let is_fifo = self.attributes.is_fifo();
        let copy = self.next();
        let sequence = is_fifo.then(|| format!("{copy:020}"));
        let sent =
            Sent { message_id: new.id.clone(), sequence: sequence.clone(), is_repeated: false };
        if let Some(id) = &new.deduplication {
            self.sent.insert(id.clone(), (now + DEDUPLICATION_MILLIS, sent.clone()));
        }
        let message = Message {
            copy,
            id: new.id,
            body: new.body,
            attributes: new.attributes,
            group: new.group,
            deduplication: new.deduplication,
            sequence,
            sent: now,
            first_received: None,
            receive_count: 0,
            source: None,
            visible: now + new.delay_millis,
        };
        for _ in 0..copies {
            let copy = self.next();
            self.messages.push(Message { copy, ..message.clone() });
        }
        self.messages.push(message);
        sent
    }

    /// Receives messages, at most `limit`, and takes those out that were received too often, for the
    /// dead-letter queue. `shuffle` puts the candidates into another order.
    pub(super) fn receive(
        &mut self,
        now: u64,
        limit: usize,
        visibility_millis: Option<u64>,
        mut shuffle: impl FnMut(&mut Vec<usize>),
    ) -> (Vec<Message>, Vec<Message>) {
        let retention = self.attributes.retention_millis();
        self.messages.retain(|message| message.sent + retention > now);
        let max_receives = self.attributes.redrive().map(|redrive| redrive.max_receive_count);
        let is_dead =
            |message: &Message| max_receives.is_some_and(|most| message.receive_count >= most);
        let mut candidates = self.candidates(now);
        if !self.attributes.is_fifo() {
            shuffle(&mut candidates);
        }
        let visible =
            now + visibility_millis.unwrap_or_else(|| self.attributes.visibility_millis());
        let (mut received, mut dead) = (Vec::new(), BTreeSet::new());
        for index in candidates {
            let message = &mut self.messages[index];
            if is_dead(message) {
                dead.insert(index);
            } else if received.len() < limit {
                message.receive_count += 1;
                message.first_received.get_or_insert(now);
                message.visible = visible;
                received.push(message.clone());
            }
        }
        let dead =
            dead.into_iter().rev().map(|index| self.messages.remove(index)).collect::<Vec<_>>();
        (received, dead.into_iter().rev().collect())
    }

    /// The places of what may be received. In a FIFO queue nothing overtakes an earlier message of its
    /// group that somebody has, or that is delayed.
    fn candidates(&self, now: u64) -> Vec<usize> {
        let mut blocked = BTreeSet::new();
        let is_fifo = self.attributes.is_fifo();
        let mut candidates = Vec::new();
        for (index, message) in self.messages.iter().enumerate() {
            if message.visible > now {
                blocked.insert(&message.group);
            } else if !is_fifo || !blocked.contains(&message.group) {
                candidates.push(index);
            }
        }
        candidates
    }

    /// Takes in messages that another queue gave up, or that come back from the dead-letter queue.
    pub(super) fn accept(&mut self, messages: Vec<Message>, source: Option<&str>, now: u64) {
        for message in messages {
            let copy = self.next();
            let source = source.map(str::to_owned);
            let receive_count = if source.is_some() { message.receive_count } else { 0 };
            self.messages.push(Message { copy, source, receive_count, visible: now, ..message });
        }
    }

    /// Takes out what nobody has and what came from `source`, or from anywhere.
    pub(super) fn take_out(&mut self, source: Option<&str>, now: u64) -> Vec<Message> {
        let is_meant = |message: &mut Message| {
            message.visible <= now
                && source.is_none_or(|name| message.source.as_deref() == Some(name))
        };
        self.messages.extract_if(.., is_meant).collect()
    }

    /// The place of the message with this receipt handle, if the handle is its newest.
    fn find(&self, handle: &str) -> Result<Option<usize>, Failure> {
        let mut parts = handle.split('/');
        let number = |part: Option<&str>| u64::from_str_radix(part?, 16).ok();
        let name = parts.next();
        match (name == Some(&self.name), number(parts.next()), number(parts.next())) {
            (true, Some(copy), Some(count)) => Ok(self.messages.iter().position(|message| {
                message.copy == copy && u64::from(message.receive_count) == count
            })),
            _ => Err(Failure::plain(
                "ReceiptHandleIsInvalid",
                "The input receipt handle is invalid.",
            )),
        }
    }

    pub(super) fn delete(&mut self, handle: &str, now: u64) -> Result<(), Failure> {
        let Some(index) = self.find(handle)? else { return Ok(()) };
        if self.attributes.is_fifo() && self.messages[index].visible <= now {
            return Err(Failure::invalid(
                "Value for parameter ReceiptHandle is invalid. Reason: The receipt handle has expired.",
            ));
        }
        self.messages.remove(index);
        Ok(())
    }

    pub(super) fn change_visibility(
        &mut self,
        handle: &str,
        seconds: u64,
        now: u64,
    ) -> Result<(), Failure> {
        if seconds > 43_200 {
            return Err(Failure::invalid(
                "Value for parameter VisibilityTimeout is invalid. Reason: Must be between 0 and 43200.",
            ));
        }
        let message = self.find(handle)?.and_then(|index| self.messages.get_mut(index));
        match message.filter(|message| message.visible > now) {
            Some(message) => {
                message.visible = now + seconds * 1_000;
                Ok(())
            }
            None => Err(Failure::new(
                "MessageNotInflight",
                "AWS.SimpleQueueService.MessageNotInflight",
                "The message referred to is not in flight.",
            )),
        }
    }

    pub(super) fn purge(&mut self) {
        self.messages.clear();
    }

    pub(super) fn depth(&self, now: u64) -> Depth {
        let mut depth = Depth::default();
        for message in &self.messages {
            if message.visible <= now {
                depth.visible += 1;
            } else if message.first_received.is_some() {
                depth.in_flight += 1;
            } else {
                depth.delayed += 1;
            }
        }
        depth
    }
}
