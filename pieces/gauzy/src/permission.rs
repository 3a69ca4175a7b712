//! Which permission of Gauzy a request needs. Gauzy's refusal does not say.

/// Beginnings of paths, the longer before the shorter; the permissions of which one is needed to read, and to write.
const NEEDED: &[(&str, &[&str], &[&str])] = &[
    ("/employee-notification", &[], &[]),
    ("/employee", &["ORG_EMPLOYEES_VIEW"], &["ORG_EMPLOYEES_EDIT"]),
    ("/user-organization", &[], &[]),
    ("/user/", &[], &["ORG_USERS_EDIT", "PROFILE_EDIT"]),
    ("/timesheet/timer", &["TIME_TRACKER", "ALL_ORG_VIEW"], &["TIME_TRACKER"]),
    ("/timesheet/time-log", &["TIME_TRACKER", "ALL_ORG_EDIT", "ALL_ORG_VIEW"], &["ALLOW_MANUAL_TIME"]),
    ("/tasks", &["ALL_ORG_VIEW", "ORG_TASK_VIEW"], &["ALL_ORG_EDIT", "ORG_TASK_ADD", "ORG_TASK_EDIT"]),
    ("/invoice-item", &["INVOICES_VIEW"], &["INVOICES_EDIT"]),
    ("/invoices", &["INVOICES_VIEW"], &["INVOICES_EDIT"]),
    ("/organization-contact", &["ORG_CONTACT_VIEW"], &["ORG_CONTACT_EDIT"]),
    ("/organization-projects", &["ALL_ORG_VIEW", "ORG_PROJECT_VIEW"], &["ALL_ORG_EDIT"]),
    ("/organization-team", &["ALL_ORG_VIEW", "ORG_TEAM_VIEW"], &["ALL_ORG_EDIT"]),
];

/// The permissions of which one is needed; none where it is not known.
pub(crate) fn needed(method: &str, path: &str) -> &'static [&'static str] {
    match (method, path) {
        ("POST", "/tasks") => return &["ALL_ORG_EDIT", "ORG_TASK_ADD"],
        ("PUT", path) if path.starts_with("/tasks/") => return &["ALL_ORG_EDIT", "ORG_TASK_EDIT"],
        ("DELETE", path) if path.starts_with("/tasks/") => return &["ALL_ORG_EDIT", "ORG_TASK_DELETE"],
        _ => {}
    }
    let entry = NEEDED.iter().find(|(start, ..)| path.starts_with(start));
    entry.map_or(&[], |(_, read, write)| if method == "GET" { read } else { write })
}

#[cfg(test)]
mod tests {
    use super::needed;

    #[test]
    fn a_path_finds_its_own_permissions() {
        assert_eq!(needed("GET", "/employee"), ["ORG_EMPLOYEES_VIEW"]);
        assert_eq!(needed("PUT", "/employee/1"), ["ORG_EMPLOYEES_EDIT"]);
        assert!(needed("POST", "/employee-notification").is_empty());
        assert_eq!(needed("POST", "/tasks"), ["ALL_ORG_EDIT", "ORG_TASK_ADD"]);
        assert_eq!(needed("DELETE", "/tasks/1"), ["ALL_ORG_EDIT", "ORG_TASK_DELETE"]);
        assert!(needed("GET", "/nowhere").is_empty());
    }
}
