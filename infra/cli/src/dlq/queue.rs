//! `postrider dlq queue`: the dead-letter queues themselves, with AWS credentials.
//!
//! Looking shows what a message's attributes tell, never its body, which is a customer's. What was looked at is visible
//! again at once.

use std::{collections::BTreeMap, time::Duration};

use aws_sdk_sqs::{
    Client,
    types::{ListMessageMoveTasksResultEntry, Message, MessageSystemAttributeName, QueueAttributeName},
};
use clap::{Args, Subcommand};
use serde::Serialize;
use serde_json::json;

use super::outputs::{Pair, Source};
use crate::{
    aws::{self, failed},
    console::{BAD, FAINT, GOOD, NAME, harmless, in_style, mark},
    failure::Failure,
    session::Session,
};

const PAUSE: Duration = Duration::from_secs(2);
/// Seconds for which what is looked at is hidden, should giving it back fail.
const HIDDEN: i32 = 10;
/// SQS gives no more at once.
const LARGEST_RECEIVE: usize = 10;

/// The stack's dead-letter queues: how many messages, and why some of them are there.
#[derive(Debug, Args)]
pub(super) struct Queue {
    #[command(flatten)]
    source: Source,
    /// How many messages are looked at.
    #[arg(long, value_name = "N", default_value_t = 10)]
    peek: usize,
    #[command(subcommand)]
    what: Option<What>,
}

#[derive(Debug, Subcommand)]
enum What {
    /// Moves everything back to where it was meant for (SQS `StartMessageMoveTask`).
    Redrive {
        /// The queue to move to: the stack's output `DeliveryQueueUrl`. With --outputs each goes to its own.
        #[arg(long, env = "POSTRIDER_QUEUE_URL", value_name = "URL|ARN")]
        to: Option<String>,
        /// Messages per second; as fast as SQS likes if it is not given.
        #[arg(long, value_name = "N", value_parser = clap::value_parser!(i32).range(1..=500))]
        rate: Option<i32>,
        /// Follow the move to its end.
        #[arg(long)]
        wait: bool,
    },
}

/// A message of a dead-letter queue, without its body.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Peeked {
    queue_message_id: String,
    sent_at: String,
    attributes: BTreeMap<String, String>,
}

impl Queue {
    pub(super) async fn run(self, session: &Session) -> Result<(), Failure> {
        let sqs = Client::new(&aws::config().await);
        for pair in self.source.pairs()? {
            match &self.what {
                None => look(session, &sqs, &pair, self.peek).await?,
                Some(What::Redrive { to, rate, wait }) => {
                    let to = pair.origin.as_ref().or(to.as_ref());
                    let to = to.ok_or_else(|| Failure::Usage("give --to, the queue to move to".to_owned()))?;
                    let (dead, to) = (arn(&sqs, &pair.dead).await?, arn(&sqs, to).await?);
                    let begin = sqs.start_message_move_task().source_arn(&dead).destination_arn(to);
                    let begin = begin.set_max_number_of_messages_per_second(*rate).send().await;
                    begin.map_err(|error| failed(&format!("{} cannot be moved", pair.name), &error))?;
                    follow(session, &sqs, &pair.name, &dead, *wait).await?;
                }
            }
        }
        Ok(())
    }
}

async fn look(session: &Session, sqs: &Client, pair: &Pair, most: usize) -> Result<(), Failure> {
    let url = url(sqs, &pair.dead).await?;
    let waiting = attribute(sqs, &url, QueueAttributeName::ApproximateNumberOfMessages).await?;
    let taken = attribute(sqs, &url, QueueAttributeName::ApproximateNumberOfMessagesNotVisible).await?;
    let messages = peek(sqs, &url, most).await?;
    let told = json!({ "queue": pair.name, "url": url, "messages": waiting.parse::<u64>().ok(),
        "inFlight": taken.parse::<u64>().ok(), "peeked": messages });
    session.console.result(&told, || {
        let style = if waiting == "0" { GOOD } else { BAD };
        let head =
            format!("{} {} waiting, {taken} being looked at", in_style(NAME, &pair.name), in_style(style, &waiting));
        std::iter::once(head).chain(messages.iter().map(Peeked::line)).collect::<Vec<_>>().join("\n")
    })
}

