//! Officer and witness in one: they do and answer what the station says.

use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::panic::resume_unwind;
use std::rc::Rc;
use std::time::Duration;

use glasskey::console::view::View;
use glasskey::console::{Console, ConsoleError};
use glasskey::secret::Secret;

use crate::bus::Bus;
use crate::papers::Pile;
use crate::power::{Mishap, Power, PowerCut};

/// So many looks at a silent console mean that nobody knows how to go on.
const PATIENCE: u32 = 20;
/// More questions than any ceremony of two keys has.
const QUESTIONS: usize = 150;

/// What the people know and hold, whatever the station forgets.
pub(crate) struct Hands {
    pub(crate) bus: Bus,
    pub(crate) pile: Rc<RefCell<Pile>>,
    /// The label that each key was to get when it was put in last.
    pub(crate) labels: Vec<Option<String>>,
    /// Keys that were put aside, with their labels.
    pub(crate) aside: Vec<(usize, String)>,
    /// The label that the station announced last.
    announced: String,
    /// Keys that need not be put in any more.
    done: Vec<usize>,
    /// Whether a key that was in hand at a power cut gives way to a new one.
    pub(crate) takes_spare: bool,
    /// What is done when the station asks for the stick, or for another try.
    pub(crate) mends: Option<Mishap>,
    /// Device number of the printer.
    pub(crate) printer: Rc<Cell<u16>>,
    bags: usize,
}

impl Hands {
    pub(crate) fn new(bus: Bus, keys: usize, pile: &Rc<RefCell<Pile>>) -> Self {
        Self {
            bus,
            pile: Rc::clone(pile),
            labels: vec![None; keys],
            aside: Vec::new(),
            announced: String::new(),
            done: Vec::new(),
            takes_spare: false,
            mends: None,
            printer: Rc::default(),
            bags: 0,
        }
    }

    /// The key with this label.
    pub(crate) fn labelled(&self, label: &str) -> Option<usize> {
        self.labels.iter().position(|l| l.as_deref() == Some(label))
    }

    fn put_in_next(&mut self) {
        let marked = self.labelled(&self.announced);
        let key = match marked {
            Some(key) if self.takes_spare => {
                self.aside.push((key, self.announced.clone()));
                self.labels[key] = None;
                self.fresh()
            }
            Some(key) => key,
            None => self.fresh(),
        };
        self.takes_spare = false;
        self.bus.plug(key);
    }

    /// A key that nobody put in yet.
    fn fresh(&self) -> usize {
        let is_fresh = |key: &usize| self.labels[*key].is_none() && self.aside.iter().all(|(a, _)| a != key);
        (0..self.labels.len()).find(is_fresh).unwrap()
    }

    fn put_in_registered(&mut self) {
        let is_left = |key: &usize| self.labels[*key].is_some() && !self.done.contains(key);
        let key = (0..self.labels.len()).find(is_left).unwrap();
        self.bus.plug(key);
    }
}

/// Both people at a station that is on.
pub(crate) struct Person<'a> {
    pub(crate) hands: &'a mut Hands,
    pub(crate) power: Rc<Power>,
    /// Everything that the station said since it was switched on.
    pub(crate) told: Vec<String>,
    /// Whether the power is cut at the first question after who they are.
    pub(crate) leaves: bool,
    pulled: Option<usize>,
    pending: VecDeque<String>,
    idle: u32,
    asked: usize,
}

impl<'a> Person<'a> {
    pub(crate) fn new(hands: &'a mut Hands, power: &Rc<Power>) -> Self {
        Self {
            hands,
            power: Rc::clone(power),
            told: Vec::new(),
            leaves: false,
            pulled: None,
            pending: VecDeque::new(),
            idle: 0,
            asked: 0,
        }
    }

    fn mend(&mut self) {
        if let Some(mend) = self.hands.mends.take() {
            mend();
        }
    }

