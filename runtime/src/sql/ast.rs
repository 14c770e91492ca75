//! Statements as the parser gives them.
//!
//! Names are resolved to their exact case here: unquoted ones are folded to upper case, quoted ones keep theirs.
//! Expressions and SELECT bodies stay in sqlparser's AST, with every identifier folded and marked as quoted, function
//! names in lower case, and ksqlDB's own spellings (`a->b`, `x => ...`, `MAP(k := v)`) turned into forms that
//! `DataFusion` plans.

use std::collections::BTreeMap;

use datafusion::sql::sqlparser::ast;

use crate::types::schema::{ColumnRole, SqlType};
pub use crate::types::storage::SourceKind;

/// A place in a script: byte offsets, end exclusive.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Span {
    /// First byte.
    pub start: usize,
    /// One past the last byte.
    pub end: usize,
}

/// A name in its exact case, with its place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Name {
    /// Folded or quoted text.
    pub value: String,
    /// Where it stands.
    pub span: Span,
}

/// One statement of a script.
#[derive(Debug, Clone)]
pub struct Parsed {
    /// What it says.
    pub statement: Statement,
    /// Its place in the script, without the semicolon.
    pub span: Span,
    /// Its text without the semicolon, with the values of `${variables}` in their places; it parses to the same
    /// statement without them.
    pub text: String,
}

/// What happens when the thing to be made exists.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum IfExists {
    /// It is an error.
    Fail,
    /// Nothing is done (`IF NOT EXISTS`).
    Keep,
    /// It takes the place of the old one (`OR REPLACE`).
    Replace,
}

/// A type as written; custom types are resolved by the catalog.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TypeExpr {
    /// A built-in type without parts.
    Sql(SqlType),
    /// `ARRAY<...>`.
    Array(Box<TypeExpr>),
    /// `MAP<..., ...>`.
    Map(Box<TypeExpr>, Box<TypeExpr>),
    /// `STRUCT<name type, ...>`.
    Struct(Vec<(String, TypeExpr)>),
    /// The name of a `CREATE TYPE`.
    Custom(Name),
}

/// A column definition of CREATE STREAM or CREATE TABLE.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ColumnDef {
    /// Its name.
    pub name: Name,
    /// Its type.
    pub type_expr: TypeExpr,
    /// `KEY`, `PRIMARY KEY`, `HEADERS`, `HEADER('k')`, or nothing.
    pub role: ColumnRole,
    /// True for `PRIMARY KEY` (only tables take it), false for `KEY` (only streams take it).
    pub primary: bool,
}

/// A value in `WITH (...)` or `SET`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum OptionValue {
    /// `'text'`.
    String(String),
    /// A number, verbatim.
    Number(String),
    /// `TRUE` or `FALSE`.
    Boolean(bool),
}

impl OptionValue {
    /// The value as text, however it was written.
    #[must_use]
    pub fn text(&self) -> String {
        match self {
            Self::String(text) | Self::Number(text) => text.clone(),
            Self::Boolean(value) => value.to_string(),
        }
    }
}

/// `WITH (NAME = value, ...)`: names in upper case, with the place of each pair.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct WithOptions {
    /// The pairs by name.
    pub options: BTreeMap<String, (OptionValue, Span)>,
}

/// `EMIT` at the end of a query.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Emit {
    /// Not said: a pull query, or the default of a persistent one.
    Unsaid,
    /// `EMIT CHANGES`.
    Changes,
    /// `EMIT FINAL`.
    Final,
}

/// A length of time as written: `10 SECONDS`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Length {
    /// Milliseconds.
    pub ms: i64,
    /// Where it stands.
    pub span: Span,
}

/// The window type of a WINDOW clause.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum WindowType {
    /// `TUMBLING (SIZE n)`.
    Tumbling {
        /// Window length.
        size: Length,
    },
    /// `HOPPING (SIZE n, ADVANCE BY m)`.
    Hopping {
        /// Window length.
        size: Length,
        /// Distance between window starts.
        advance: Length,
    },
    /// `SESSION (gap)`.
    Session {
        /// The pause that ends a session.
        gap: Length,
    },
}

/// `WINDOW ...` of a SELECT.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct WindowClause {
    /// Type and lengths.
    pub window: WindowType,
    /// `RETENTION n`.
    pub retention: Option<Length>,
    /// `GRACE PERIOD n`.
    pub grace: Option<Length>,
    /// Where the clause stands.
    pub span: Span,
}

/// `WITHIN n` or `WITHIN (before, after)`, with `GRACE PERIOD n`, of one join.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct WithinClause {
    /// How much earlier the right row may be than the left one.
    pub before: Length,
    /// How much later.
    pub after: Length,
    /// `GRACE PERIOD n`.
    pub grace: Option<Length>,
    /// Where the clause stands.
    pub span: Span,
}

