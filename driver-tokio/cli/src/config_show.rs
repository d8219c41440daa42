//! `ifrit config show`.

use crate::{
    args::ConfigShowArgs,
    derived,
    error::bad_input,
    output::{BOLD, DIM, Out, paint},
    render,
    settings::{Loaded, Origin, Settings, When, agent::AgentSettings},
};
use ifrit_core::params::NetworkParams;
use ifrit_node::identity::Identity;
use serde_json::{Value, json};

/// Prints what an agent that is started now would run with.
pub(crate) fn show(args: &ConfigShowArgs, out: Out) -> anyhow::Result<()> {
    let loaded = Loaded::load(&args.settings)?;
    loaded.warn();
    let network = if args.effective { Some(network(&loaded.settings)?) } else { None };
    out.print(&as_json(&loaded, network.as_ref()), text(&loaded, network.as_ref()))
}

/// The network that the directory's identity is of.
fn network(settings: &AgentSettings) -> anyhow::Result<NetworkParams> {
    if settings.dir.as_os_str().is_empty() {
        return Err(bad_input(
            "--effective needs a directory: say --dir DIR, or `dir` in the file of --config",
        ));
    }
    let identity = Identity::load(&settings.dir);
    Ok(identity
        .map_err(|error| bad_input(format!("what the network fixes is not known: {error}")))?
        .root
        .params)
}

fn as_json(loaded: &Loaded<AgentSettings>, network: Option<&NetworkParams>) -> Value {
    let mut settings = serde_json::Map::new();
    for ((spec, value), origin) in
        AgentSettings::SPECS.iter().zip(loaded.settings.shown()).zip(&loaded.origins)
    {
        let row = json!({ "value": value.map(|toml| value_of(&toml)), "from": origin.to_string(), "live": spec.when == When::Live });
        settings.insert(spec.key.to_owned(), row);
    }
    let mut all = json!({ "file": loaded.file, "settings": settings });
    if let Some(network) = network {
        all["network"] = derived::json(&derived::fixed(network));
        all["derived"] = derived::json(&derived::all(network));
    }
    all
}

/// TOML as JSON.
fn value_of(text: &str) -> Value {
    let table = format!("v = {text}").parse::<toml::Table>().expect("settings are written as TOML");
    serde_json::to_value(&table["v"]).expect("a setting is no date")
}

fn text(loaded: &Loaded<AgentSettings>, network: Option<&NetworkParams>) -> String {
    let file = match &loaded.file {
        Some(file) => format!("Settings, with the file {}", file.display()),
        None => "Settings, without a file".to_owned(),
    };
    let head = paint(BOLD, file);
    let mut parts = vec![head, settings(loaded)];
    if let Some(network) = network {
        parts.push(paint(BOLD, "The network (fixed by `ifrit ca init`; no member changes it)"));
        parts.push(render::columns(derived::rows(&derived::fixed(network))));
        parts.push(paint(BOLD, "What follows, the same for every member"));
        parts.push(render::columns(derived::rows(&derived::all(network))));
    }
    parts.push(paint(DIM, "* changes on SIGHUP; all else with a restart"));
    parts.join("\n\n")
}

fn settings(loaded: &Loaded<AgentSettings>) -> String {
    let rows = AgentSettings::SPECS.iter().zip(loaded.settings.shown()).zip(&loaded.origins);
    render::columns(rows.map(|((spec, value), origin)| {
        let live = if spec.when == When::Live { " *" } else { "" };
        let from = if *origin == Origin::Default { String::new() } else { origin.to_string() };
        [format!("{}{live}", spec.key), value.unwrap_or_else(|| "not set".to_owned()), from]
    }))
}
