//! The scheduled-query alerts once more, as Bicep: for those who keep their infrastructure as text.

use std::fmt::Write as _;

use super::Rule;
use super::azure::{ALERTS_API, BACK, EVERY};

/// A Bicep file with one alert for each rule.
#[must_use]
pub fn alerts(rules: &[Rule]) -> String {
    let mut out = String::from(
        "@description('Resource id of the Log Analytics workspace that gets the sign-in and audit logs.')\n\
         param workspaceResourceId string\n\n\
         @description('Resource id of the action group that calls people.')\n\
         param actionGroupResourceId string\n\n\
         @description('Region of the workspace.')\n\
         param location string = resourceGroup().location\n\n\
         var alerts = [\n",
    );
    for rule in rules {
        // Writing to a String does not fail.
        let _ = write!(
            out,
            "  {{\n    name: {}\n    title: {}\n    description: {}\n    query: {}\n  }}\n",
            quoted(rule.name),
            quoted(rule.title),
            quoted(rule.description),
            lines(&rule.query)
        );
    }
    let _ = write!(
        out,
        "]\n\n\
         resource emergencyAlerts 'Microsoft.Insights/scheduledQueryRules@{ALERTS_API}' = [for alert in alerts: {{\n\
         \x20 name: alert.name\n\
         \x20 location: location\n\
         \x20 kind: 'LogAlert'\n\
         \x20 properties: {{\n\
         \x20   displayName: alert.title\n\
         \x20   description: alert.description\n\
         \x20   severity: 0\n\
         \x20   enabled: true\n\
         \x20   scopes: [\n      workspaceResourceId\n    ]\n\
         \x20   evaluationFrequency: '{EVERY}'\n\
         \x20   windowSize: '{EVERY}'\n\
         \x20   overrideQueryTimeRange: '{BACK}'\n\
         \x20   autoMitigate: false\n\
         \x20   criteria: {{\n      allOf: [\n        {{\n\
         \x20         query: alert.query\n\
         \x20         timeAggregation: 'Count'\n\
         \x20         operator: 'GreaterThan'\n\
         \x20         threshold: 0\n\
         \x20         failingPeriods: {{\n            numberOfEvaluationPeriods: 1\n            minFailingPeriodsToAlert: 1\n          }}\n\
         \x20       }}\n      ]\n    }}\n\
         \x20   actions: {{\n      actionGroups: [\n        actionGroupResourceId\n      ]\n    }}\n\
         \x20 }}\n\
         }}]\n"
    );
    out
}

/// A text of one line.
fn quoted(text: &str) -> String {
    let escaped = text
        .replace('\\', "\\\\")
        .replace('\'', "\\'")
        .replace("${", "\\${")
        .replace('\n', "\\n");
    format!("'{escaped}'")
}

/// A text of several lines, which Bicep takes as it stands; three apostrophes would end it, and no query has them.
fn lines(text: &str) -> String {
    format!("'''\n{}'''", text.replace("'''", "''"))
}

#[cfg(test)]
mod tests {
    use super::super::{Guid, Watched, rules};
    use super::*;

    /// The file without its texts; panics where a text does not end.
    fn skeleton(file: &str) -> String {
        let (mut out, mut rest) = (String::new(), file);
        while let Some(start) = rest.find('\'') {
            out.push_str(&rest[..start]);
            let text = &rest[start..];
            let end = if let Some(inner) = text.strip_prefix("'''") {
                inner.find("'''").expect("the text ends") + 6
            } else {
                let mut escaped = false;
                let end = text[1..].find(|c: char| {
                    let ends = c == '\'' && !escaped;
                    escaped = c == '\\' && !escaped;
                    ends
                });
                end.expect("the text ends") + 2
            };
            assert!(text.starts_with("'''") || !text[..end].contains('\n'));
            rest = &text[end..];
            out.push('s');
        }
        out + rest
    }

    #[test]
    fn the_file_is_well_formed_and_uses_every_parameter() {
        let rules = rules(&Watched {
            accounts: vec![("bg-01".into(), Guid::derived("bg-01"))],
            group: Some(Guid::derived("group")),
        });
        let file = alerts(&rules);
        let bare = skeleton(&file);
        let mut open = Vec::new();
        for c in bare.chars() {
            match c {
                '{' | '[' | '(' => open.push(c),
                '}' => assert_eq!(open.pop(), Some('{')),
                ']' => assert_eq!(open.pop(), Some('[')),
                ')' => assert_eq!(open.pop(), Some('(')),
                _ => {}
            }
        }
        assert!(open.is_empty(), "{open:?}");
        for parameter in ["workspaceResourceId", "actionGroupResourceId", "location"] {
            assert_eq!(bare.matches(&format!("param {parameter} string")).count(), 1);
            assert!(bare.matches(parameter).count() >= 2, "{parameter} is used");
        }
        assert_eq!(bare.matches("    query: s").count(), rules.len());
        for rule in &rules {
            assert!(file.contains(&rule.query), "{}", rule.name);
        }
    }

    #[test]
    fn texts_cannot_leave_their_quotes() {
        for text in ["it's", "a\\", "${x}", "two\nlines", "\\'"] {
            let quoted = quoted(text);
            assert_eq!(skeleton(&quoted), "s", "{quoted}");
            assert!(!quoted.contains("${") || quoted.contains("\\${"));
        }
        assert_eq!(skeleton(&lines("a ''' b\n")), "s");
    }
}
