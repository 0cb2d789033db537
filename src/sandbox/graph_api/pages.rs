//! Lists in pages, and the few filters that the sandbox tenant reads.

use serde_json::{Value, json};

use super::super::exchange::{Answer, Request};
use super::super::tenant::Tenant;

/// One page of a list, with a link to the next.
pub(super) fn page(tenant: &Tenant, request: &Request, list: &[Value]) -> Answer {
    let number = |name: &str| request.query.get(name).and_then(|v| v.parse::<usize>().ok());
    let from = number("$skiptoken").unwrap_or(0).min(list.len());
    let size = number("$top")
        .unwrap_or(tenant.settings.page_size)
        .min(tenant.settings.page_size)
        .max(1);
    let to = (from + size).min(list.len());
    let mut body = json!({"value": list[from..to]});
    if to < list.len() {
        let mut query = url::form_urlencoded::Serializer::new(String::new());
        for (name, value) in request.query.iter().filter(|(name, _)| *name != "$skiptoken") {
            query.append_pair(name, value);
        }
        query.append_pair("$skiptoken", &to.to_string());
        let link = format!("{}/{}?{}", request.origin, request.path.join("/"), query.finish());
        body["@odata.nextLink"] = json!(link);
    }
    Answer::json(200, body)
}

/// The value of `name eq 'value'` in the request's filter, with `''` read as one quote.
pub(super) fn equals(request: &Request, name: &str) -> Option<String> {
    let filter = request.query.get("$filter")?;
    let begin = filter.find(&format!("{name} eq '"))? + name.len() + 5;
    let mut value = String::new();
    let mut letters = filter[begin..].chars().peekable();
    while let Some(letter) = letters.next() {
        match letter {
            '\'' if letters.peek() == Some(&'\'') => {
                letters.next();
                value.push('\'');
            }
            '\'' => return Some(value),
            other => value.push(other),
        }
    }
    None
}

/// The text between two others.
pub(super) fn between<'a>(text: &'a str, before: &str, after: &str) -> Option<&'a str> {
    let rest = &text[text.find(before)? + before.len()..];
    Some(&rest[..rest.find(after).unwrap_or(rest.len())])
}

/// The members that `$select` asks for; the whole object without it.
pub(super) fn selected(request: &Request, object: Value) -> Value {
    let (Some(select), Value::Object(members)) = (request.query.get("$select"), &object) else {
        return object;
    };
    let named: Vec<&str> = select.split(',').map(str::trim).collect();
    let chosen = members
        .iter()
        .filter(|(name, _)| name.starts_with('@') || named.iter().any(|n| n.eq_ignore_ascii_case(name)));
    Value::Object(chosen.map(|(n, v)| (n.clone(), v.clone())).collect())
}
