//! Plugins as statements see them: what changed in between, SHOW FUNCTIONS, SHOW PLUGINS, RELOAD PLUGIN, CREATE and DROP FUNCTION.
//!
//! Between two statements the registry is taken over whole; a query that runs holds the functions that it was planned with.

use std::sync::Arc;

use super::create::resolve_type;
use super::show::function_signature;
use super::{Engine, Error, Outcome, Session, Table};
use crate::catalog::nearest;
use crate::plan::FunctionSet;
use crate::sql::ast::{IfExists, Name, Statement};
use crate::udf::{FunctionSource, Kind, NewFunction, PluginInfo, Registry};

/// Characters of a hash that are enough to tell two files apart.
pub(super) const SHA256_CHARS: usize = 12;

impl Engine {
    /// Takes over what the plugins are now.
    pub(crate) fn follow_plugins(&self, session: &mut Session) -> Result<(), Error> {
        let current = self.plugins.current();
        if Arc::ptr_eq(&current, &session.registry) {
            return Ok(());
        }
        session.registry = current;
        self.make_functions(session)?;
        self.wake_waiting(session);
        Ok(())
    }

    /// Makes the functions of the session what its plugins and its properties say.
    pub(crate) fn make_functions(&self, session: &mut Session) -> Result<(), Error> {
        let mut functions = FunctionSet::clone(&self.built_in);
        functions.set_aggregate_limits(session.properties.aggregate_limits()?);
        functions.add_plugins(&*session.registry);
        session.functions = Arc::new(functions);
        Ok(())
    }

    /// What the watch over the plugin directory has to say since the last time, a line each. Queries that wait for a plugin begin here, too, so
    /// that no statement is needed for it.
    pub fn plugin_news(&self) -> Vec<String> {
        let mut session = self.session.lock();
        if !session.waiting.is_empty()
            && let Err(error) = self.follow_plugins(&mut session)
        {
            session.waiting_news.push(error.to_string());
        }
        let news = self.plugins.take_news().into_iter().map(|change| change.text);
        news.chain(session.waiting_news.drain(..)).collect()
    }

    /// RELOAD PLUGIN: the directory is read now.
    pub(crate) fn reload_plugin(&self, session: &mut Session, name: Option<&Name>) -> Result<Outcome, Error> {
        if self.plugins.directory().is_none() {
            let error = Error::user("no-plugins", "there is no plugin directory");
            return Err(error.help("start with --plugins DIR"));
        }
        let changes = self.plugins.rescan()?;
        self.follow_plugins(session)?;
        let Some(name) = name else {
            let lines = changes.into_iter().map(|change| change.text);
            let lines: Vec<String> = lines.chain(session.waiting_news.drain(..)).collect();
            return Ok(Outcome::Message(match lines.as_slice() {
                [] => "no plugin has changed".into(),
                lines => lines.join("\n"),
            }));
        };
        let plugins = session.registry.plugins();
        let own: Vec<&PluginInfo> = plugins.iter().filter(|plugin| is_called(plugin, &name.value)).collect();
        let broken = own
            .iter()
            .find_map(|plugin| Some((plugin, plugin.broken.as_ref().or(plugin.stale.as_ref())?)));
        if let Some((plugin, reason)) = broken {
            let error = Error::user("broken-plugin", format!("plugin {} is broken: {reason}", plugin.file()));
            return Err(error.at(name.span));
        }
        let lines = (changes.iter())
            .filter(|change| own.iter().any(|plugin| plugin.name == change.plugin) || change.plugin == name.value)
            .map(|change| change.text.clone());
        let lines: Vec<String> = lines.chain(session.waiting_news.drain(..)).collect();
        match (lines.as_slice(), own.as_slice()) {
            ([], []) => {
                let error = Error::user("unknown-plugin", format!("there is no plugin `{}`", name.value)).at(name.span);
                Err(
                    match nearest(&name.value, plugins.iter().map(|plugin| plugin.name.as_str())) {
                        Some(near) => error.help(format!("did you mean `{near}`?")),
                        None => error.help("SHOW PLUGINS lists them"),
                    },
                )
            }
            ([], _) => Ok(Outcome::Message(format!("plugin {} has not changed", name.value))),
            (lines, _) => Ok(Outcome::Message(lines.join("\n"))),
        }
    }