/// The streaming clauses of one SELECT, which sqlparser's AST has no place for.
#[derive(Debug, Clone, Default)]
pub struct SelectClauses {
    /// `WINDOW ...`.
    pub window: Option<WindowClause>,
    /// `PARTITION BY e, ...` outside of OVER.
    pub partition_by: Vec<ast::Expr>,
    /// `WITHIN ...` by the number of the join in its FROM (0 is the first JOIN).
    pub within: BTreeMap<usize, WithinClause>,
}

/// A SELECT with its streaming clauses.
#[derive(Debug, Clone)]
pub struct Query {
    /// The query itself.
    pub body: Box<ast::Query>,
    /// Clauses of each SELECT in it, by the place (line, column) of its SELECT keyword, as `Select::select_token` says.
    pub clauses: BTreeMap<(u64, u64), SelectClauses>,
    /// `EMIT ...`.
    pub emit: Emit,
}

/// What SHOW (or LIST) shows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Show {
    /// `TOPICS`; `ALL TOPICS` with internal ones.
    Topics {
        /// Internal ones too.
        all: bool,
        /// With consumer figures.
        extended: bool,
    },
    /// `STREAMS [EXTENDED]`.
    Streams {
        /// With the details of DESCRIBE.
        extended: bool,
    },
    /// `TABLES [EXTENDED]`.
    Tables {
        /// With the details of DESCRIBE.
        extended: bool,
    },
    /// `QUERIES [EXTENDED]`.
    Queries {
        /// With the details of EXPLAIN.
        extended: bool,
    },
    /// `FUNCTIONS`.
    Functions,
    /// `PLUGINS`.
    Plugins,
    /// `PROPERTIES`.
    Properties,
    /// `TYPES`.
    Types,
    /// `VARIABLES`.
    Variables,
    /// `CONNECTORS`, `SOURCE CONNECTORS` or `SINK CONNECTORS`.
    Connectors,
    /// `CONNECTOR PLUGINS`.
    ConnectorPlugins,
}

/// What DROP drops.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DropKind {
    /// A stream or table.
    Source(SourceKind),
    /// A topic of the log.
    Topic,
    /// A custom type.
    Type,
    /// A function of CREATE FUNCTION.
    Function,
}

/// The text inside of an ASSERT, kept for the test runner.
#[derive(Debug, Clone)]
pub enum Assert {
    /// `ASSERT VALUES target (columns) VALUES (...)`, or `ASSERT NULL VALUES target (key columns) KEY (...)`.
    Values {
        /// Stream or table.
        target: Name,
        /// Columns named.
        columns: Vec<Name>,
        /// Their values.
        values: Vec<ast::Expr>,
        /// `NULL VALUES`: a tombstone is expected.
        null: bool,
    },
    /// `ASSERT STREAM|TABLE name (columns) WITH (...)`.
    Source {
        /// Stream or table.
        kind: SourceKind,
        /// Its name.
        name: Name,
        /// Expected columns.
        columns: Vec<ColumnDef>,
        /// Expected options.
        with: WithOptions,
    },
    /// `ASSERT [NOT EXISTS] TOPIC name [WITH (...)] [TIMEOUT n]`.
    Topic {
        /// Its name.
        name: Name,
        /// It must not exist.
        not_exists: bool,
        /// Expected options.
        with: WithOptions,
        /// How long to wait for it.
        timeout: Option<Length>,
    },
    /// `ASSERT [NOT EXISTS] SCHEMA [SUBJECT name] [ID n] [TIMEOUT n]`, about a schema registry.
    Schema {
        /// Its subject.
        subject: Option<Name>,
        /// Its number.
        id: Option<u64>,
        /// It must not exist.
        not_exists: bool,
        /// How long to wait for it.
        timeout: Option<Length>,
    },
}

