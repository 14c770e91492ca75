//! The words of the language that are no names, and the search for the word that was meant.

/// Words that cannot be names without quotes: each would make a statement ambiguous or hide a forgotten word.
///
/// `ksqlDB` reserves more (SIZE, TOPIC, LIST, ...); those are allowed as names here because nothing is ambiguous about them. Words
/// of SQL that `ksqlDB` lacks (ORDER, UNION, OVER, ...) are names wherever they cannot be a clause.
const RESERVED: [&str; 41] = [
    "ALL", "AND", "AS", "BETWEEN", "BY", "CASE", "CAST", "CREATE", "DELETE", "DISTINCT", "DROP", "ELSE", "END",
    "EXISTS", "FALSE", "FROM", "FULL", "GROUP", "HAVING", "IN", "INNER", "INSERT", "INTO", "IS", "JOIN", "LEFT",
    "LIKE", "LIMIT", "NOT", "NULL", "ON", "OR", "OUTER", "RIGHT", "SELECT", "THEN", "TRUE", "VALUES", "WHEN", "WHERE",
    "WITH",
];

/// Words that start a statement.
pub(super) const STATEMENTS: [&str; 22] = [
    "ALTER",
    "ASSERT",
    "CREATE",
    "DEFINE",
    "DESCRIBE",
    "DROP",
    "EXPLAIN",
    "INSERT",
    "LIST",
    "PAUSE",
    "PRINT",
    "RELOAD",
    "RESUME",
    "RUN",
    "SELECT",
    "SET",
    "SHOW",
    "TERMINATE",
    "UNDEFINE",
    "UNSET",
    "VALUES",
    "WITH",
];

/// Words that may follow the FROM of a query, for hints on a misspelt one.
pub(super) const CLAUSES: [&str; 20] = [
    "WHERE",
    "GROUP",
    "HAVING",
    "ORDER",
    "LIMIT",
    "OFFSET",
    "WINDOW",
    "PARTITION",
    "EMIT",
    "JOIN",
    "INNER",
    "LEFT",
    "RIGHT",
    "FULL",
    "WITHIN",
    "UNION",
    "INTERSECT",
    "EXCEPT",
    "FROM",
    "CHANGES",
];

/// True for a word that is never a name unless quoted; in any case.
pub(super) fn is_reserved(word: &str) -> bool {
    let upper = word.to_ascii_uppercase();
    RESERVED.binary_search(&upper.as_str()).is_ok()
}

/// The candidate that was probably meant by `word`, without regard to case: at most a third of its letters differ.
#[must_use]
pub fn nearest<'a>(word: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let word = word.to_uppercase();
    // A name that is longer than any sensible one is nobody's misspelling, and the distance is quadratic.
    if word.len() > 100 {
        return None;
    }
    let allowed = (word.chars().count() / 3).max(1);
    candidates
        .into_iter()
        .map(|candidate| (strsim::damerau_levenshtein(&word, &candidate.to_uppercase()), candidate))
        .filter(|(distance, _)| (1..=allowed).contains(distance))
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, candidate)| candidate)
}

/// `did you mean X?`, where a candidate is near.
pub(super) fn did_you_mean<'a>(word: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<String> {
    nearest(word, candidates).map(|candidate| format!("did you mean {candidate}?"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_list_is_sorted_for_the_search() {
        assert!(RESERVED.is_sorted());
        assert!(is_reserved("from") && is_reserved("WITH") && is_reserved("All"));
        assert!(!is_reserved("value") && !is_reserved(""));
    }

    #[test]
    fn the_nearest_word_is_found_and_a_far_one_is_not() {
        assert_eq!(nearest("selct", STATEMENTS), Some("SELECT"));
        assert_eq!(nearest("cretae", STATEMENTS), Some("CREATE"));
        assert_eq!(nearest("frobnicate", STATEMENTS), None);
        assert_eq!(nearest("x", STATEMENTS), None);
        assert_eq!(nearest(&"a".repeat(1_000_000), STATEMENTS), None);
    }
}