    fn answer(&mut self, question: &str) -> Option<String> {
        let between = |from: &str, to: &str| {
            let rest = question.split_once(from)?.1;
            Some(rest.split(to).next()?.trim().to_owned())
        };
        let is = |part: &str| question.contains(part);
        if is("Officer, type your initials") || is("Witness, type your initials") {
            between("(", " =")
        } else if is("to agree, or no") {
            between("type your initials ", " to agree")
        } else if is("Erase this key?") {
            let label = between("it becomes the key ", " for")?;
            let key = self.hands.bus.plugged()?;
            self.hands.labels[key] = Some(label);
            Some("yes".into())
        } else if is("type the label id you read") {
            // The label on the key in hand, printed in this pass or in the first one.
            let label = self.hands.labels[self.hands.bus.plugged()?].clone()?;
            self.hands.pile.borrow().labels.contains(&label).then_some(label)
        } else if is("Number of the bag") {
            self.hands.bags += 1;
            Some(format!("B-{}", self.hands.bags))
        } else if is("Why? One line") {
            Some("the power failed".into())
        } else if is("Press Enter when the stick is in") {
            self.mend();
            Some(String::new())
        } else if is("Try again when the cause is removed") {
            self.mend();
            Some("yes".into())
        } else if is("come out whole?") || is("Try again") || is("Go on with this stick?") {
            Some("yes".into())
        } else {
            None
        }
    }
}

impl Console for Person<'_> {
    fn tell(&mut self, text: &str) -> Result<(), ConsoleError> {
        self.power.call();
        self.idle = 0;
        self.told.push(text.to_owned());
        if let Some(rest) = text.trim_start().strip_prefix("=== Key ") {
            let label = rest.split_once("label ").map(|(_, rest)| rest.split(',').next());
            label
                .flatten()
                .unwrap_or_default()
                .clone_into(&mut self.hands.announced);
        }
        if text.starts_with("=== Second pass") {
            self.hands.done.clear();
        }
        if text.starts_with("** The key ") {
            self.hands.done.extend(self.hands.bus.plugged());
        }
        // A key that was sealed while the power failed: the station says that it has its final PIN.
        if text.contains("has its final PIN already") {
            self.hands.done.extend(self.hands.bus.plugged());
        }
        if text.contains("Switch the printer off now") {
            // And on, between two looks at the bus.
            self.hands.printer.set(self.hands.printer.get() + 1);
        }
        if text.contains("Take out every security key") || text.contains("ake the key out now") {
            self.pulled = self.hands.bus.pull().or(self.pulled);
        } else if text.contains("Put in the security key for this label") {
            self.hands.put_in_next();
        } else if text.contains("Put in a registered key") {
            self.hands.put_in_registered();
        } else if text.contains("Put it back into the same socket")
            && let Some(key) = self.pulled
        {
            self.hands.bus.plug(key);
        }
        Ok(())
    }

    fn ask(&mut self, question: &str) -> Result<(), ConsoleError> {
        self.power.call();
        self.idle = 0;
        self.asked += 1;
        if self.leaves && self.asked > 2 {
            resume_unwind(Box::new(PowerCut));
        }
        self.told.push(question.to_owned());
        let unexpected = || ConsoleError::Unexpected {
            question: question.to_owned(),
            expected: String::new(),
        };
        if self.asked > QUESTIONS {
            return Err(unexpected());
        }
        let answer = self.answer(question).ok_or_else(unexpected)?;
        self.pending = VecDeque::from([answer]);
        Ok(())
    }

    fn withdraw(&mut self) -> Result<(), ConsoleError> {
        self.power.call();
        self.pending.clear();
        Ok(())
    }

    fn poll(&mut self, _: Duration) -> Result<Option<String>, ConsoleError> {
        self.power.call();
        self.idle += 1;
        if self.idle > PATIENCE {
            return Err(ConsoleError::Closed);
        }
        Ok(self.pending.pop_front())
    }

    fn ask_hidden(&mut self, question: &str) -> Result<Secret<String>, ConsoleError> {
        self.power.call();
        let part = if question.to_lowercase().contains("officer") {
            "copper lamp one"
        } else {
            "sieben Vögel"
        };
        Ok(Secret::new(part.to_owned()))
    }

    fn show(&mut self, _: &View) -> Result<(), ConsoleError> {
        self.power.call();
        Ok(())
    }
}
