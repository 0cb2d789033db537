//! The report as a PDF: A4 pages with the same content as the HTML, in black.

use crate::inventory::Kind;
use crate::inventory::event::stamp;
use crate::paper::LayoutError;
use crate::paper::font::Style;
use crate::paper::page::{Align, Millimetres, Page, PaperSize, at};
use crate::printer::pdf;

use super::content::{Account, Content, Line, NextDrill, Weight};
use super::html::{day, legend, papers, usable};

const LEFT: Millimetres = 15.0;
const RIGHT: Millimetres = 195.0;
const TOP: Millimetres = 16.0;
const BOTTOM: Millimetres = 280.0;
const LEADING: Millimetres = 3.7;

const TITLE: Style = Style::sans(16.0);
const HEADING: Style = Style::sans(12.0);
const NAME: Style = Style::sans(9.5);
const TEXT: Style = Style::sans(8.0);
const SMALL: Style = Style::sans(7.0);
const LABEL: Style = Style::mono(9.0);

/// Left edge and width of each column of keys.
const COLUMNS: [(&str, Millimetres, Millimetres); 7] = [
    ("Key", LEFT, 33.0),
    ("State", 49.5, 16.5),
    ("Kept by and where", 67.5, 38.0),
    ("Slip and bags", 107.0, 28.0),
    ("Last proof", 136.5, 17.0),
    ("Last drill", 156.5, 17.0),
    ("Next drill", 176.5, 18.5),
];

/// Left edge and width of each column of findings.
const FINDING: [(&str, Millimetres, Millimetres); 3] = [
    ("Weight", LEFT, 16.0),
    ("About", 32.5, 62.0),
    ("Finding", 96.0, 99.0),
];

/// Lays the report out and writes it; a character that the fonts lack becomes `?`.
pub fn render(content: &Content) -> Result<Vec<u8>, LayoutError> {
    let mut flow = Flow {
        pages: vec![Page::new(PaperSize::A4)],
        y: TOP + 4.0,
    };
    head(&mut flow, content)?;
    findings(&mut flow, content)?;
    flow.heading("Accounts and keys")?;
    if content.accounts.is_empty() {
        flow.text(TEXT, "The inventory holds no key.")?;
    }
    for account in &content.accounts {
        section(&mut flow, account)?;
    }
    flow.need(14.0);
    flow.y += 6.0;
    flow.text(SMALL, &legend(content.days))?;
    number(&mut flow.pages, content)?;
    Ok(pdf::render(&flow.pages))
}

/// The pages so far, and the next baseline on the last of them.
struct Flow {
    pages: Vec<Page>,
    y: Millimetres,
}

/// Lines of one cell.
type Cell = Vec<(Style, String)>;

impl Flow {
    /// Begins a new page unless there is room; true if it did.
    fn need(&mut self, height: Millimetres) -> bool {
        let full = self.y + height > BOTTOM;
        if full {
            self.pages.push(Page::new(PaperSize::A4));
            self.y = TOP + 4.0;
        }
        full
    }

    fn write(&mut self, x: Millimetres, y: Millimetres, style: Style, text: &str) -> Result<(), LayoutError> {
        let text = style.legible(text);
        let Some(page) = self.pages.last_mut() else {
            return Ok(());
        };
        page.write(at(x, y), Align::Left, style, "report", &text)
    }

    fn rule(&mut self, y: Millimetres, thickness: Millimetres) {
        if let Some(page) = self.pages.last_mut() {
            page.line(at(LEFT, y), at(RIGHT, y), thickness);
        }
    }

    /// A paragraph over the whole width.
    fn text(&mut self, style: Style, text: &str) -> Result<(), LayoutError> {
        for line in style.wrapped(&style.legible(text), RIGHT - LEFT) {
            self.need(LEADING);
            self.write(LEFT, self.y, style, &line)?;
            self.y += LEADING + 0.4;
        }
        Ok(())
    }

    fn heading(&mut self, text: &str) -> Result<(), LayoutError> {
        self.need(34.0);
        self.y += 7.0;
        self.write(LEFT, self.y, HEADING, text)?;
        self.rule(self.y + 1.6, 0.4);
        self.y += 6.4;
        Ok(())
    }

    fn captions(&mut self, columns: &[(&str, Millimetres, Millimetres)]) -> Result<(), LayoutError> {
        for (caption, x, _) in columns {
            self.write(*x, self.y, SMALL, caption)?;
        }
        self.rule(self.y + 1.3, 0.2);
        self.y += 5.0;
        Ok(())
    }

    /// One row, whole on one page; the captions are repeated on a new page.
    fn row(
        &mut self,
        columns: &[(&str, Millimetres, Millimetres)],
        cells: Vec<Cell>,
    ) -> Result<(), LayoutError> {
        let cells: Vec<Cell> = cells
            .into_iter()
            .zip(columns)
            .map(|(cell, (_, _, width))| wrapped(cell, *width))
            .collect();
        let lines = cells.iter().map(Vec::len).max().unwrap_or(0);
        #[expect(clippy::cast_precision_loss, reason = "a row has a few lines")]
        let height = lines as Millimetres * LEADING;
        if self.need(height + 1.0) {
            self.captions(columns)?;
        }
        for (cell, (_, x, _)) in cells.iter().zip(columns) {
            let mut y = self.y;
            for (style, line) in cell {
                self.write(*x, y, *style, line)?;
                y += LEADING;
            }
        }
        self.y += height;
        self.rule(self.y - 2.3, 0.08);
        self.y += 1.5;
        Ok(())
    }
}

