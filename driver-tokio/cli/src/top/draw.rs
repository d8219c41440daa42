//! The screen.

use super::state::State;
use crate::{
    output::span_ms,
    render::{label, plain_event},
    rings::text::mark,
    rows::MemberRow,
};
use ratatui::{
    Frame,
    layout::{Constraint, Layout},
    style::{Color, Modifier, Style},
    text::{Line, Span},
    widgets::{Block, Cell, Paragraph, Row, Table},
};
use std::time::Duration;

/// What the traffic panel shows, under which names.
const PURPOSES: [(&str, &str); 8] = [
    ("pings", "pings"),
    ("records", "records"),
    ("announce", "announce"),
    ("want", "want"),
    ("walk", "walks"),
    ("requests", "requests"),
    ("streams", "streams"),
    ("broadcasts", "broadcast"),
];

pub(super) fn all(frame: &mut Frame<'_>, state: &State) {
    let [head, middle, events, keys] = Layout::vertical([
        Constraint::Length(2),
        Constraint::Min(6),
        Constraint::Length(8),
        Constraint::Length(1),
    ])
    .areas(frame.area());
    let [members, side] = Layout::horizontal([Constraint::Min(40), Constraint::Length(38)]).areas(middle);
    frame.render_widget(Paragraph::new(header(state)), head);
    frame.render_widget(table(state), members);
    let [traffic, figures] = Layout::vertical([Constraint::Min(10), Constraint::Length(9)]).areas(side);
    frame.render_widget(Paragraph::new(bytes(state)).block(Block::bordered().title(" bytes/s ")), traffic);
    frame.render_widget(Paragraph::new(counts(state)).block(Block::bordered().title(" figures ")), figures);
    let lines: Vec<_> =
        state.events.iter().map(|row| Line::styled(plain_event(row), colour(&row.event))).collect();
    frame.render_widget(
        Paragraph::new(lines).block(Block::bordered().title(" events, newest first ")),
        events,
    );
    let help = " q ends   ↑ ↓ PgUp PgDn scroll   s shows one state after the other";
    frame.render_widget(Paragraph::new(help).style(Style::new().add_modifier(Modifier::DIM)), keys);
}

fn header(state: &State) -> Vec<Line<'static>> {
    let me = state.members.iter().find(|row| row.me);
    let id = me.map_or_else(String::new, label);
    let joined = if state.figure("ifrit_joined") > 0.0 { "joined" } else { "not joined yet" };
    let uptime = Duration::from_secs_f64(state.figure("ifrit_uptime_seconds").max(0.0));
    let mut counts = vec![Span::raw(format!(" {} members:", state.members.len()))];
    for name in ["live", "accused", "down", "gray", "left", "expired", "revoked"] {
        let count = state.count(name);
        if count > 0 {
            counts.push(Span::styled(format!("  {} {count} {name}", mark(name)), colour(name)));
        }
    }
    let agree = (state.figure("ifrit_neighbours_agreeing"), state.figure("ifrit_neighbours"));
    counts.push(Span::raw(format!("   {} of {} neighbours have the same view", agree.0, agree.1)));
    let title = format!(" ifrit {id}  {joined}  up {}", span_ms(uptime.as_millis() as u64));
    vec![Line::styled(title, Style::new().add_modifier(Modifier::BOLD)), Line::from(counts)]
}

fn table(state: &State) -> Table<'static> {
    let rows: Vec<_> = state.shown().skip(state.first).map(row).collect();
    let widths = [
        Constraint::Length(18),
        Constraint::Length(10),
        Constraint::Length(12),
        Constraint::Length(9),
        Constraint::Fill(1),
    ];
    let shown =
        state.filter().map_or_else(|| " members ".to_owned(), |state| format!(" members that are {state} "));
    let head = Row::new(["MEMBER", "STATE", "SINCE", "RTT", "ADDRESSES"]);
    Table::new(rows, widths)
        .header(head.style(Style::new().add_modifier(Modifier::BOLD)))
        .block(Block::bordered().title(shown))
}