    /// CREATE FUNCTION: one function of a plugin file, under this name and these types.
    pub(crate) fn create_function(&self, session: &mut Session, statement: &Statement) -> Result<Outcome, Error> {
        let Statement::CreateFunction {
            name,
            if_exists,
            args,
            returns,
            file,
            ..
        } = statement
        else {
            return Err(Error::not_supported(statement));
        };
        let mut new = NewFunction {
            name: name.value.clone(),
            args: Vec::with_capacity(args.len()),
            returns: resolve_type(session, returns)?,
            file: file.0.clone().into(),
            export: file.1.clone(),
        };
        for (name, written) in args {
            new.args.push((
                name.as_ref().map(|name| name.value.clone()),
                resolve_type(session, written)?,
            ));
        }
        let signature = new.signature();
        if *if_exists == IfExists::Keep && self.plugins.has_function(&signature) {
            return Ok(Outcome::Message(format!("function {signature} exists already")));
        }
        self.plugins
            .create_function(new, *if_exists == IfExists::Replace)
            .map_err(|error| Error::user("cannot-create-function", error.to_string()).at(name.span))?;
        self.follow_plugins(session)?;
        Ok(Outcome::Message(format!("function {signature} created")))
    }

    /// DROP FUNCTION: queries that run keep theirs.
    pub(crate) fn drop_function(&self, session: &mut Session, name: &Name, if_exists: bool) -> Result<Outcome, Error> {
        if self.plugins.drop_function(&name.value) > 0 {
            self.follow_plugins(session)?;
            return Ok(Outcome::Message(format!("function {} dropped", name.value)));
        }
        let mut functions = session.registry.functions().into_iter();
        let of_plugin = functions.find(|info| info.name.eq_ignore_ascii_case(&name.value));
        let built_in = self
            .built_in
            .built_in()
            .any(|(built_in, _)| built_in.eq_ignore_ascii_case(&name.value));
        match of_plugin {
            Some(info) => Err(Error::user(
                "not-created",
                format!(
                    "`{}` is not of CREATE FUNCTION but of plugin {}",
                    name.value, info.plugin
                ),
            )
            .at(name.span)
            .help(format!(
                "write {} = false under [functions] in {}.toml, or take the file away",
                info.name, info.plugin
            ))),
            None if built_in => {
                let error = Error::user("not-created", format!("`{}` is built in", name.value));
                Err(error
                    .at(name.span)
                    .help("only functions of CREATE FUNCTION can be dropped"))
            }
            None if if_exists => Ok(Outcome::Message(format!("there is no function {}", name.value))),
            None => {
                Err(Error::user("unknown-function", format!("there is no function `{}`", name.value)).at(name.span))
            }
        }
    }

    /// Plugins' functions with their signatures; built-in ones by name.
    pub(crate) fn function_list(&self, session: &Session) -> Table {
        let mut table = Table::new(&["Function", "Kind", "From"]);
        let plugins = session.registry.functions();
        for info in &plugins {
            let kind = match info.kind {
                Kind::Scalar => "scalar",
                Kind::Stream => "stream",
                Kind::Aggregate => "aggregate",
                Kind::Table => "table",
            };
            table.rows.push(vec![
                function_signature(info),
                kind.into(),
                format!("plugin {}", info.plugin),
            ]);
        }
        let mut built_in: Vec<(String, &str)> = self.built_in.built_in().collect();
        built_in.sort_unstable();
        for (name, kind) in built_in {
            if !plugins.iter().any(|info| info.name.eq_ignore_ascii_case(&name)) {
                table
                    .rows
                    .push(vec![name.to_uppercase(), kind.into(), "built in".into()]);
            }
        }
        table
    }
}

/// Whether a plugin is meant by `risk`, `risk@1.2.0` or `risk@1.2.0.wasm`.
pub(super) fn is_called(plugin: &PluginInfo, name: &str) -> bool {
    plugin.name == name || plugin.file() == name || plugin.path.file_stem().is_some_and(|stem| stem == name)
}

/// The plugins of a registry, as SHOW PLUGINS lists them.
#[must_use]
pub fn plugin_table(registry: &Registry) -> Table {
    let mut table = Table::new(&["Plugin", "Version", "File", "SHA-256", "Functions", "State"]);
    for plugin in registry.plugins() {
        table.rows.push(vec![
            plugin.name.clone(),
            plugin.version.clone().unwrap_or_default(),
            plugin.file(),
            plugin.sha256.chars().take(SHA256_CHARS).collect(),
            plugin.functions.to_string(),
            plugin.state(),
        ]);
    }
    table
}