/// A statement.
#[derive(Debug, Clone)]
pub enum Statement {
    /// `CREATE [OR REPLACE] [SOURCE] STREAM|TABLE [IF NOT EXISTS] name (columns) WITH (...)`.
    CreateSource {
        /// Stream or table.
        kind: SourceKind,
        /// Its name.
        name: Name,
        /// When it exists.
        if_exists: IfExists,
        /// `SOURCE`: read-only.
        read_only: bool,
        /// Columns in order.
        columns: Vec<ColumnDef>,
        /// Options.
        with: WithOptions,
    },
    /// `CREATE [OR REPLACE] STREAM|TABLE [IF NOT EXISTS] name [WITH (...)] AS query`.
    CreateAs {
        /// Stream or table.
        kind: SourceKind,
        /// Its name.
        name: Name,
        /// When it exists.
        if_exists: IfExists,
        /// Options.
        with: WithOptions,
        /// The query.
        query: Query,
    },
    /// `CREATE TOPIC [IF NOT EXISTS] name [WITH (PARTITIONS = n, REPLICAS = n, ...)]`.
    CreateTopic {
        /// Its name.
        name: Name,
        /// When it exists.
        if_exists: IfExists,
        /// Options.
        with: WithOptions,
    },
    /// `CREATE TYPE [IF NOT EXISTS] name AS type`.
    CreateType {
        /// Its name.
        name: Name,
        /// When it exists.
        if_exists: IfExists,
        /// What it stands for.
        type_expr: TypeExpr,
    },
    /// `CREATE [OR REPLACE] FUNCTION name(types) RETURNS type LANGUAGE WASM AS 'file'[, 'export']`.
    CreateFunction {
        /// Its name.
        name: Name,
        /// When it exists.
        if_exists: IfExists,
        /// Argument types (names optional).
        args: Vec<(Option<Name>, TypeExpr)>,
        /// Result type.
        returns: TypeExpr,
        /// Language, upper case.
        language: String,
        /// File and, where given, export.
        file: (String, Option<String>),
    },
    /// `ALTER STREAM|TABLE name ADD [COLUMN] column, ...`.
    AlterSource {
        /// Stream or table.
        kind: SourceKind,
        /// Its name.
        name: Name,
        /// New columns.
        add: Vec<ColumnDef>,
    },
    /// `INSERT INTO target [WITH (...)] SELECT ...`.
    InsertSelect {
        /// Where to.
        target: Name,
        /// Options (`QUERY_ID`).
        with: WithOptions,
        /// The query.
        query: Query,
    },
    /// `INSERT INTO target [(columns)] VALUES (...), ...`.
    InsertValues {
        /// Where to.
        target: Name,
        /// Columns named; empty: all in declared order.
        columns: Vec<Name>,
        /// Rows of values.
        rows: Vec<Vec<ast::Expr>>,
    },
    /// `DROP ... [IF EXISTS] name [DELETE TOPIC]`.
    Drop {
        /// What.
        kind: DropKind,
        /// Its name.
        name: Name,
        /// No error when it does not exist.
        if_exists: bool,
        /// The topic too.
        delete_topic: bool,
    },
    /// A push query (`EMIT CHANGES`) or a pull query.
    Select(Query),
    /// `SHOW` or `LIST`.
    Show(Show),
    /// `DESCRIBE name [EXTENDED]`.
    Describe {
        /// Stream or table.
        name: Name,
        /// With run-time figures.
        extended: bool,
    },
    /// `DESCRIBE STREAMS [EXTENDED]` or `DESCRIBE TABLES [EXTENDED]`.
    DescribeAll {
        /// Streams or tables.
        kind: SourceKind,
        /// With run-time figures.
        extended: bool,
    },
    /// `DESCRIBE FUNCTION name`.
    DescribeFunction {
        /// Its name, lower case.
        name: Name,
    },
    /// `EXPLAIN [ANALYZE] statement`.
    Explain {
        /// With figures of a run.
        analyze: bool,
        /// What.
        statement: Box<Statement>,
    },
    /// `EXPLAIN [ANALYZE] query_id`.
    ExplainQuery {
        /// With figures of the run.
        analyze: bool,
        /// The query.
        id: Name,
    },
    /// `PRINT topic [FROM BEGINNING] [INTERVAL n] [LIMIT n]`.
    Print {
        /// The topic.
        topic: Name,
        /// From the first record.
        from_beginning: bool,
        /// Every n-th record.
        interval: Option<u64>,
        /// Stop after n records.
        limit: Option<u64>,
    },
    /// `SET 'name'='value'`.
    Set {
        /// Property.
        name: String,
        /// Value.
        value: String,
        /// Where the name stands.
        span: Span,
    },
    /// `UNSET 'name'`.
    Unset {
        /// Property.
        name: String,
    },
    /// `ALTER SYSTEM 'name'='value'`.
    AlterSystem {
        /// Property.
        name: String,
        /// Value.
        value: String,
        /// Where the name stands.
        span: Span,
    },
    /// `DEFINE name = 'value'`.
    Define {
        /// Variable.
        name: String,
        /// Value.
        value: String,
    },
    /// `UNDEFINE name`.
    Undefine {
        /// Variable.
        name: String,
    },
    /// `TERMINATE id|ALL`.
    Terminate {
        /// `None`: all.
        id: Option<Name>,
    },
    /// `PAUSE id|ALL`.
    Pause {
        /// `None`: all.
        id: Option<Name>,
    },
    /// `RESUME id|ALL`.
    Resume {
        /// `None`: all.
        id: Option<Name>,
    },
    /// `RELOAD PLUGIN [name]`: the name keeps its case, since it is a file's.
    ReloadPlugin {
        /// Its name; `None`: all.
        name: Option<Name>,
    },
    /// `RUN SCRIPT 'file'`.
    RunScript {
        /// The file, as written.
        file: String,
        /// Where it is named.
        span: Span,
    },
    /// `ASSERT ...`.
    Assert(Assert),
}
