//! The headers of a request.

/// Names in lower case, with their values.
#[derive(Debug, Clone, Default)]
pub struct Headers(Vec<(String, String)>);

impl Headers {
    /// The first value of a header, by its name in any case. An empty one is none.
    pub fn first(&self, name: &str) -> Option<&str> {
        self.all(name).next().filter(|value| !value.is_empty())
    }

    /// The value of a header that must not be there twice: which of them counts is what two readers may disagree about.
    pub(super) fn only(&self, name: &str) -> Option<&str> {
        let mut all = self.all(name);
        all.next().filter(|value| !value.is_empty() && all.next().is_none())
    }

    fn all(&self, name: &str) -> impl Iterator<Item = &str> {
        self.0.iter().filter(move |(found, _)| found.eq_ignore_ascii_case(name)).map(|(_, value)| value.trim())
    }
}

impl<N: AsRef<str>, V: AsRef<[u8]>> FromIterator<(N, V)> for Headers {
    /// What is not UTF-8 in a value is replaced: no signature and no id that counts holds such bytes.
    fn from_iter<I: IntoIterator<Item = (N, V)>>(headers: I) -> Self {
        let text = |value: V| String::from_utf8_lossy(value.as_ref()).into_owned();
        Self(headers.into_iter().map(|(name, value)| (name.as_ref().to_ascii_lowercase(), text(value))).collect())
    }
}
