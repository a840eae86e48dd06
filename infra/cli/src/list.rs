//! Lists of the API, page after page.

use serde::{Deserialize, de::DeserializeOwned};

use crate::{client::Client, failure::Failure};

/// The contract's largest page.
const LIMIT: usize = 250;

/// One page, as the API answers it.
#[derive(Debug, Deserialize)]
struct Page<T> {
    data: Vec<T>,
    iterator: Option<String>,
    #[serde(default)]
    done: bool,
}

/// Everything in a list.
pub(crate) async fn all<T: DeserializeOwned>(
    client: &Client,
    path: &[&str],
    query: &[(&str, String)],
) -> Result<Vec<T>, Failure> {
    first(client, path, query, usize::MAX).await
}

/// As many as that of a list's first.
pub(crate) async fn first<T: DeserializeOwned>(
    client: &Client,
    path: &[&str],
    query: &[(&str, String)],
    count: usize,
) -> Result<Vec<T>, Failure> {
    let (mut all, mut iterator) = (Vec::new(), None::<String>);
    while all.len() < count {
        let mut ask =
            client.get(path).query("limit", LIMIT.min(count - all.len())).query_if("iterator", iterator.as_ref());
        for (name, value) in query {
            ask = ask.query(name, value);
        }
        let page: Page<T> = ask.send().await?;
        all.extend(page.data);
        if page.done || page.iterator.is_none() {
            break;
        }
        iterator = page.iterator;
    }
    Ok(all)
}