fn wrapped(cell: Cell, width: Millimetres) -> Cell {
    cell.into_iter()
        .flat_map(|(style, text)| {
            let lines = style.wrapped(&style.legible(&text), width);
            lines.into_iter().map(move |line| (style, line))
        })
        .collect()
}

fn head(flow: &mut Flow, content: &Content) -> Result<(), LayoutError> {
    let made = stamp(content.made);
    flow.write(LEFT, flow.y, TITLE, "Security keys of emergency-access accounts")?;
    flow.y += 6.5;
    let state = format!(
        "State of {} on {}, {} UTC",
        content.inventory,
        &made[..10],
        &made[11..16]
    );
    flow.text(NAME, &state)?;
    if content.kind == Some(Kind::Rehearsal) {
        flow.y += 1.5;
        flow.text(HEADING, "REHEARSAL: no key in this report guards a real account.")?;
    }
    flow.y += 2.5;
    let (overdue, soon) = content.drills();
    let act = content
        .findings
        .iter()
        .filter(|f| f.weight == Weight::Act)
        .count();
    let figures = format!(
        "{} accounts, {} keys. Drills: {overdue} overdue, {soon} within 14 days. Findings to act on: {act}.",
        content.accounts.len(),
        content.keys(),
    );
    flow.text(NAME, &figures)?;
    let states = content
        .totals
        .iter()
        .map(|(state, count)| format!("{count} {}", state.word()));
    flow.text(TEXT, &states.collect::<Vec<_>>().join(" · "))
}

fn findings(flow: &mut Flow, content: &Content) -> Result<(), LayoutError> {
    flow.heading("Findings")?;
    if content.findings.is_empty() {
        return flow.text(
            TEXT,
            "None: every account has two keys or more, proven, drilled in time and kept apart.",
        );
    }
    flow.captions(&FINDING)?;
    for finding in &content.findings {
        let word = match finding.weight {
            Weight::Act => "ACT NOW",
            other => other.word(),
        };
        let cells = [word, &finding.about, &finding.text].map(|text| vec![(TEXT, text.to_owned())]);
        flow.row(&FINDING, cells.to_vec())?;
    }
    Ok(())
}

fn section(flow: &mut Flow, account: &Account) -> Result<(), LayoutError> {
    // A heading stays with the first of its keys.
    flow.need(30.0);
    flow.y += 3.0;
    flow.write(LEFT, flow.y, NAME, &account.name)?;
    flow.y += 4.2;
    flow.write(LEFT, flow.y, TEXT, &usable(account))?;
    flow.y += 5.0;
    flow.captions(&COLUMNS)?;
    for line in &account.keys {
        flow.row(&COLUMNS, cells(line))?;
    }
    Ok(())
}

fn cells(line: &Line) -> Vec<Cell> {
    let key = &line.key;
    let one = |text: String| vec![(TEXT, text)];
    let mut next = one(day(match line.drill {
        NextDrill::None => None,
        NextDrill::Later(due) | NextDrill::Soon(due) | NextDrill::Overdue(due) => Some(due),
    }));
    match line.drill {
        NextDrill::Overdue(_) => next.push((TEXT, "OVERDUE".into())),
        NextDrill::Soon(_) => next.push((TEXT, "soon".into())),
        NextDrill::None | NextDrill::Later(_) => {}
    }
    vec![
        vec![(LABEL, key.label.to_string()), (SMALL, key.product.clone())],
        one(key.state.word().to_owned()),
        vec![
            (
                TEXT,
                key.custodian.clone().unwrap_or_else(|| "not recorded".into()),
            ),
            (
                SMALL,
                key.safe.clone().unwrap_or_else(|| "no safe recorded".into()),
            ),
        ],
        papers(line).into_iter().map(|paper| (SMALL, paper)).collect(),
        one(day(key.proven)),
        one(day(key.drilled)),
        next,
    ]
}

/// Page numbers, once it is known how many pages there are.
fn number(pages: &mut [Page], content: &Content) -> Result<(), LayoutError> {
    let total = pages.len();
    let made = stamp(content.made);
    for (page, number) in pages.iter_mut().zip(1..) {
        page.line(at(LEFT, 284.0), at(RIGHT, 284.0), 0.1);
        let left = format!("glasskey {}, {made}", env!("CARGO_PKG_VERSION"));
        page.write(at(LEFT, 288.0), Align::Left, SMALL, "report", &left)?;
        let right = format!("Page {number} of {total}");
        page.write(at(RIGHT, 288.0), Align::Right, SMALL, "report", &right)?;
    }
    Ok(())
}
