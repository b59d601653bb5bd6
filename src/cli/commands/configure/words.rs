//! What the interview shows of a draft, and fields by what people type of their names.

use crate::hyperparameters::{Draft, Field, Group, Problem, shown};

const KEY_WIDTH: usize = 24;

/// A field by its name, or by a part of it that no other has.
///
/// # Errors
/// The expected answers, in words.
pub fn find(name: &str) -> Result<&'static Field, String> {
    if let Some(field) = Field::by_key(name) {
        return Ok(field);
    }
    let alike: Vec<&'static Field> = Field::all().iter().filter(|field| field.key.contains(name)).collect();
    match alike[..] {
        [field] => Ok(field),
        [] => Err("yes, again, quit, or the name of a field as it stands above".into()),
        _ => Err(format!("one of {}", alike.iter().map(|field| field.key).collect::<Vec<_>>().join(", "))),
    }
}

/// All values, those that differ from the preset's marked.
pub fn summary(draft: &Draft) -> String {
    let mut text = "\nSUMMARY (* differs from the preset)\n".to_string();
    for group in Group::ALL {
        let fields = Field::all().iter().filter(|f| f.group == group && (f.applies)(&draft.config));
        let rows: String = fields.map(|field| row(field, draft)).collect();
        if !rows.is_empty() {
            text += &format!("{}\n{rows}", group.title());
        }
    }
    text
}

/// A value, marked where it differs from the preset's.
pub fn row(field: &Field, draft: &Draft) -> String {
    let (value, base) = (field.value(&draft.config), field.value(&draft.base));
    let mark = if value == base { ' ' } else { '*' };
    format!(" {mark} {:KEY_WIDTH$} {}\n", field.key, shown(&value))
}

/// Problems, a line each.
pub fn list(problems: &[Problem]) -> String {
    problems.iter().map(|problem| format!("  ! {problem}\n")).collect()
}

/// Choices, a line each.
pub fn numbered(names: &[(&str, &str)]) -> String {
    let width = names.iter().map(|(name, _)| name.chars().count()).max().unwrap_or(0);
    names.iter().zip(1..).map(|((name, meaning), number)| format!("  {number:2} {name:width$}  {meaning}\n")).collect()
}
