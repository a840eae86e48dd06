//! Query strings. A parameter that is not understood is refused by name; one that is not known is ignored.

use postrider_core::{
    page::{Ask, Key},
    problem::Problem,
    rules::{NAME_RULE, is_name},
    time::Time,
};

/// The parameters of a request, in their order.
#[derive(Debug, Clone, Default)]
pub struct Query(Vec<(String, String)>);

impl Query {
    /// Of a raw query string.
    pub fn parse(raw: Option<&str>) -> Self {
        Self(url::form_urlencoded::parse(raw.unwrap_or_default().as_bytes()).into_owned().collect())
    }

    /// A parameter that may be given once.
    pub fn one(&self, name: &str) -> Result<Option<&str>, Problem> {
        let mut all = self.0.iter().filter(|(key, _)| key == name).map(|(_, value)| value.as_str());
        let first = all.next();
        if all.next().is_some() { Err(bad(name, "given more than once")) } else { Ok(first) }
    }

    /// A parameter that may be given once, read by `read`; otherwise it is told what was expected.
    pub fn read<T>(
        &self,
        name: &str,
        expected: &str,
        read: impl FnOnce(&str) -> Option<T>,
    ) -> Result<Option<T>, Problem> {
        self.one(name)?.map(|text| read(text).ok_or_else(|| bad(name, &format!("expected {expected}")))).transpose()
    }

    /// `true` or `false`.
    pub fn flag(&self, name: &str, default: bool) -> Result<bool, Problem> {
        Ok(self.read(name, "true or false", |text| text.parse().ok())?.unwrap_or(default))
    }

    /// A number.
    pub fn number(&self, name: &str) -> Result<Option<u64>, Problem> {
        self.read(name, "a number", |text| text.parse().ok())
    }

    /// A date and time.
    pub fn time(&self, name: &str) -> Result<Option<Time>, Problem> {
        let expected = "a date and time with an offset, such as 2026-11-23T20:00:00Z";
        self.read(name, expected, |text| text.parse().ok())
    }

    /// `order`: whether it is ascending.
    pub fn ascending(&self, default: bool) -> Result<bool, Problem> {
        let read = |text: &str| match text {
            "ascending" => Some(true),
            "descending" => Some(false),
            _ => None,
        };
        Ok(self.read("order", "ascending or descending", read)?.unwrap_or(default))
    }

    /// `limit` and `iterator`.
    pub fn page<K: Key>(&self) -> Result<Ask<K>, Problem> {
        Ask::new(self.number("limit")?, self.one("iterator")?)
    }

    /// A name that may be given once.
    pub fn name(&self, name: &str) -> Result<Option<String>, Problem> {
        match self.one(name)? {
            Some(text) if !is_name(text) => Err(Problem::invalid(&["query", name], NAME_RULE)),
            text => Ok(text.map(str::to_owned)),
        }
    }

    /// Names by comma, repeated, with `[]` or with `[0]`, all of them together.
    pub fn names(&self, name: &str) -> Result<Vec<String>, Problem> {
        let mut names = Vec::new();
        for (_, value) in self.0.iter().filter(|(key, _)| is_list_key(key, name)) {
            names.extend(value.split(',').map(str::to_owned));
        }
        if names.iter().all(|name| is_name(name)) {
            return Ok(names);
        }
        Err(Problem::invalid(&["query", name], "must be names of 1 to 256 characters of A-Z a-z 0-9 - _ ., by comma"))
    }
}

fn is_list_key(key: &str, name: &str) -> bool {
    let Some(rest) = key.strip_prefix(name) else { return false };
    let index = rest.strip_prefix('[').and_then(|rest| rest.strip_suffix(']'));
    rest.is_empty() || index.is_some_and(|index| index.bytes().all(|byte| byte.is_ascii_digit()))
}

fn bad(name: &str, why: &str) -> Problem {
    Problem::refused(400, "generic_error", format!("Query parameter {name}: {why}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn query(raw: &str) -> Query {
        Query::parse(Some(raw))
    }

    #[test]
    fn lists_are_given_in_four_ways_that_add_up() {
        let names = query("event_types=a,b.c&event_types=d&event_types[]=e&event_types%5B10%5D=f&event_typesx=g");
        assert_eq!(names.names("event_types").ok(), Some(["a", "b.c", "d", "e", "f"].map(String::from).to_vec()));
        assert_eq!(query("").names("event_types").ok(), Some(Vec::new()));
        for bad in ["event_types=", "event_types=a,,b", "event_types=a%20b"] {
            assert_eq!(query(bad).names("event_types").map_err(|problem| problem.status()), Err(422), "{bad}");
        }
    }

    #[test]
    fn a_name_has_the_syntax_of_names() {
        assert_eq!(query("channel=a.b").name("channel").ok(), Some(Some("a.b".to_owned())));
        assert_eq!(query("").name("channel").ok(), Some(None));
        for bad in ["channel=", "channel=a%20b", "channel=a,b"] {
            assert_eq!(query(bad).name("channel").map_err(|problem| problem.status()), Err(422), "{bad}");
        }
    }

    #[test]
    fn what_is_not_understood_is_refused_by_name() {
        let problems = [
            query("limit=x").number("limit").map(drop),
            query("limit=-1").number("limit").map(drop),
            query("limit=1&limit=1").number("limit").map(drop),
            query("with_content=yes").flag("with_content", true).map(drop),
            query("before=2026-01-01").time("before").map(drop),
            query("before=2026-01-01T00:00:00").time("before").map(drop),
            query("order=up").ascending(true).map(drop),
        ];
        for (result, name) in
            problems.into_iter().zip(["limit", "limit", "limit", "with_content", "before", "before", "order"])
        {
            let problem = result.expect_err("refused");
            assert_eq!(problem.status(), 400);
            assert!(problem.body().contains(name), "{name}: {}", problem.body());
        }
    }

    #[test]
    fn what_is_understood_is_read() {
        let query = query(
            "with_content=false&after=2026-01-01%2000:00:00%2B00:00&order=descending&limit=7&unknown=1&unknown=2",
        );
        assert_eq!(query.flag("with_content", true).ok(), Some(false));
        assert!(query.time("after").is_ok_and(|time| time.is_some()));
        assert_eq!(query.ascending(true).ok(), Some(false));
        assert_eq!(query.number("limit").ok(), Some(Some(7)));
    }
}
