//! The options of the drop-down lists. Gauzy has no search by a part of a name, so pages are read until enough was found.

use leno_sdk::prelude::*;

use crate::call::Call;
use crate::gauzy::Gauzy;
use crate::id::Id;
use crate::list::{Pages, Skip};
use crate::status;

/// The most options of one list.
const MOST_OPTIONS: usize = 100;
/// The most pages that are searched.
const MOST_PAGES: usize = 20;

/// Whether the name matches the search text.
fn matches(name: &str, search: Option<&str>) -> bool {
    search.is_none_or(|text| name.to_lowercase().contains(&text.trim().to_lowercase()))
}

/// Reads pages until there are enough options that match.
fn found(
    lookup: &Lookup<'_>,
    call: Call,
    skip: Skip,
    option: impl Fn(&Value) -> Option<(String, String)>,
) -> Result<Options> {
    let gauzy = Gauzy::connect(&Context::current())?;
    let mut options = Vec::new();
    for page in Pages::new(&gauzy, call, skip).take(MOST_PAGES) {
        options.extend(page?.items.iter().filter_map(&option).filter(|(name, _)| matches(name, lookup.search())));
        if options.len() >= MOST_OPTIONS {
            break;
        }
    }
    options.truncate(MOST_OPTIONS);
    Ok(options.into_iter().collect())
}

fn text<'a>(row: &'a Value, name: &str) -> Option<&'a str> {
    row.get(name).and_then(Value::as_str).filter(|text| !text.is_empty())
}

/// Name and id of a row that has a name.
fn named(row: &Value) -> Option<(String, String)> {
    Some((text(row, "name")?.to_owned(), text(row, "id")?.to_owned()))
}

/// The organization that was chosen; a text that is no id counts as none.
fn organization(lookup: &Lookup<'_>) -> Option<Id> {
    lookup.get("organization").ok().flatten()
}

fn first_the_organization() -> Options {
    Options::disabled("Choose an organization first")
}

/// The organizations that the user is a member of.
pub(crate) fn organizations(lookup: &Lookup<'_>) -> Result<Options> {
    let gauzy = Gauzy::connect(&Context::current())?;
    let rows = memberships(&gauzy)?;
    let options = rows.iter().filter_map(|row| named(row.get("organization")?));
    Ok(options.filter(|(name, _)| matches(name, lookup.search())).take(MOST_OPTIONS).collect())
}

/// The memberships of the user, with their organizations.
fn memberships(gauzy: &Gauzy) -> Result<Vec<Value>> {
    let user = gauzy.me()?;
    let call = Call::get("/user-organization")
        .only("userId", text(&user, "id").unwrap_or_default())
        .only("tenantId", gauzy.tenant()?)
        .with(&["organization"]);
    let mut rows = Vec::new();
    for page in Pages::new(gauzy, call, Skip::Rows).take(MOST_PAGES) {
        rows.extend(page?.items);
    }
    Ok(rows)
}

/// The currency that an organization has.
pub(crate) fn organization_currency(gauzy: &Gauzy, organization: &Id) -> Result<String> {
    let rows = memberships(gauzy)?;
    let organizations = rows.iter().filter_map(|row| row.get("organization"));
    let currency = organizations
        .filter(|row| text(row, "id") == Some(organization.as_str()))
        .find_map(|row| text(row, "currency"));
    let message = "currency: is required, because the organization has none, or the user is not one of its members";
    currency.map(str::to_owned).ok_or_else(|| Error::invalid_input("no-currency", message))
}

/// The employees of the organization, by name.
pub(crate) fn employees(lookup: &Lookup<'_>) -> Result<Options> {
    let Some(organization) = organization(lookup) else { return Ok(first_the_organization()) };
    let call = Call::get("/employee").only("organizationId", organization).with(&["user"]);
    found(lookup, call.query("order[createdAt]", "DESC"), Skip::Rows, |row| {
        let user = row.get("user");
        let part = |name| user.and_then(|user| text(user, name));
        let name = [part("firstName"), part("lastName")].into_iter().flatten().collect::<Vec<_>>().join(" ");
        let label = match (name.as_str(), part("email")) {
            ("", None) => text(row, "id")?.to_owned(),
            ("", Some(email)) => email.to_owned(),
            (name, None) => name.to_owned(),
            (name, Some(email)) => format!("{name} ({email})"),
        };
        Some((label, text(row, "id")?.to_owned()))
    })
}

/// The projects of the organization.
pub(crate) fn projects(lookup: &Lookup<'_>) -> Result<Options> {
    let Some(organization) = organization(lookup) else { return Ok(first_the_organization()) };
    found(lookup, Call::get("/organization-projects").only("organizationId", organization), Skip::Rows, named)
}

/// The teams of the organization.
pub(crate) fn teams(lookup: &Lookup<'_>) -> Result<Options> {
    let Some(organization) = organization(lookup) else { return Ok(first_the_organization()) };
    found(lookup, Call::get("/organization-team").only("organizationId", organization), Skip::Rows, named)
}

/// The contacts of the organization: clients, customers and leads.
pub(crate) fn contacts(lookup: &Lookup<'_>) -> Result<Options> {
    let Some(organization) = organization(lookup) else { return Ok(first_the_organization()) };
    // Only this route of contacts has pages.
    let call = Call::get("/organization-contact/pagination").only("organizationId", organization);
    found(lookup, call, Skip::Pages, named)
}

/// The tasks of the organization, newest first.
pub(crate) fn tasks(lookup: &Lookup<'_>) -> Result<Options> {
    let Some(organization) = organization(lookup) else { return Ok(first_the_organization()) };
    let call = Call::get("/tasks").only("organizationId", organization).query("order[createdAt]", "DESC");
    found(lookup, call, Skip::Rows, |row| {
        let title = text(row, "title").unwrap_or("(no title)");
        let label = match text(row, "taskNumber") {
            Some(number) => format!("#{number} {title}"),
            None => title.to_owned(),
        };
        Some((label, text(row, "id")?.to_owned()))
    })
}

/// The statuses that tasks of the organization, or of the chosen project, may have: by their names.
pub(crate) fn task_statuses(lookup: &Lookup<'_>) -> Result<Options> {
    let Some(organization) = organization(lookup) else { return Ok(first_the_organization()) };
    let project: Option<Id> = lookup.get("project").ok().flatten();
    let statuses = status::all(&Gauzy::connect(&Context::current())?, &organization, project.as_ref())?;
    let names = statuses.into_iter().map(|status| status.name).filter(|name| matches(name, lookup.search()));
    Ok(names.map(|name| (name.clone(), name)).collect())
}

/// The currencies that Gauzy knows, by their ISO codes.
pub(crate) fn currencies(lookup: &Lookup<'_>) -> Result<Options> {
    let list = Gauzy::connect(&Context::current())?.list(&Call::get("/currency"))?;
    let option = |row: &Value| {
        let code = text(row, "isoCode")?;
        let label = text(row, "currency").map_or_else(|| code.to_owned(), |name| format!("{code} ({name})"));
        Some((label, code.to_owned()))
    };
    Ok(list.items.iter().filter_map(option).filter(|(label, _)| matches(label, lookup.search())).collect())
}
