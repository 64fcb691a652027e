//! What is known of a photo: the facts of its sidecar and those of its copies, its whole name, its date.
//!
//! All copies of a photo are given the same facts, whichever of them has the sidecar, so that it does not matter in
//! which order they come.

use exodus_api::{Label, Role as LabelRole, Source};
use serde_json::{Map, Value, json};

use super::super::naming::{alike, split_extension, unnumbered};
use super::folders::Place;
use super::kinds;
use super::matching::{Match, Role};
use super::plan::{Photo, Plan, Sidecar};
use crate::shared::{document_date, name_date};

/// What is known of a photo.
pub struct Known {
    /// Its name, whole, with the extension that its file has.
    pub title: String,
    /// When it was taken, in seconds since 1970-01-01 UTC.
    pub time: Option<i64>,
    /// `2019/05`, `2019/unknown month` or `unknown date`.
    pub folder: String,
    /// The albums that it is in.
    pub labels: Vec<Label>,
    /// Facts for the index.
    pub extra: Map<String, Value>,
}

/// Gathers what is known of a photo. `may_read` allows to look into it for its date.
pub fn of(source: &dyn Source, plan: &Plan, photo: &Photo, may_read: bool) -> Known {
    let group = &plan.groups[photo.group];
    let mut extra = Map::new();
    let mut taken = None;
    let mut others = Vec::new();
    for (sidecar, role) in group.iter().filter_map(|it| sidecar_of(plan, *it)) {
        let Ok(Value::Object(facts)) = serde_json::from_str::<Value>(&sidecar.facts) else { continue };
        if taken.is_none() {
            // The date of a photo is that of its original; a doubtful sidecar's is better than none.
            taken = sidecar.taken;
        }
        let is_other = ["url", "description"].iter().any(|key| {
            facts.get(*key).is_some_and(|value| extra.get(*key).is_some_and(|known| known != value))
        });
        if is_other {
            others.push(json!({ "title": sidecar.title, "taken": sidecar.taken, "facts": facts }));
            continue;
        }
        for (name, value) in facts {
            extra.entry(name).or_insert(value);
        }
        if role == Role::Own {
            add_relatives(plan, photo.group, &mut extra);
        }
    }
    if !others.is_empty() {
        extra.insert("other_sidecars".to_owned(), others.into());
    }
    let lead = &plan.photos[group[0]];
    let title = whole_title(plan, group[0]);
    add_role(plan, group[0], &mut extra);
    let (time, folder) = date(source, plan, lead, photo, (taken, may_read), &mut extra);
    add_text(&mut extra);
    let labels = labels(plan, group, &mut extra);
    Known { title, time, folder, labels, extra }
}

fn sidecar_of<'p, 'a>(plan: &'p Plan<'a>, photo: usize) -> Option<(&'p Sidecar<'a>, Role)> {
    match plan.photos[photo].found {
        Match::Found { card, role, .. } => Some((&plan.sidecars[card], role)),
        _ => None,
    }
}

/// The edited versions of a photo, and the video of a live one.
fn add_relatives(plan: &Plan, group: usize, extra: &mut Map<String, Value>) {
    let mut edited = std::collections::BTreeSet::new();
    for photo in &plan.groups[group] {
        let Match::Found { card, role: Role::Own, .. } = plan.photos[*photo].found else { continue };
        for other in plan.of_sidecar.get(&card).into_iter().flatten() {
            match sidecar_of(plan, *other) {
                Some((_, Role::Edited)) => {
                    edited.insert(whole_title(plan, *other));
                }
                Some((_, Role::Moving)) => {
                    extra.insert("live_pair".to_owned(), whole_title(plan, *other).into());
                }
                _ => {}
            }
        }
    }
    if !edited.is_empty() {
        extra.insert("edited".to_owned(), edited.into_iter().collect::<Vec<_>>().into());
    }
}

/// What a photo is to its sidecar, and why that may be wrong.
fn add_role(plan: &Plan, photo: usize, extra: &mut Map<String, Value>) {
    let found = plan.photos[photo].found;
    let doubt = match found {
        Match::Found { doubt, .. } => doubt.map(super::matching::Doubt::name),
        Match::Ambiguous => Some("ambiguous"),
        Match::None => None,
    };
    if let Some(doubt) = doubt {
        extra.insert("sidecar".to_owned(), doubt.into());
    }
    if let Some((sidecar, role)) = sidecar_of(plan, photo) {
        let name = match role {
            Role::Own => return,
            Role::Edited => "edited_of",
            Role::Moving => "live_pair",
        };
        extra.insert(name.to_owned(), sidecar.title.clone().into());
    }
}

