//! `ifrit top`: a running agent, live in the terminal.

mod draw;
mod state;

use crate::{
    args::TopArgs,
    control::{
        Ask, Tell,
        client::{ANSWER_TIMEOUT, ask},
    },
    error::bad_input,
    output::Out,
    rows::EventRow,
};
use anyhow::bail;
use ratatui::{
    DefaultTerminal,
    crossterm::event::{self, Event, KeyCode, KeyEvent, KeyEventKind, KeyModifiers},
};
use state::State;
use std::{
    io::IsTerminal,
    path::Path,
    sync::mpsc::{Receiver, sync_channel},
    thread,
    time::{Duration, Instant},
};

/// Events that wait to be drawn; the reader waits when there are more, and the agent then says how many it left out.
const EVENTS_WAITING: usize = 256;
/// Nothing faster than this can be read by anybody.
const INTERVAL_MIN: Duration = Duration::from_millis(100);

/// Looks until it is ended by a key, or by the agent's end.
pub(crate) fn run(args: &TopArgs, out: Out) -> anyhow::Result<()> {
    if out.json() || !std::io::stdout().is_terminal() || !std::io::stdin().is_terminal() {
        return Err(bad_input(
            "`ifrit top` needs a terminal on both ends; in a pipe use `ifrit members`, `ifrit monitor` and `ifrit metrics`, \
             all with --json",
        ));
    }
    // Before the screen is taken: what is wrong is said where it can be read.
    let mut state = State::default();
    look(args.agent.dir(), &mut state)?;
    let events = watch(args.agent.dir())?;
    let mut terminal = ratatui::try_init()?;
    let ended = live(&mut terminal, args, &mut state, &events);
    ratatui::try_restore()?;
    ended
}

/// Events as they happen. The thread ends with the agent, or with this process.
fn watch(dir: &Path) -> anyhow::Result<Receiver<EventRow>> {
    let mut answers = ask(dir, &Ask::Monitor, None)?;
    let (tell, told) = sync_channel(EVENTS_WAITING);
    thread::spawn(move || {
        while let Ok(Some(Tell::Event(row))) = answers.next() {
            if tell.send(row).is_err() {
                return;
            }
        }
    });
    Ok(told)
}

fn live(
    terminal: &mut DefaultTerminal,
    args: &TopArgs,
    state: &mut State,
    events: &Receiver<EventRow>,
) -> anyhow::Result<()> {
    let interval = args.interval.max(INTERVAL_MIN);
    let mut next = Instant::now() + interval;
    loop {
        events.try_iter().for_each(|row| state.happened(row));
        terminal.draw(|frame| draw::all(frame, state))?;
        let left = next.saturating_duration_since(Instant::now()).min(interval);
        if event::poll(left)? {
            if let Event::Key(key) = event::read()?
                && key.kind != KeyEventKind::Release
                && pressed(key, state)
            {
                return Ok(());
            }
            continue;
        }
        look(args.agent.dir(), state)?;
        next = Instant::now() + interval;
    }
}

/// Whether it ends.
fn pressed(key: KeyEvent, state: &mut State) -> bool {
    match key.code {
        KeyCode::Char('q') | KeyCode::Esc => return true,
        // A terminal in raw mode sends no signal.
        KeyCode::Char('c') if key.modifiers.contains(KeyModifiers::CONTROL) => return true,
        KeyCode::Down | KeyCode::Char('j') => state.scroll(1),
        KeyCode::Up | KeyCode::Char('k') => state.scroll(-1),
        KeyCode::PageDown => state.scroll(20),
        KeyCode::PageUp => state.scroll(-20),
        KeyCode::Char('s') => state.next_filter(),
        _ => {}
    }
    false
}

/// One look at members and figures.
fn look(dir: &Path, state: &mut State) -> anyhow::Result<()> {
    let (mut members, mut figures) = (Vec::new(), Vec::new());
    for question in [Ask::Members, Ask::Metrics] {
        let mut answers = ask(dir, &question, Some(ANSWER_TIMEOUT))?;
        while let Some(tell) = answers.next()? {
            match tell {
                Tell::Member(row) => members.push(row),
                Tell::Figure(row) => figures.push(row),
                _ => bail!("the agent gave an answer to another question: is it another version of ifrit?"),
            }
        }
    }
    state.seen(members, figures, Instant::now());
    Ok(())
}
