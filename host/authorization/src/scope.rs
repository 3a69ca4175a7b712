//! Scopes (RFC 6749, section 3.3), and the permissions of Gauzy that each allows.

/// The scope of everything that the user may do.
pub const EVERYTHING: &str = "gauzy:all";

/// A scope that has a name of its own. Each permission of Gauzy is a scope as well.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Scope {
    /// The token.
    pub name: &'static str,
    /// What a user reads before allowing it.
    pub words: &'static str,
    /// The permissions that it allows, of those that the user has.
    pub permissions: &'static [&'static str],
}

/// All scopes with names, but for [`EVERYTHING`].
pub const ALL: &[Scope] = &[
    Scope {
        name: "integrations:read",
        words: "See your connections and integrations",
        permissions: &["INTEGRATION_VIEW"],
    },
    Scope {
        name: "integrations:write",
        words: "Add, change and remove your connections and integrations",
        permissions: &["INTEGRATION_VIEW", "INTEGRATION_ADD", "INTEGRATION_EDIT", "INTEGRATION_DELETE"],
    },
    Scope { name: "employees:read", words: "See employees", permissions: &["ORG_EMPLOYEES_VIEW"] },
    Scope {
        name: "employees:write",
        words: "Add and change employees",
        permissions: &["ORG_EMPLOYEES_VIEW", "ORG_EMPLOYEES_EDIT", "ORG_USERS_EDIT", "CHANGE_SELECTED_EMPLOYEE"],
    },
    Scope { name: "tasks:read", words: "See tasks", permissions: &["ORG_TASK_VIEW"] },
    Scope {
        name: "tasks:write",
        words: "Add and change tasks",
        permissions: &["ORG_TASK_VIEW", "ORG_TASK_ADD", "ORG_TASK_EDIT"],
    },
    Scope { name: "time:read", words: "See time logs", permissions: &["TIME_TRACKER"] },
    Scope { name: "time:write", words: "Log time", permissions: &["TIME_TRACKER", "ALLOW_MANUAL_TIME"] },
    Scope { name: "invoices:read", words: "See invoices", permissions: &["INVOICES_VIEW"] },
    Scope {
        name: "invoices:write",
        words: "Make and change invoices",
        permissions: &["INVOICES_VIEW", "INVOICES_EDIT"],
    },
];

/// The tokens of a scope. `None` when it is not written as RFC 6749, appendix A.4, says.
#[must_use]
pub fn parse(text: &str) -> Option<Vec<&str>> {
    let token =
        |token: &&str| !token.is_empty() && token.bytes().all(|b| matches!(b, 0x21 | 0x23..=0x5b | 0x5d..=0x7e));
    let tokens: Vec<&str> = text.split(' ').collect();
    tokens.iter().all(token).then_some(tokens)
}

/// What a user reads for one token of a scope.
#[must_use]
pub fn words(token: &str) -> String {
    match (token, ALL.iter().find(|scope| scope.name == token)) {
        (EVERYTHING, _) => "Do everything that you may do".to_owned(),
        (_, Some(scope)) => scope.words.to_owned(),
        ("offline_access", _) => "Keep access while you are away".to_owned(),
        (other, None) => format!("Use the permission {other}"),
    }
}

/// Whether a scope allows a permission.
#[must_use]
pub fn allows(scope: &str, permission: &str) -> bool {
    scope.split(' ').filter(|token| !token.is_empty()).any(|token| {
        token == EVERYTHING
            || token == permission
            || ALL.iter().any(|known| known.name == token && known.permissions.contains(&permission))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_scope_allows_what_it_names_and_nothing_else() {
        assert!(allows("gauzy:all", "LENO_ADMIN") && allows("INVOICES_VIEW", "INVOICES_VIEW"));
        assert!(allows("openid integrations:read", "INTEGRATION_VIEW"));
        assert!(!allows("integrations:read", "INTEGRATION_ADD") && allows("integrations:write", "INTEGRATION_ADD"));
        assert!(!allows("", "") && !allows("integrations", "INTEGRATION_VIEW") && !allows("gauzy", "X"));
    }

    #[test]
    fn only_what_rfc_6749_allows_is_a_scope() {
        assert_eq!(parse("a b:c"), Some(vec!["a", "b:c"]));
        for bad in ["", " a", "a ", "a  b", "a\tb", "a\"b", "a\\b", "é", "a\nb"] {
            assert_eq!(parse(bad), None, "{bad:?}");
        }
    }
}
