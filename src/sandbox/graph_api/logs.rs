//! Audit log and sign-in log, as Graph lists them: late, newest first.

use serde_json::Value;
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

use super::super::exchange::{Answer, Request};
use super::super::logs::LogEntry;
use super::super::settings::Licence;
use super::super::tenant::Tenant;
use super::pages::{between, equals, page};

/// `auditLogs/directoryAudits`.
pub(super) fn audits(tenant: &Tenant, request: &Request) -> Answer {
    let filter = request.query.get("$filter").cloned().unwrap_or_default();
    let target = between(&filter, "targetResources/any(t:t/id eq '", "'");
    let delay = tenant.settings.audit_delay_milliseconds;
    match entries(request, &tenant.audit, delay, "activityDateTime", target) {
        Some(list) => page(tenant, request, &list),
        None => unknown_filter(request),
    }
}

/// `auditLogs/signIns`: with the details of each step in beta alone.
pub(super) fn sign_ins(tenant: &Tenant, request: &Request) -> Answer {
    if tenant.settings.licence == Licence::Free {
        return Answer::error(
            request,
            403,
            "Authentication_RequestFromNonPremiumTenantOrB2CTenant",
            "Neither tenant is B2C or tenant doesn't have premium license",
        );
    }
    let user = equals(request, "userId");
    let delay = tenant.settings.sign_in_delay_milliseconds;
    let Some(mut list) = entries(
        request,
        &tenant.sign_ins,
        delay,
        "createdDateTime",
        user.as_deref(),
    ) else {
        return unknown_filter(request);
    };
    if request.path[0] != "beta" {
        for entry in &mut list {
            if let Value::Object(members) = entry {
                members.retain(|name, _| {
                    !matches!(
                        name.as_str(),
                        "authenticationDetails" | "authenticationRequirement"
                    )
                });
            }
        }
    }
    page(tenant, request, &list)
}

/// Entries that have arrived and fit the filter; `None` if there is a filter and nothing of it is known.
fn entries(
    request: &Request,
    log: &[LogEntry],
    delay: u32,
    time: &str,
    user: Option<&str>,
) -> Option<Vec<Value>> {
    let filter = request.query.get("$filter").cloned().unwrap_or_default();
    let since = between(&filter, &format!("{time} ge "), " ")
        .and_then(|text| OffsetDateTime::parse(text, &Rfc3339).ok());
    if !filter.is_empty() && since.is_none() && user.is_none() {
        return None;
    }
    let delay = time::Duration::milliseconds(i64::from(delay));
    let now = OffsetDateTime::now_utc();
    let entries = log
        .iter()
        .rev()
        .filter(|e| now >= e.at + delay)
        .filter(|e| since.is_none_or(|since| e.at >= since))
        .filter(|e| user.is_none_or(|t| e.user.as_deref().is_some_and(|u| u.eq_ignore_ascii_case(t))));
    Some(entries.map(|e| e.body.clone()).collect())
}

fn unknown_filter(request: &Request) -> Answer {
    Answer::error(
        request,
        400,
        "BadRequest",
        "The sandbox tenant does not know this filter.",
    )
}
