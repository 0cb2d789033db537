//! Templates of Azure Resource Manager in JSON: scheduled-query alerts, and analytics rules of Microsoft Sentinel.

use serde_json::{Value, json};

use super::{Guid, Rule};

/// Of `Microsoft.Insights/scheduledQueryRules`.
pub(super) const ALERTS_API: &str = "2023-12-01";
/// Of `Microsoft.SecurityInsights/alertRules`.
const SENTINEL_API: &str = "2023-02-01";
const SCHEMA: &str = "https://schema.management.azure.com/schemas/2019-04-01/deploymentTemplate.json#";

/// How often a query runs, and how far it looks back for entries that arrived since (ISO 8601).
pub(super) const EVERY: &str = "PT5M";
/// See [`EVERY`].
pub(super) const BACK: &str = "P1D";

/// Alerts of Azure Monitor: one for each rule, severity 0.
#[must_use]
pub fn alerts(rules: &[Rule]) -> Value {
    let resources: Vec<Value> = rules.iter().map(alert).collect();
    json!({
        "$schema": SCHEMA,
        "contentVersion": "1.0.0.0",
        "parameters": {
            "workspaceResourceId": {
                "type": "string",
                "metadata": {"description": "Resource id of the Log Analytics workspace that gets the sign-in and audit logs."}
            },
            "actionGroupResourceId": {
                "type": "string",
                "metadata": {"description": "Resource id of the action group that calls people."}
            },
            "location": {
                "type": "string",
                "defaultValue": "[resourceGroup().location]",
                "metadata": {"description": "Region of the workspace."}
            }
        },
        "resources": resources,
    })
}

fn alert(rule: &Rule) -> Value {
    json!({
        "type": "Microsoft.Insights/scheduledQueryRules",
        "apiVersion": ALERTS_API,
        "name": rule.name,
        "location": "[parameters('location')]",
        "kind": "LogAlert",
        "properties": {
            "displayName": rule.title,
            "description": rule.description,
            "severity": 0,
            "enabled": true,
            "scopes": ["[parameters('workspaceResourceId')]"],
            "evaluationFrequency": EVERY,
            "windowSize": EVERY,
            "overrideQueryTimeRange": BACK,
            "autoMitigate": false,
            "criteria": {"allOf": [{
                "query": rule.query,
                "timeAggregation": "Count",
                "operator": "GreaterThan",
                "threshold": 0,
                "failingPeriods": {"numberOfEvaluationPeriods": 1, "minFailingPeriodsToAlert": 1}
            }]},
            "actions": {"actionGroups": ["[parameters('actionGroupResourceId')]"]}
        }
    })
}

/// Analytics rules of Microsoft Sentinel; each alarm is an incident.
#[must_use]
pub fn sentinel(rules: &[Rule]) -> Value {
    let resources: Vec<Value> = rules.iter().map(analytics_rule).collect();
    json!({
        "$schema": SCHEMA,
        "contentVersion": "1.0.0.0",
        "parameters": {
            "workspace": {
                "type": "string",
                "metadata": {"description": "Name of the Log Analytics workspace with Microsoft Sentinel."}
            }
        },
        "resources": resources,
    })
}

fn analytics_rule(rule: &Rule) -> Value {
    let id = Guid::derived(&format!("glasskey {}", rule.name));
    let column = if rule.query.contains("SigninLogs") {
        "UserId"
    } else {
        "TargetId"
    };
    json!({
        "type": "Microsoft.OperationalInsights/workspaces/providers/alertRules",
        "apiVersion": SENTINEL_API,
        "name": format!("[concat(parameters('workspace'), '/Microsoft.SecurityInsights/{}')]", id.as_str()),
        "kind": "Scheduled",
        "properties": {
            "displayName": rule.title,
            "description": rule.description,
            "severity": "High",
            "enabled": true,
            "query": rule.query,
            "queryFrequency": EVERY,
            "queryPeriod": BACK,
            "triggerOperator": "GreaterThan",
            "triggerThreshold": 0,
            "suppressionEnabled": false,
            "suppressionDuration": "PT5H",
            "tactics": rule.tactics,
            "eventGroupingSettings": {"aggregationKind": "AlertPerResult"},
            "incidentConfiguration": {
                "createIncident": true,
                "groupingConfiguration": {
                    "enabled": false,
                    "reopenClosedIncident": false,
                    "lookbackDuration": BACK,
                    "matchingMethod": "AllEntities"
                }
            },
            "entityMappings": [{
                "entityType": "Account",
                "fieldMappings": [{"identifier": "AadUserId", "columnName": column}]
            }]
        }
    })
}

#[cfg(test)]
mod tests {
    use super::super::{Watched, rules};
    use super::*;

    fn some() -> Vec<Rule> {
        rules(&Watched {
            accounts: vec![("bg-01".into(), Guid::derived("bg-01"))],
            group: None,
        })
    }

    /// Every parameter that a template's expressions use.
    fn used(value: &Value, found: &mut Vec<String>) {
        match value {
            Value::String(text) if text.starts_with('[') => {
                let parts = text.split("parameters('").skip(1);
                found.extend(parts.filter_map(|part| Some(part.split_once('\'')?.0.to_owned())));
            }
            Value::Array(values) => values.iter().for_each(|value| used(value, found)),
            Value::Object(members) => members.values().for_each(|value| used(value, found)),
            _ => {}
        }
    }

    #[test]
    fn templates_declare_what_they_use_and_name_each_resource_once() {
        for template in [alerts(&some()), sentinel(&some())] {
            let mut parameters = Vec::new();
            used(&template["resources"], &mut parameters);
            parameters.sort_unstable();
            parameters.dedup();
            let declared: Vec<&String> = template["parameters"].as_object().unwrap().keys().collect();
            let mut sorted: Vec<String> = declared.into_iter().cloned().collect();
            sorted.sort_unstable();
            assert_eq!(parameters, sorted);
            let resources = template["resources"].as_array().unwrap();
            assert_eq!(resources.len(), 6);
            let mut names: Vec<&str> = resources.iter().filter_map(|r| r["name"].as_str()).collect();
            names.sort_unstable();
            names.dedup();
            assert_eq!(names.len(), 6);
            for resource in resources {
                for member in ["type", "apiVersion", "name", "kind", "properties"] {
                    assert!(!resource[member].is_null(), "{member}");
                }
            }
        }
    }

    #[test]
    fn an_expression_is_only_what_is_meant_to_be_one() {
        // A text of a template that begins with a bracket is an expression.
        for rule in some() {
            for text in [rule.title, rule.description, &rule.query] {
                assert!(!text.starts_with('['), "{text}");
            }
        }
    }

    #[test]
    fn columns_of_entities_are_columns_of_the_query() {
        for (rule, resource) in some()
            .iter()
            .zip(sentinel(&some())["resources"].as_array().unwrap())
        {
            let mapping = &resource["properties"]["entityMappings"][0]["fieldMappings"][0];
            let column = mapping["columnName"].as_str().unwrap();
            let project = rule.query.lines().last().unwrap();
            assert!(
                project.starts_with("| project ") && project.contains(column),
                "{project}"
            );
        }
    }
}