/// The name of a photo before it was spelled, cut and numbered, with the extension that its file has.
fn whole_title(plan: &Plan, photo: usize) -> String {
    let (base, _) = unnumbered(plan.photos[photo].entry.name());
    let Some((sidecar, role)) = sidecar_of(plan, photo) else {
        return plan.photos[photo].entry.name().to_owned();
    };
    let title = sidecar.title.trim();
    let (stem, extension) = split_extension(&base);
    let title_stem = if kinds::is_photo(title) { split_extension(title).0 } else { title };
    let whole = match role {
        _ if title.is_empty() => base.clone(),
        Role::Edited => base.clone(),
        // `x.MP` of `x.MP.jpg`.
        Role::Moving if alike(&base) == alike(title_stem) => base.clone(),
        // A title that ends in a number as its file's name does.
        Role::Own if alike(title) == alike(plan.photos[photo].entry.name()) => title.to_owned(),
        _ if alike(stem) == alike(title_stem) || !title_stem.is_empty() => format!("{title_stem}{extension}"),
        _ => base.clone(),
    };
    whole.replace('/', "_")
}

/// The date by the best of its sources, and the folder for it.
fn date(
    source: &dyn Source,
    plan: &Plan,
    lead: &Photo,
    photo: &Photo,
    (taken, may_read): (Option<i64>, bool),
    extra: &mut Map<String, Value>,
) -> (Option<i64>, String) {
    let year_of = |it: &usize| match plan.places[plan.photos[*it].folder] {
        Place::Year(year) => year,
        _ => None,
    };
    if taken.is_none() && !may_read {
        // An earlier run has looked; what it found stands.
        return (None, "unknown date".to_owned());
    }
    let found = taken
        .map(|time| (time, "sidecar"))
        .or_else(|| document_date::modified(source, photo.entry).map(|time| (time, "exif")))
        .or_else(|| name_date::in_name(lead.entry.name()).map(|time| (time, "name")));
    if let Some((time, from)) = found {
        extra.insert("date_from".to_owned(), from.into());
        return (Some(time), month_folder(time));
    }
    let Some(year) = plan.groups[photo.group].iter().find_map(year_of) else {
        return (None, "unknown date".to_owned());
    };
    extra.insert("date_from".to_owned(), "year folder".into());
    let start = jiff::civil::date(year, 1, 1).to_zoned(jiff::tz::TimeZone::UTC);
    (start.ok().map(|start| start.timestamp().as_second()), format!("{year:04}/unknown month"))
}

fn month_folder(time: i64) -> String {
    match jiff::Timestamp::from_second(time) {
        Ok(time) => time.strftime("%Y/%m").to_string(),
        Err(_) => "unknown date".to_owned(),
    }
}

/// What full text finds: the description, and who is to be seen.
fn add_text(extra: &mut Map<String, Value>) {
    let description = extra.get("description").and_then(Value::as_str).map(str::to_owned);
    let people = extra.get("people").and_then(Value::as_array).into_iter().flatten();
    let words: Vec<String> =
        description.into_iter().chain(people.filter_map(|it| it.as_str().map(str::to_owned))).collect();
    if !words.is_empty() {
        extra.insert("text".to_owned(), words.join("\n").into());
    }
}

/// The albums of all copies; folders that are none become a fact.
fn labels(plan: &Plan, group: &[usize], extra: &mut Map<String, Value>) -> Vec<Label> {
    let mut albums = std::collections::BTreeSet::new();
    for photo in group {
        match &plan.places[plan.photos[*photo].folder] {
            Place::Album(name) => {
                albums.insert(name.clone());
            }
            Place::Other(name) if !name.is_empty() => {
                extra.insert("folder".to_owned(), name.clone().into());
            }
            Place::Other(_) | Place::Year(_) => {}
        }
    }
    albums.into_iter().map(|name| Label { name, role: Some(LabelRole::Album) }).collect()
}