fn row(member: &MemberRow) -> Row<'static> {
    let name = format!("{} {}", label(member), if member.me { "*" } else { "" });
    let rtt = member.rtt_ms.map_or_else(|| "-".to_owned(), |ms| format!("{ms:.2} ms"));
    let addrs: Vec<_> = member.addrs.iter().map(ToString::to_string).collect();
    let cells = [
        name,
        format!("{} {}", mark(&member.state), member.state),
        span_ms(member.since_ms),
        rtt,
        addrs.join(" "),
    ];
    Row::new(cells.map(Cell::from)).style(colour(&member.state))
}

fn bytes(state: &State) -> Vec<Line<'static>> {
    let mut lines = vec![format!("{:<12}{:>11}{:>11}", "", "sent", "received")];
    for (purpose, name) in PURPOSES {
        let rate = |way: &str| state.rate(&format!("ifrit_{way}_bytes_total purpose={purpose}"));
        lines.push(format!("{name:<12}{:>11.0}{:>11.0}", rate("sent"), rate("received")));
    }
    let udp = |way: &str| state.rate(&format!("ifrit_udp_bytes_total direction={way}"));
    lines.push(format!("{:<12}{:>11.0}{:>11.0}", "all UDP", udp("sent"), udp("received")));
    lines.into_iter().map(Line::from).collect()
}

fn counts(state: &State) -> Vec<Line<'static>> {
    let made = state.figure("ifrit_accusations_made_total");
    let answers = (state.figure("ifrit_rebuttals_made_total"), state.figure("ifrit_rebuttals_seen_total"));
    let lines = [
        format!("links            {}", state.figure("ifrit_links")),
        format!("pings/s          {:.1}", state.rate("ifrit_pings_sent_total")),
        format!("accused others   {made}"),
        format!("rebuttals        {} own, {} seen", answers.0, answers.1),
        format!("signatures/s     {:.1}", state.rate("ifrit_signatures_verified_total")),
        format!("refused/s        {:.1}", state.rate("ifrit_inputs_refused_total")),
        format!("late             {}", state.figure("ifrit_late_total")),
    ];
    lines.into_iter().map(Line::from).collect()
}

/// As in the other tools.
fn colour(what: &str) -> Style {
    match what {
        "live" => Style::new(),
        "up" | "rebutted" | "joined" => Style::new().fg(Color::Green),
        "left" | "updated" | "watching" => Style::new().add_modifier(Modifier::DIM),
        "accused" | "gray" | "expired" | "slow" | "lagged" | "seeds-unreachable" => {
            Style::new().fg(Color::Yellow)
        }
        _ => Style::new().fg(Color::Red),
    }
}

#[cfg(test)]
mod tests {
    use super::{super::state::tests::figure, *};
    use crate::rows::EventRow;
    use ratatui::{Terminal, backend::TestBackend};
    use std::time::Instant;

    fn screen(state: &State, width: u16, height: u16) -> String {
        let mut terminal = Terminal::new(TestBackend::new(width, height)).expect("no terminal is needed");
        terminal.draw(|frame| all(frame, state)).expect("it draws");
        terminal.backend().to_string()
    }

    #[test]
    fn the_screen_shows_members_traffic_and_events_at_any_size() {
        let mut state = State::default();
        let member = |c: char, member: &str| MemberRow {
            id: format!("m-{}", c.to_string().repeat(52)),
            state: member.to_owned(),
            me: c == 'a',
            rtt_ms: Some(1.5),
            addrs: vec![([127, 0, 0, 1], 8301).into()],
            ..MemberRow::default()
        };
        let members = || vec![member('a', "live"), member('b', "down")];
        let sent = |bytes| {
            vec![figure("ifrit_sent_bytes_total", "purpose=pings", bytes), figure("ifrit_joined", "", 1.0)]
        };
        let start = Instant::now();
        state.seen(members(), sent(0.0), start);
        state.seen(members(), sent(500.0), start + Duration::from_secs(1));
        state.happened(EventRow {
            event: "down".into(),
            member: Some(member('b', "down").id),
            ..EventRow::default()
        });
        let text = screen(&state, 120, 30);
        for part in [
            "m-aaaaaaaa *",
            "✗ down",
            "1.50 ms",
            "127.0.0.1:8301",
            "joined",
            "pings",
            "500",
            "m-bbbbbbbb down",
        ] {
            assert!(text.contains(part), "{part:?} is missing in\n{text}");
        }
        for (width, height) in [(1, 1), (20, 5), (80, 24), (300, 100)] {
            screen(&state, width, height);
        }
    }
}
