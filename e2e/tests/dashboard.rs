//! What the dashboard asks, Prometheus can answer.

use std::collections::BTreeSet;
use std::path::Path;

use e2e::world::World;
use serde_json::Value;

/// Every panel with its queries, those folded into rows as well.
fn queries(panels: &Value) -> Vec<(String, String)> {
    let mut found = Vec::new();
    for panel in panels.as_array().into_iter().flatten() {
        let title = panel["title"].as_str().unwrap_or_default();
        let targets = panel["targets"].as_array().into_iter().flatten();
        found.extend(targets.filter_map(|target| Some((title.to_owned(), target["expr"].as_str()?.to_owned()))));
        found.extend(queries(&panel["panels"]));
    }
    found
}

/// Puts values in the place of variables, as Grafana does before it asks.
fn fill(query: &str) -> String {
    let mut filled = query.to_owned();
    // The longer name first where one begins like another.
    for (name, value) in
        [("__rate_interval", "20s"), ("__interval", "5s"), ("__range", "60s"), ("job", ".+"), ("instance", ".+")]
    {
        for form in [format!("${{{name}}}"), format!("${{{name}:regex}}"), format!("${name}")] {
            filled = filled.replace(&form, value);
        }
    }
    assert!(!filled.contains('$'), "a variable that this test does not know: {filled}");
    filled
}

#[tokio::test]
async fn every_query_of_the_fleet_dashboard_returns_data() {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("../grafana/dashboards/fleet.json");
    let dashboard: Value = serde_json::from_str(&std::fs::read_to_string(file).unwrap()).unwrap();
    let queries = queries(&dashboard["panels"]);
    assert!(queries.len() > 10, "{queries:?}");

    let world = World::whole().await;
    let _xserver = world.host("xserver-bot", "xserver").keeps_pushing();
    let _web = world.host("host", "web-1").keeps_pushing();

    for (title, query) in &queries {
        let query = fill(query);
        let has_data = async || world.query(&query).await.iter().any(|sample| sample.value.is_finite()).then_some(());
        world.eventually(&format!("data for `{title}`: {query}"), has_data).await;
    }
    for variable in
        dashboard["templating"]["list"].as_array().unwrap().iter().filter(|variable| variable["type"] == "query")
    {
        let definition = variable["query"]["query"].as_str().unwrap_or_default();
        let (series, label) = definition
            .strip_prefix("label_values(")
            .and_then(|rest| rest.strip_suffix(')')?.rsplit_once(", "))
            .unwrap();
        let values: BTreeSet<_> =
            world.query(series).await.into_iter().filter_map(|sample| sample.labels.get(label).cloned()).collect();
        assert!(values.len() > 1, "{definition}: {values:?}");
    }
}
