//! What of an employee counts for a change.

use leno_sdk::prelude::*;

use crate::digest;

/// Columns that move without anybody changing the employee: timers and sums.
const MOVING: [&str; 10] = [
    "updatedAt",
    "updatedByUserId",
    "isOnline",
    "isTrackingTime",
    "isAway",
    "totalWorkHours",
    "averageIncome",
    "averageBonus",
    "averageExpenses",
    "organization",
];
/// Of the user, which has moving columns of its own, as the time of the last sign-in.
const OF_USER: [&str; 3] = ["firstName", "lastName", "email"];

/// A digest of an employee. Null and absent are the same, and the order of the columns does not matter.
pub(super) fn of(employee: &Value) -> String {
    let mut columns: Vec<(&str, String)> = Vec::new();
    for (name, value) in employee.as_object().into_iter().flatten() {
        if !MOVING.contains(&name.as_str()) && name != "user" && !value.is_null() {
            columns.push((name, value.to_string()));
        }
    }
    let user = employee.get("user");
    for name in OF_USER {
        if let Some(value) = user.and_then(|user| user.get(name)).filter(|value| !value.is_null()) {
            columns.push((name, value.to_string()));
        }
    }
    columns.sort_unstable();
    let parts: Vec<&str> = columns.iter().flat_map(|(name, value)| [*name, value.as_str()]).collect();
    digest::short(&parts).chars().take(16).collect()
}

#[cfg(test)]
mod tests {
    use super::of;
    use leno_sdk::prelude::*;

    #[test]
    fn only_what_somebody_changed_counts() {
        let before = json!({"id": "1", "isOnline": false, "employeeLevel": null, "updatedAt": "a",
            "user": {"firstName": "Ada", "lastLoginAt": "x"}});
        let timer = json!({"id": "1", "isOnline": true, "isTrackingTime": true, "totalWorkHours": 3, "updatedAt": "b",
            "user": {"lastLoginAt": "y", "firstName": "Ada"}});
        assert_eq!(of(&before), of(&timer));
        let renamed = json!({"id": "1", "isOnline": false, "user": {"firstName": "Grace"}});
        let levelled = json!({"id": "1", "employeeLevel": "A", "user": {"firstName": "Ada"}});
        assert_ne!(of(&before), of(&renamed));
        assert_ne!(of(&before), of(&levelled));
    }
}
