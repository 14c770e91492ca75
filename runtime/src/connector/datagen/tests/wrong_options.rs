//! Every mistake in the options and the message that it gets.

use super::*;

fn error(columns: &[Column], options: &[(&str, &str)]) -> String {
    Datagen.check(&spec(columns, options)).unwrap_err().to_string()
}

#[test]
#[expect(clippy::too_many_lines, reason = "a table of mistakes and messages")]
fn wrong_options_are_named_with_what_was_meant() {
    let columns = trades();
    for (options, expected) in [
        (
            &[("ROWZ", "1")][..],
            "option ROWZ: connector `datagen` has no such option; did you mean `ROWS`?",
        ),
        (&[("ROWS", "-1")], "option ROWS: must not be negative"),
        (&[("ROWS_PER_SECOND", "0")], "option ROWS_PER_SECOND: 0 is not between"),
        (
            &[("PRCE.MIN", "1")],
            "option PRCE.MIN: there is no column `PRCE`; did you mean `PRICE.MIN`?",
        ),
        (
            &[("PRICE.KIND", "random_wolk")],
            "there is no kind `random_wolk`; did you mean `random_walk`?",
        ),
        (
            &[("PRICE.KIND", "magic")],
            "there is no kind `magic`; there are random,",
        ),
        (
            &[("PRICE.KIND", "random_walk"), ("PRICE.VOLATILTY", "0.1")],
            "option PRICE.VOLATILTY: a column of kind random_walk has no such option; did you mean `VOLATILITY`?",
        ),
        (
            &[("VOLUME.LENGTH", "3")],
            "option VOLUME.KIND: a column of type INTEGER cannot be of kind text",
        ),
        (&[("VOLUME.MIN", "abc")], "option VOLUME.MIN: `abc` is no INTEGER"),
        (
            &[("VOLUME.MIN", "9"), ("VOLUME.MAX", "1")],
            "option VOLUME.MIN: is more than MAX",
        ),
        (
            &[("VOLUME.NULL_RATE", "2")],
            "option VOLUME.NULL_RATE: 2 is not between 0 and 1",
        ),
        (&[("VOLUME.VALUES", "1,x,3")], "option VOLUME.VALUES: `x` is no INTEGER"),
        (
            &[("VOLUME.VALUES", "1,2"), ("VOLUME.WEIGHTS", "1")],
            "option VOLUME.WEIGHTS: 1 weights for 2 values",
        ),
        (
            &[("VOLUME.VALUES", "1,2"), ("VOLUME.WEIGHTS", "0,0")],
            "at least one weight must be more than 0",
        ),
        (
            &[("SYMBOL.KIND", "choice")],
            "option SYMBOL.VALUES: a column of kind choice needs",
        ),
        (&[("SYMBOL.VALUES", "")], "option SYMBOL.VALUES: names no value"),
        (
            &[("NOTE.KIND", "constant")],
            "option NOTE.VALUE: a column of kind constant needs",
        ),
        (
            &[("PRICE.PER", "SIMBOL")],
            "option PRICE.PER: there is no column `SIMBOL`; did you mean `SYMBOL`?",
        ),
        (
            &[("PRICE.STEP", "1"), ("PRICE.VOLATILITY", "0.1")],
            "option PRICE.STEP: a walk has either",
        ),
        (
            &[("PRICE.VOLATILITY", "0.5")],
            "option PRICE.VOLATILITY: 0.5 is not between",
        ),
        (
            &[("PRICE.PER", "INDEX_LEVEL"), ("INDEX_LEVEL.KIND", "random_walk")],
            "option PRICE.PER: column `INDEX_LEVEL` is a walk itself",
        ),
        (
            &[("PRICE.KIND", "random_walk"), ("PRICE.START", "NaN")],
            "must be finite",
        ),
        (
            &[("NOTE.PER", "SYMBOL")],
            "a column of type STRING cannot be of kind random_walk",
        ),
        (
            &[("TS.START", "soon")],
            "option TS.START: `soon` is no TIMESTAMP; write",
        ),
        (&[("TS.STEP_MS", "-1")], "option TS.STEP_MS: -1 is not between"),
        (&[("TS.JITTER_MS", "-1")], "`-1` is not a whole number from 0 on"),
        (
            &[("NOTE.LENGTH", "9999999")],
            "option NOTE.LENGTH: 9999999 is more than",
        ),
        (
            &[("INDEX_LEVEL.MAX", "123456789.00")],
            "`123456789.00` is no DECIMAL(10, 2)",
        ),
    ] {
        let error = error(&columns, options);
        assert!(error.contains(expected), "{error}\n  expected: {expected}");
    }
    assert!(error(&[key("K", SqlType::Double)], &[("K.KIND", "random_walk")]).contains("a key cannot be"));
    assert!(error(&[], &[]).contains("needs declared columns"));
    assert!(
        error(
            &[column("x", SqlType::Integer), column("X", SqlType::Integer)],
            &[("X.MIN", "1")]
        )
        .contains("several columns")
    );
    let bad_map = SqlType::Map(Box::new(SqlType::Boolean), Box::new(SqlType::Integer));
    assert!(error(&[column("M", bad_map)], &[]).contains("key is BOOLEAN"));
    let headers = Column {
        role: ColumnRole::Headers,
        ..column("H", SqlType::Bytes)
    };
    assert!(error(&[headers], &[]).contains("record headers"));
}
