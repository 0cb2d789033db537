//! The answer of `plan check` and `plan show` as JSON; its members are named as in the plan (docs/plan.md).

use serde_json::{Value, json};

use crate::plan::{Checked, Plan, PlanErrors, custody_name};

/// One object: `result`, then `plan` and `warnings`, or `errors`.
pub(super) fn answer(read: &Result<Checked, PlanErrors>) -> Value {
    match read {
        Ok(checked) => {
            let warnings = checked.warnings.iter();
            let warnings = warnings.map(|w| json!({ "line": w.line, "text": w.text }));
            json!({
                "result": "good",
                "plan": plan(&checked.plan),
                "warnings": warnings.collect::<Vec<_>>(),
            })
        }
        Err(errors) => {
            let errors = errors.as_slice().iter();
            let errors = errors.map(|e| json!({ "line": e.line, "text": e.reason }));
            json!({ "result": "refused", "errors": errors.collect::<Vec<_>>() })
        }
    }
}

fn plan(plan: &Plan) -> Value {
    let people = plan.people.iter();
    let people = people.map(|person| json!({ "name": person.name, "role": person.role }));
    let accounts = plan.accounts().into_iter().map(|(upn, keys)| {
        let keys = keys.iter().map(|key| {
            json!({
                "place": key.place,
                "custodian": key.custodian,
                "safe": key.safe,
                "slip_custodians": key.slip_custodians,
                "usb_serial": key.usb_serial,
            })
        });
        json!({ "upn": upn, "keys": keys.collect::<Vec<_>>() })
    });
    let policy = plan.key_policy;
    json!({
        "version": 1,
        "title": plan.title,
        "rehearsal": plan.rehearsal,
        "tenant_id": plan.tenant_id,
        "recipients": plan.recipients,
        "pin_custody": custody_name(plan.pin_custody),
        "pin_length": plan.pin.length,
        "pin_alphabet": plan.pin.alphabet.name(),
        "split_slips": plan.split_slips,
        "slip_shows_account": plan.slip_shows_account,
        "language": plan.language,
        "required_models": plan.required_models,
        "key_policy": {
            "min_pin_length": policy.min_pin_length,
            "always_uv": policy.always_uv,
            "enterprise_attestation": policy.enterprise_attestation,
            "long_touch_for_reset": policy.long_touch_for_reset,
            "force_pin_change": policy.force_pin_change,
        },
        "paper": plan.paper.name(),
        "label_stock": plan.label_stock,
        "first_label": plan.first_label,
        "label_correction": plan.label_correction,
        "print_test": plan.print_test,
        "bags": plan.bags,
        "people": people.collect::<Vec<_>>(),
        "accounts": accounts.collect::<Vec<_>>(),
    })
}