async fn peek(sqs: &Client, url: &str, most: usize) -> Result<Vec<Peeked>, Failure> {
    let mut peeked: BTreeMap<String, Peeked> = BTreeMap::new();
    let mut receipts = Vec::new();
    while peeked.len() < most {
        let count = i32::try_from(LARGEST_RECEIVE.min(most - peeked.len())).unwrap_or(1);
        let request = sqs.receive_message().queue_url(url).max_number_of_messages(count).visibility_timeout(HIDDEN);
        let request = request.message_attribute_names("All");
        let request = request.message_system_attribute_names(MessageSystemAttributeName::SentTimestamp);
        let output = request.send().await.map_err(|error| failed("the queue cannot be looked at", &error))?;
        let before = peeked.len();
        for mut message in output.messages.unwrap_or_default() {
            receipts.extend(message.receipt_handle.take());
            let one = Peeked::from(message);
            peeked.insert(one.queue_message_id.clone(), one);
        }
        if peeked.len() == before {
            break;
        }
    }
    for receipt in receipts {
        // They show themselves again in a few seconds anyway.
        let _ =
            sqs.change_message_visibility().queue_url(url).receipt_handle(receipt).visibility_timeout(0).send().await;
    }
    Ok(peeked.into_values().collect())
}

impl From<Message> for Peeked {
    fn from(message: Message) -> Self {
        let sent = message.attributes.as_ref().and_then(|all| all.get(&MessageSystemAttributeName::SentTimestamp));
        let sent = sent.and_then(|millis| millis.parse().ok()).map(postrider_core::time::Time::from_millis);
        let attributes = message.message_attributes.unwrap_or_default().into_iter();
        Self {
            queue_message_id: message.message_id.unwrap_or_default(),
            sent_at: sent.map(|at| at.to_string()).unwrap_or_default(),
            attributes: attributes.map(|(name, value)| (name, value.string_value.unwrap_or_default())).collect(),
        }
    }
}

impl Peeked {
    fn line(&self) -> String {
        let attributes = self.attributes.iter().map(|(name, value)| format!("{name}={}", harmless(value)));
        let told = attributes.collect::<Vec<_>>().join(" ");
        let told = if told.is_empty() {
            "without attributes: it crashed the function, or its record could not be written, again and again"
        } else {
            &told
        };
        format!("  {} {told}", in_style(FAINT, &self.sent_at))
    }
}

async fn follow(session: &Session, sqs: &Client, name: &str, dead: &str, wait: bool) -> Result<(), Failure> {
    loop {
        let tasks = sqs.list_message_move_tasks().source_arn(dead).max_results(1).send().await;
        let tasks = tasks.map_err(|error| failed("the move cannot be followed", &error))?.results.unwrap_or_default();
        let Some(task) = tasks.first() else { return Ok(()) };
        let status = task.status().unwrap_or_default();
        if !wait || status != "RUNNING" {
            return told(session, name, task);
        }
        session.console.progress(&format!("… {name}: {}", moved(task)));
        tokio::time::sleep(PAUSE).await;
    }
}

fn told(session: &Session, name: &str, task: &ListMessageMoveTasksResultEntry) -> Result<(), Failure> {
    let status = task.status().unwrap_or_default();
    let (count, reason) = (task.approximate_number_of_messages_moved(), task.failure_reason());
    let value = json!({ "queue": name, "status": status, "moved": count,
        "toMove": task.approximate_number_of_messages_to_move(), "failureReason": reason });
    let good = matches!(status, "RUNNING" | "COMPLETED");
    session.console.result(&value, || format!("{} {name} {}: {}", mark(good), status.to_lowercase(), moved(task)))?;
    let why = || Failure::Failed(format!("{name}: the move has {}: {}", status.to_lowercase(), reason.unwrap_or("?")));
    if good { Ok(()) } else { Err(why()) }
}

fn moved(task: &ListMessageMoveTasksResultEntry) -> String {
    let moved = task.approximate_number_of_messages_moved();
    match task.approximate_number_of_messages_to_move() {
        Some(all) => format!("{moved} of {all} moved"),
        None => format!("{moved} moved"),
    }
}

async fn attribute(sqs: &Client, url: &str, name: QueueAttributeName) -> Result<String, Failure> {
    let output = sqs.get_queue_attributes().queue_url(url).attribute_names(name.clone()).send().await;
    let output = output.map_err(|error| failed(&format!("the queue {url} cannot be read"), &error))?;
    Ok(output.attributes.unwrap_or_default().remove(&name).unwrap_or_default())
}

/// Of an ARN or a URL.
async fn arn(sqs: &Client, queue: &str) -> Result<String, Failure> {
    if queue.starts_with("arn:") {
        Ok(queue.to_owned())
    } else {
        attribute(sqs, queue, QueueAttributeName::QueueArn).await
    }
}

/// Of a URL or an ARN: `arn:aws:sqs:<region>:<account>:<name>`.
async fn url(sqs: &Client, queue: &str) -> Result<String, Failure> {
    if !queue.starts_with("arn:") {
        return Ok(queue.to_owned());
    }
    let mut parts = queue.rsplit(':');
    let (name, account) = (parts.next().unwrap_or_default(), parts.next());
    let request = sqs.get_queue_url().queue_name(name).set_queue_owner_aws_account_id(account.map(str::to_owned));
    let output = request.send().await.map_err(|error| failed(&format!("there is no queue {queue}"), &error))?;
    Ok(output.queue_url.unwrap_or_default())
}
