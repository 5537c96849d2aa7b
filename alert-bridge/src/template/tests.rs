use super::*;

fn build(title: &str, body: &str, line: &str) -> Result<Templates, String> {
    let some = |text: &str| (!text.is_empty()).then(|| text.to_owned());
    let texts = TemplateTexts { title: some(title), body: some(body), line: some(line) };
    let escape = |text: &str| text.replace('*', "\\*");
    Templates::build(texts, escape, Arc::new(|moment: jiff::Timestamp| format!("<t:{}:R>", moment.as_second())))
        .map_err(|fault| fault.to_string())
}

fn sample(place: usize) -> Message {
    sample::messages().swap_remove(place)
}

#[test]
fn a_template_says_what_a_message_knows() {
    let templates = build(
        "{{ mark }} {{ title }} ({{ alerts|length }})",
        "{% for alert in alerts %}\n{{ alert.level_word }}: {{ alert.headline }} {{ alert.value }} > {{ alert.threshold }}, {{ alert.when }}{{ alert.labels.team }}\n{% endfor %}",
        "{{ alert.alert }} on {{ alert.labels.instance }} · {{ alert.annotations.summary }}",
    )
    .unwrap();
    let message = sample(0);
    assert_eq!(templates.title(&message).unwrap(), "🔴 HostHighCPU — db-1 (1)");
    assert_eq!(
        templates.body(&message).unwrap(),
        "Critical: CPU of db-1 is busy 93 % > 80 %, started <t:1795590863:R>"
    );
    assert_eq!(
        templates.line(&message, &message.entries[0]).unwrap(),
        "HostHighCPU on db-1:9100 · CPU of db-1 is busy"
    );
}

#[test]
fn without_a_template_the_built_in_words_stand() {
    let templates = build("{{ title }}", "", "").unwrap();
    assert_eq!(templates.body(&sample(0)), None);
    assert_eq!(Templates::default().title(&sample(0)), None);
}

#[test]
fn no_label_becomes_markup_unless_the_template_says_so() {
    let mut message = sample(0);
    message.title = "*bold* \u{1b}[31m".to_owned();
    assert_eq!(build("{{ title }}", "", "").unwrap().title(&message).unwrap(), "\\*bold\\* [31m");
    assert_eq!(build("{{ title|safe }}", "", "").unwrap().title(&message).unwrap(), "*bold* [31m");
    message.title = "{{ 7 * 7 }}{% raw %}".to_owned();
    assert_eq!(build("{{ title }}", "", "").unwrap().title(&message).unwrap(), "{{ 7 \\* 7 }}{% raw %}");
}

#[test]
fn what_would_fail_on_an_alert_fails_at_start_with_its_line() {
    for (body, wanted) in [
        ("a\n{{ titel }}", "templates.body line 2: undefined value"),
        ("a\nb\n{% for x in %}", "templates.body line 3: syntax error"),
        ("{{ title|shout }}", "templates.body line 1: unknown filter"),
        ("{% include 'x' %}", "templates.body line 1:"),
        ("{{ alerts[0].labels.instance.x.y }}", "templates.body line 1:"),
        ("{% for a in range(100000) %}{% for b in range(100000) %}{% endfor %}{% endfor %}", "computes too much"),
        ("{% for a in range(90000) %}xxxxxxxxxx{% endfor %}", "writes more than"),
    ] {
        let refusal = build("", body, "").err().unwrap_or_else(|| panic!("{body} was taken"));
        assert!(refusal.contains(wanted), "{body}: {refusal}");
    }
    assert!(build("", "", "{{ alert.nmae }}").err().unwrap().contains("templates.line line 1"));
    assert!(build(&"x".repeat(20_000), "", "").err().unwrap().contains("20000 bytes"));
}

#[test]
fn a_template_that_fails_later_leaves_the_built_in_words() {
    // Good on every sample, and wrong on an alert called `evil`.
    let templates = build("{% if title == 'evil' %}{{ nothing }}{% endif %}{{ title }}", "", "").unwrap();
    let mut message = sample(0);
    assert!(templates.title(&message).is_some());
    message.title = "evil".to_owned();
    assert_eq!(templates.title(&message), None);
}
